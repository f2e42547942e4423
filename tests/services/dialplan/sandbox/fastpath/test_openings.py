"""What a run that begins as an earlier one did finds without a worker is what a worker would have found."""

from __future__ import annotations

from sipwright.services.dialplan.sandbox.fastpath.monty_protocol import Called
from sipwright.services.dialplan.sandbox.fastpath.openings import (
    LONGEST,
    MOST,
    MOST_CALLS,
    SAMPLE,
    STRANGE,
    Opening,
    Openings,
)
from sipwright.services.dialplan.sandbox.program import script

OUT = script("out", "x = 1")


def called(*args):
    return Called("log", args, {}, 1, "<python-input-0>", 0), 1, None


def test_the_oldest_is_forgotten_first():
    openings, opening = Openings(), Opening([], None)
    for number in range(MOST + 1):
        openings.keep(OUT, b"%d" % number, opening)

    assert openings.get(OUT, b"0") is None
    assert openings.get(OUT, b"1") is openings.get(OUT, b"%d" % MOST) is opening
    assert openings.get(script("in", "x = 1"), b"1") is None


def test_what_is_long_or_can_be_changed_is_not_kept():
    openings = Openings()
    openings.keep(OUT, b"a", Opening([called()], b"x" * (LONGEST + 1)))
    openings.keep(OUT, b"b", Opening([called()] * (MOST_CALLS + 1), None))
    openings.keep(OUT, b"c", Opening([called(["a"])], None))
    openings.keep(OUT, b"d", Opening([called("a")], None))

    assert [openings.get(OUT, given) is not None for given in (b"a", b"b", b"c", b"d")] == [
        False,
        False,
        False,
        True,
    ]


def test_of_a_script_that_looks_at_what_is_always_new_little_is_kept():
    """It would only drive out what others begin with; once something comes again, all is kept again."""
    openings, text = Openings(), script("other", "x = 1")

    def play(number):
        given = b"%d" % number
        if (is_known := openings.get(text, given) is not None) is False:
            openings.keep(text, given, Opening([], None))
        return is_known

    count = STRANGE + 8 * SAMPLE
    assert not any(play(number) for number in range(count))
    kept = [number for number in range(count) if (text, b"%d" % number) in openings._known]
    assert len(kept) == STRANGE + 8

    assert play(kept[-1])
    assert not play(count)
    assert play(count)
