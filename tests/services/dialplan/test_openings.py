"""What a run that begins as an earlier one did finds without a worker is what a worker would have found."""

from __future__ import annotations

from sipwright.services.dialplan.openings import LONGEST, MOST, MOST_CALLS, Opening, Openings
from sipwright.services.dialplan.wire import Called, Ended


def called(*args):
    return Called("log", args, {}, 1, "<python-input-0>", 0)


def test_the_oldest_is_forgotten_first():
    openings, opening = Openings(), Opening([Ended()], [], None)
    for number in range(MOST + 1):
        openings.keep("out", b"%d" % number, opening)

    assert openings.get("out", b"0") is None
    assert openings.get("out", b"1") is openings.get("out", b"%d" % MOST) is opening
    assert openings.get("in", b"1") is None


def test_what_is_long_or_can_be_changed_is_not_kept():
    openings = Openings()
    openings.keep("out", b"a", Opening([called()], [], b"x" * (LONGEST + 1)))
    openings.keep("out", b"b", Opening([called()] * MOST_CALLS + [Ended()], [None] * MOST_CALLS, None))
    openings.keep("out", b"c", Opening([called(["a"]), Ended()], [None], None))
    openings.keep("out", b"d", Opening([called("a"), Ended()], [None], None))

    assert [openings.get("out", given) is not None for given in (b"a", b"b", b"c", b"d")] == [
        False,
        False,
        False,
        True,
    ]
