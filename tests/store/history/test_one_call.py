"""Who has answered a call, whatever parts it has."""

import pytest

from sipwright.services.rows import CdrRow
from sipwright.store.history.one_call import who_answered


def leg(call_id, number, target=None, *, sip_call_id, answered=None):
    return CdrRow(
        call_id, number, "out", 7, 1, "sip:alice@x", "sip:600@x", target, "out", 1, 1.0, None, answered, 9.0, 200, "OK",
        "caller", sip_call_id, None, None if call_id == "a" else "a",
    )  # fmt: skip


CALLER = leg("a", 0, sip_call_id="s0", answered=3.0)
TO_BOB = leg("a", 1, "bob@local", sip_call_id="s1", answered=3.0)
AT_BOB = leg("b", 0, sip_call_id="s1", answered=3.0)
HIS_PHONE = leg("b", 1, "sip:bob@x", sip_call_id="s2", answered=3.0)
HIS_MOBILE = leg("b", 2, "0871@trunk", sip_call_id="s3", answered=8.0)

PLACED = leg("a", 0, sip_call_id="a.0", answered=4.0)
OWN_PHONE = leg("a", 1, "sip:alice@x", sip_call_id="s5", answered=2.0)


@pytest.mark.parametrize(
    ("legs", "who"),
    [
        ([], None),
        ([CALLER, TO_BOB._replace(answered_at=None)], None),
        ([CALLER, TO_BOB], "bob@local"),
        ([CALLER, TO_BOB, AT_BOB, HIS_PHONE], "sip:bob@x"),
        ([HIS_MOBILE, CALLER, AT_BOB, TO_BOB, HIS_PHONE], "sip:bob@x"),
        ([CALLER, TO_BOB, AT_BOB, HIS_PHONE._replace(sip_call_id="s0")], "sip:bob@x"),
        ([PLACED, OWN_PHONE, TO_BOB._replace(leg=2)], "bob@local"),
        ([PLACED, OWN_PHONE, TO_BOB._replace(leg=2), AT_BOB, HIS_PHONE], "sip:bob@x"),
        ([PLACED._replace(answered_at=None), OWN_PHONE, TO_BOB._replace(answered_at=None)], None),
        ([PLACED._replace(direction="transfer"), TO_BOB], "bob@local"),
    ],
    ids=[
        "none", "nobody", "one part", "behind a dialplan", "transferred later", "a circle", "placed",
        "placed, behind a dialplan", "placed, and refused", "the target of a transfer",
    ],
)  # fmt: skip
def test_who_answered(legs, who):
    assert who_answered("a", legs) == who
