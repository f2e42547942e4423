"""Transfers that the switch places, in a running switch with its scripts; with real phones in `test_baresip.py`."""

import pytest

from interop.harness import DOMAIN, until

pytestmark = pytest.mark.peer("sipp")


@pytest.fixture(scope="module")
def switch(start_switch):
    plans = {
        "placing": 'dial(f"{req.user}@local", transfer="place", ring=10)\n',
        "plain": 'dial(f"{req.user}@local")\n',
        "inplace": 'dial(f"{call.account}@local", transfer="place", limit=600)\n',
        "transfer": """
log(f"{req.from_user} is sent to {req.user} by {req.headers['referred-by']}, {call.direction} of {call.account}")
if req.user == "forbidden":
    respond(603, "Not There")
dial(f"{req.user}@local", from_name="Transferred", ring=10)
""",
    }
    accounts = [("with-placing", "placing", ""), ("with-plain", "plain", ""), ("desk", "", "inplace")]
    return start_switch(accounts, plans)


def fragments(trace):
    return [notify.body.decode().strip() for notify in trace.requests("NOTIFY")]


def of_leg(cdrs):
    return [(cdr["leg"], cdr["status"], cdr["hung_up_by"]) for cdr in cdrs]


def test_the_callee_sends_the_caller_to_a_third(switch):
    """The owner's dialplan `transfer` decides."""
    bob, carol = switch.new_account(), switch.new_account()
    target = switch.answering("answer-transferred", carol, ring=300)
    transferor = switch.answering("answer-refer", bob, target=f"sip:{carol}@{DOMAIN}")
    heard = switch.sipp("call-transferred", caller="with-placing", dialled=f"{bob}@{DOMAIN}")

    other, there = target.finish(), transferor.finish()
    cdrs = switch.cdrs(heard.sent_request("INVITE").call_id, legs=3)

    assert fragments(there) == ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing", "SIP/2.0 200 OK"]
    assert b"m=audio 7000" in heard.request("INVITE").body
    assert b"m=audio 6000" in other.request("ACK").body
    assert other.request("INVITE").from_.display_name == "Transferred"
    assert of_leg(cdrs) == [(0, 200, "caller"), (1, 200, "transfer"), (2, 200, "caller")]
    assert cdrs[1]["ended_at"] == cdrs[2]["answered_at"] > cdrs[1]["answered_at"]
    (inner,) = {
        cdr["call_id"] for cdr in switch.all_cdrs() if cdr["sip_call_id"] == cdrs[2]["sip_call_id"]
    } - {cdrs[0]["call_id"]}
    others = [cdr for cdr in switch.all_cdrs() if cdr["call_id"] == inner]
    assert of_leg(others) == [(0, 200, "transfer"), (1, 200, "transfer")]
    assert {(cdr["direction"], cdr["dialplan"], cdr["user"]) for cdr in others} == {
        ("transfer", "transfer", "root")
    }
    assert until(lambda: not switch.calls(), "no call is left") is True


def test_whoever_was_called_through_a_dialplan_of_their_own_may_transfer(switch):
    """The caller is in a call of its own, which is joined with the one that is transferred inside the switch."""
    carol = switch.new_account()
    target = switch.answering("answer-transferred", carol, ring=100)
    transferor = switch.answering("answer-refer", "desk", target=f"sip:{carol}@{DOMAIN}")
    caller = switch.sipp("call-transferred", caller="with-plain", dialled=f"desk@{DOMAIN}")

    assert fragments(transferor.finish())[-1] == "SIP/2.0 200 OK"
    assert b"m=audio 7000" in caller.request("INVITE").body
    assert b"m=audio 6000" in target.finish().request("ACK").body
    until(lambda: switch.calls() == [], "the end of all calls")


def test_what_the_script_refuses_leaves_the_two_together(switch):
    bob = switch.new_account()
    transferor = switch.answering("answer-refer-refused", bob, target=f"sip:forbidden@{DOMAIN}")
    trace = switch.sipp("call-hung-up-on", caller="with-placing", dialled=f"{bob}@{DOMAIN}")

    assert fragments(transferor.finish()) == ["SIP/2.0 100 Trying", "SIP/2.0 603 Not There"]
    assert of_leg(switch.cdrs(trace.sent_request("INVITE").call_id, legs=2)) == [
        (0, 200, "callee"),
        (1, 200, "callee"),
    ]
    said = [line for event in switch.events("dialplan says") for line in event["lines"]]
    assert f"with-placing is sent to forbidden by <sip:transferor@example.org>, out of {bob}" in said
