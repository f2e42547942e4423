"""Calls between two phones, both played by sipp: how they are answered, how they fail and how they end."""

import pytest

from interop.harness import DOMAIN, until

pytestmark = pytest.mark.peer("sipp")


@pytest.fixture(scope="module")
def switch(start_switch):
    return start_switch()


def ends(cdrs):
    """What the database says of each leg: its number, its status and who hung up."""
    return [(cdr["leg"], cdr["status"], cdr["hung_up_by"]) for cdr in cdrs]


class Pair:
    """Two accounts, the second with a phone that plays a scenario; `call` lets the first one call it."""

    def __init__(self, switch, scenario, **words):
        self.switch = switch
        self.alice, self.bob = switch.new_account(), switch.new_account()
        self.callee = switch.answering(scenario, self.bob, **words)

    def call(self, scenario, **options):
        """Play the caller; returns the traces of both and the CDRs of the legs."""
        caller = self.switch.sipp(scenario, caller=self.alice, dialled=f"{self.bob}@{DOMAIN}", **options)
        cdrs = self.switch.cdrs(caller.sent_request("INVITE").call_id, legs=2)
        return caller, self.callee.finish(), cdrs


def test_the_caller_hangs_up(switch):
    pair = Pair(switch, "answer")

    caller, callee, cdrs = pair.call("call")

    assert caller.statuses == [401, 180, 200]
    assert [request.method for request in callee.received] == ["INVITE", "ACK", "BYE"]
    assert ends(cdrs) == [(0, 200, "caller"), (1, 200, "caller")]
    assert {(cdr["account"], cdr["user"], cdr["direction"]) for cdr in cdrs} == {
        (f"{pair.alice}@{DOMAIN}", "root", "out")
    }
    assert [cdr["target"] for cdr in cdrs] == [None, f"sip:{pair.bob}@{DOMAIN}"]
    assert all(cdr["started_at"] <= cdr["rang_at"] <= cdr["answered_at"] <= cdr["ended_at"] for cdr in cdrs)


def test_the_callee_hangs_up(switch):
    caller, _, cdrs = Pair(switch, "answer-then-hang-up").call("call-hung-up-on")

    assert len(caller.requests("BYE")) == 1
    assert ends(cdrs) == [(0, 200, "callee"), (1, 200, "callee")]


def test_the_two_legs_have_nothing_of_their_dialogs_in_common(switch):
    """A B2BUA: tags, Call-ID, Via, Contact and credentials of one side are not seen on the other."""
    caller, callee, _ = Pair(switch, "answer").call("call")

    sent, came = caller.sent_request("INVITE", -1), callee.request("INVITE")
    assert came.call_id != sent.call_id
    assert came.from_tag != sent.from_tag
    assert came.from_.uri == sent.from_.uri
    assert len(came.vias) == 1
    assert came.contacts[0].uri.hostport == f"127.0.0.1:{switch.port}"
    assert "Authorization" not in came.headers
    assert came.max_forwards == 69
    assert caller.response(200, "INVITE").contacts[0].uri.hostport == f"127.0.0.1:{switch.port}"


def test_the_caller_gives_up_while_it_rings(switch):
    caller, callee, cdrs = Pair(switch, "ring-cancelled").call("call-cancel")

    assert caller.statuses == [401, 180, 200, 487]
    assert len(callee.requests("CANCEL")) == 1
    assert ends(cdrs) == [(0, 487, "caller"), (1, 487, "switch")]
    assert [cdr["answered_at"] for cdr in cdrs] == [None, None]


@pytest.mark.parametrize(
    ("status", "reason", "heard"),
    [
        (486, "Busy Here", 486),
        (603, "Decline", 603),
        (488, "Not Acceptable Here", 488),
        (404, "Not Found", 404),
        (401, "Unauthorized", 502),
        (503, "Service Unavailable", 500),
    ],
)
def test_a_phone_refuses(switch, status, reason, heard):
    """A challenge and a 503 are meant for the switch and do not reach the caller (RFC 3261 §16.7)."""
    caller, _, cdrs = Pair(switch, "refuse", status=status, reason=reason).call("call-refused")

    assert caller.statuses == [401, heard]
    assert ends(cdrs) == [(0, heard, "switch"), (1, status, "callee")]


def test_nobody_is_registered(switch):
    caller = switch.sipp(
        "call-refused", caller=switch.new_account(), dialled=f"{switch.new_account()}@{DOMAIN}"
    )

    assert caller.statuses == [401, 480]
    assert ends(switch.cdrs(caller.sent_request("INVITE").call_id)) == [(0, 480, "switch")]


