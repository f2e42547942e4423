"""What a run that begins as an earlier one did finds without a worker is what a worker would have found."""

from __future__ import annotations

from sipwright.services.dialplan.openings import LONGEST, MOST, MOST_CALLS, Opening, Openings
from sipwright.services.dialplan.script import script
from sipwright.services.dialplan.wire import Called, Ended

OUT = script("out", "x = 1")


def called(*args):
    return Called("log", args, {}, 1, "<python-input-0>", 0)


def test_the_oldest_is_forgotten_first():
    openings, opening = Openings(), Opening([Ended()], [], None)
    for number in range(MOST + 1):
        openings.keep(OUT, b"%d" % number, opening)

    assert openings.get(OUT, b"0") is None
    assert openings.get(OUT, b"1") is openings.get(OUT, b"%d" % MOST) is opening
    assert openings.get(script("in", "x = 1"), b"1") is None


def test_what_is_long_or_can_be_changed_is_not_kept():
    openings = Openings()
    openings.keep(OUT, b"a", Opening([called()], [], b"x" * (LONGEST + 1)))
    openings.keep(OUT, b"b", Opening([called()] * MOST_CALLS + [Ended()], [None] * MOST_CALLS, None))
    openings.keep(OUT, b"c", Opening([called(["a"]), Ended()], [None], None))
    openings.keep(OUT, b"d", Opening([called("a"), Ended()], [None], None))

    assert [openings.get(OUT, given) is not None for given in (b"a", b"b", b"c", b"d")] == [
        False,
        False,
        False,
        True,
    ]
