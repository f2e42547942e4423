"""What a call tells the database: each value in the column of its name."""

from tests.services.switch.conftest import SDP

from sipwright.services.switch.recovery.rows import call_row, cdr_row
from sipwright.store.schema.rows import KINDS


def talk(bench, alice, bob):
    """Let a call be answered that has another value for everything; returns it."""
    alice.invite("sip:bob@example.org")
    bench.run(1)
    bob.answer(bob.last("INVITE"), 180)
    bench.run(1)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    (call,) = bench.switch.calls.values()
    call.identity.account_id, call.identity.user_id = 21, 22
    call.identity.dialplan_id, call.identity.dialplan, call.identity.version = 23, "plan", 24
    call.execution_id = "run"
    return call


def test_a_row_of_calls(bench, alice, bob):
    call = talk(bench, alice, bob)
    *row, document, linked_id = call_row(call)

    assert dict(zip(KINDS["call"].columns, row, strict=False)) == {
        "id": call.id, "node": "n1", "user_id": 22, "account_id": 21, "direction": "in", "state": "talking",
        "from_text": "sip:alice@elsewhere.net", "to_text": "sip:bob@example.org", "started_at": call.started_at,
        "answered_at": call.answered_at,
    }  # fmt: skip
    assert KINDS["call"].columns[-2:] == ("document", "linked_id")
    assert linked_id is None
    assert document.startswith(b'{"format":')


def test_the_rows_of_cdrs(bench, alice, bob):
    call = talk(bench, alice, bob)
    bob.send(bob.in_dialog("BYE", bob.last("INVITE")))
    both = {
        "call_id": call.id, "direction": "in", "account_id": 21, "user_id": 22, "from_uri": "sip:alice@elsewhere.net",
        "to_uri": "sip:bob@example.org", "dialplan": "plan", "dialplan_version": 24, "status": 200, "reason": "OK",
        "hung_up_by": "callee", "execution_id": "run",
    }  # fmt: skip
    caller, callee = (cdr_row(call, leg)._asdict() for leg in (call.caller, *call.legs))

    assert {**caller, **both, "leg": 0, "target": None, "sip_call_id": "call-1"} == caller
    assert {**callee, **both, "leg": 1, "target": "sip:bob@example.org"} == callee
    assert callee["sip_call_id"] == call.legs[0].sip_call_id
    for row in (caller, callee):
        assert row["started_at"] < row["rang_at"] < row["answered_at"] < row["ended_at"]