def test_of_two_phones_that_answer_the_second_is_acknowledged_and_hung_up(switch):
    """RFC 3261 §13.2.2.4: a 2xx that crosses our CANCEL gets its ACK, and then a BYE."""
    pair = Pair(switch, "answer-after-cancel", host="127.0.0.2")
    first = switch.answering("answer-at-once", pair.bob, host="127.0.0.3")

    caller, late, cdrs = pair.call("call")

    first.finish()
    assert caller.statuses == [401, 180, 200]
    assert [request.method for request in late.received] == ["INVITE", "CANCEL", "ACK", "BYE"]
    assert sorted(cdr["status"] for cdr in switch.cdrs(cdrs[0]["sip_call_id"], legs=3)) == [200, 200, 487]


def test_an_answer_that_crosses_the_callers_cancel_is_hung_up(switch):
    """RFC 3261 §9.1: the caller hears 487; the callee, who answered nevertheless, gets an ACK and a BYE."""
    caller, callee, cdrs = Pair(switch, "answer-after-cancel").call("call-cancel")

    assert caller.statuses == [401, 180, 200, 487]
    assert [request.method for request in callee.received] == ["INVITE", "CANCEL", "ACK", "BYE"]
    assert ends(cdrs) == [(0, 487, "caller"), (1, 487, "switch")]


def test_the_caller_holds_and_resumes(switch):
    _, callee, cdrs = Pair(switch, "answer-held").call("call-hold")

    directions = [request.body.decode().split("a=")[-1].strip() for request in callee.requests("INVITE")]
    assert directions == ["sendrecv", "sendonly", "sendrecv"]
    assert ends(cdrs) == [(0, 200, "caller"), (1, 200, "caller")]


def test_the_callee_holds_and_resumes(switch):
    caller, _, cdrs = Pair(switch, "answer-hold").call("call-held")

    directions = [request.body.decode().split("a=")[-1].strip() for request in caller.requests("INVITE")]
    assert directions == ["sendonly", "sendrecv"]
    assert ends(cdrs) == [(0, 200, "callee"), (1, 200, "callee")]


def test_an_offer_may_come_with_the_answer(switch):
    """RFC 3264 §4: INVITE without a body, the offer in the 200, the answer in the ACK."""
    caller, callee, _ = Pair(switch, "answer-delayed-offer").call("call-delayed-offer")

    assert callee.request("INVITE").body == b""
    assert b"m=audio 7000" in caller.response(200, "INVITE").body
    assert b"m=audio 6000" in callee.request("ACK").body


def test_early_media_reaches_the_caller(switch):
    caller, _, _ = Pair(switch, "answer-early-media").call("call")

    assert caller.statuses == [401, 183, 200]
    assert b"m=audio 7000" in caller.response(183).body


def test_glare_is_answered_491(switch):
    """RFC 3261 §14.2: a re-INVITE that meets one from the other end has to wait."""
    caller, callee, cdrs = Pair(switch, "answer-glare").call("call-hold")

    assert callee.statuses == [491]
    assert caller.requests("INVITE") == []
    assert ends(cdrs) == [(0, 200, "caller"), (1, 200, "caller")]


def test_info_and_options_cross_a_call(switch):
    _, callee, _ = Pair(switch, "answer-info").call("call-info")

    info = callee.request("INFO")
    assert (info.content_type, info.body) == ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n")


def test_a_caller_on_tcp_reaches_a_phone_on_udp(switch):
    caller, callee, cdrs = Pair(switch, "answer").call("call", protocol="tcp")

    assert caller.response(200, "INVITE").contacts[0].uri.transport == "tcp"
    assert callee.request("INVITE").top_via.transport == "UDP"
    assert ends(cdrs) == [(0, 200, "caller"), (1, 200, "caller")]


def test_a_stranger_calls_an_account(switch):
    """No account of ours is in the From, so nobody is challenged."""
    bob = switch.new_account()
    callee = switch.answering("answer", bob)

    caller = switch.sipp("call-from-outside", dialled=f"{bob}@{DOMAIN}")

    callee.finish()
    cdrs = switch.cdrs(caller.sent_request("INVITE").call_id, legs=2)
    assert caller.statuses == [180, 200]
    assert {(cdr["account"], cdr["direction"]) for cdr in cdrs} == {(f"{bob}@{DOMAIN}", "in")}


def test_many_calls_at_once(switch):
    pair = Pair(switch, "answer", calls=200)

    caller = switch.sipp("call", caller=pair.alice, dialled=f"{pair.bob}@{DOMAIN}", calls=200, rate=400)

    callee = pair.callee.finish()
    assert len(callee.requests("INVITE")) == 200
    assert len({message.call_id for message in caller.sent}) == 200
    until(lambda: switch.calls() == [], "no call is left")


def test_no_call_is_left_behind(switch):
    pair = Pair(switch, "answer")

    pair.call("call")

    until(lambda: switch.calls() == [], "no call is left")
