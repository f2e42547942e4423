"""Provisional responses that are acknowledged, with both sides, either and none of them reliable (RFC 3262)."""

import pytest
from tests.services.switch.conftest import SDP, Bench

from sipwright.sip import Response

MAY = (("Supported", "100rel"),)
MUST = (("Require", "100rel"),)


def reliable(rseq):
    return (("Require", "100rel"), ("RSeq", str(rseq)))


def rings(bob, rseq=None, *, status=183, body=True, invite=None, **options):
    """Let bob say something, reliably with a number."""
    sdp = SDP.format(bob.host) if body is True else body
    headers = () if rseq is None else reliable(rseq)
    bob.answer(invite or bob.last("INVITE"), status, body=sdp or None, headers=headers, **options)


def heard(phone, status):
    return [
        m for m in phone.heard if isinstance(m, Response) and m.status == status and m.cseq.method == "INVITE"
    ]


def prack(alice, response, *, rack=None, **options):
    """Let alice acknowledge a response that she heard."""
    rack = rack or f"{response.headers.get('RSeq')} {response.cseq.number} INVITE"
    request = alice.in_dialog("PRACK", response, headers=(("RAck", rack),), **options)
    alice.send(request)
    return request


def is_told_reliably(response):
    return response.headers.get("Require") == "100rel" and response.headers.get("RSeq") is not None


# What is told of it.


def test_the_extension_is_told_and_known(alice, bob):
    alice.invite(headers=MUST)
    invite = bob.last("INVITE")

    assert "100rel" in invite.headers.get_list("Supported")
    assert "PRACK" in invite.headers.get_list("Allow")
    assert "Require" not in invite.headers


def test_without_an_offer_it_is_told_only_for_a_caller_who_could_answer_one(alice, bob):
    """§5: the offer would come in the first reliable response, to be answered in the PRACK."""
    alice.invite(body=None)
    assert "100rel" not in bob.last("INVITE").headers.get_list("Supported")

    alice.invite(body=None, call_id="call-2", headers=MAY)
    assert "100rel" in bob.last("INVITE").headers.get_list("Supported")


# Only the callee is reliable.


def test_what_only_the_callee_says_reliably_is_acknowledged_here(bench, alice, bob):
    alice.invite()
    rings(bob, 7)
    ours = bob.last("PRACK")
    bob.answer(ours, 200)
    rings(bob, 8, status=180, body=False)

    assert (ours.headers.get("RAck"), ours.cseq.number, ours.body) == ("7 1 INVITE", 2, b"")
    assert bob.last("PRACK").headers.get("RAck") == "8 1 INVITE"
    assert [is_told_reliably(m) for m in (*heard(alice, 183), *heard(alice, 180))] == [False, False]


def test_the_answer_that_came_reliably_is_in_the_2xx_for_who_has_not_got_it_so(bench, alice, bob):
    """§5: the callee has answered, and its 2xx has no session description."""
    alice.invite()
    rings(bob, 7)
    bob.answer(bob.last("PRACK"), 200)
    bob.answer(bob.last("INVITE"), 200)
    ok = alice.last(200)
    alice.ack(ok)

    assert ok.body == SDP.format(bob.host).encode()
    assert ok.headers.get("Content-Type") == "application/sdp"
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_a_response_that_comes_again_or_too_early_is_not_acknowledged_again(alice, bob):
    """§4: in order, and each once; the PRACK is repeated by its own transaction."""
    alice.invite()
    rings(bob, 7)
    bob.answer(bob.last("PRACK"), 200)
    alice.clear()
    rings(bob, 7)
    rings(bob, 9, status=180)

    assert [m.headers.get("RAck") for m in bob.heard if m.method == "PRACK"] == ["7 1 INVITE"]
    assert alice.heard == []


def test_each_phone_behind_a_proxy_counts_for_itself(alice, bob):
    alice.invite()
    for tag, rseq in (("one", 7), ("two", 500), ("one", 8)):
        rings(bob, rseq, tag=tag)
    pracks = [m for m in bob.heard if m.method == "PRACK"]

    assert {(m.to_tag, m.headers.get("RAck")) for m in pracks} == {
        ("one", "7 1 INVITE"),
        ("two", "500 1 INVITE"),
        ("one", "8 1 INVITE"),
    }


def test_a_100_is_never_reliable(alice, bob):
    alice.invite()
    bob.answer(bob.last("INVITE"), 100, headers=reliable(7))

    assert bob.methods() == ["INVITE"]


# Only the caller is reliable.


def test_a_caller_who_insists_is_told_everything_reliably(bench, alice, bob):
    alice.invite(headers=MUST)
    rings(bob)
    ringing = alice.last(183)
    prack(alice, ringing)

    assert is_told_reliably(ringing)
    assert alice.statuses("PRACK") == [200]
    assert "PRACK" not in bob.methods()


def test_a_caller_who_does_not_insist_is_told_unreliably_what_was_said_so(alice, bob):
    alice.invite(headers=MAY)
    rings(bob)

    assert not is_told_reliably(alice.last(183))


def test_a_reliable_response_is_repeated_until_it_is_acknowledged(bench, alice, bob):
    """§3: at intervals that double, without a limit of T2."""
    alice.invite(headers=MUST)
    rings(bob, status=180, body=False)
    bench.run(16)
    assert len(heard(alice, 180)) == 6  # 0, 0.5, 1.5, 3.5, 7.5, 15.5 s
    prack(alice, alice.last(180))
    bench.run(40)

    assert len(heard(alice, 180)) == 6


@pytest.mark.parametrize("headers", [MAY, MUST])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_phone_that_rings_for_long_is_told_of_once_more(bench, alice, bob, headers, restarts):
    """§3 and RFC 3261 §13.3.1.1: proxies on the way give up what they hear nothing of for three minutes."""
    alice.invite(headers=headers)
    rings(bob, 7, status=180)
    prack(alice, heard(alice, 180)[0])
    bob.answer(bob.last("PRACK"), 200)
    if restarts:
        bench.restart()
    alice.clear()
    bench.run(155)

    again = heard(alice, 180)
    assert {is_told_reliably(response) for response in again} == {headers is MUST}
    assert {response.body for response in again} == {b""}
    if headers is MUST:
        prack(alice, again[0])
        assert alice.statuses("PRACK") == [200]
    bob.answer(bob.last("INVITE"), 200)
    alice.ack(alice.last(200))
    alice.send(alice.in_dialog("BYE", alice.last(200)))
    bob.answer(bob.last("BYE"), 200)
    assert bench.is_empty()


def test_a_call_whose_caller_acknowledges_nothing_fails(bench, alice, bob):
    alice.invite(headers=MUST)
    rings(bob, status=180, body=False)
    bench.run(33)
    bob.answer(bob.last("CANCEL"), 200)
    bob.answer(bob.last("INVITE"), 487)
    alice.send(alice.request("ACK", "sip:bob@example.org", to=alice.last(504).headers.get("To"), cseq=1,
                             branch=alice.last(504).top_via.branch))  # fmt: skip

    assert bench.cdrs()[0][1] == 504
    assert bench.is_empty()


def test_the_next_one_waits_for_the_acknowledgement_and_has_the_next_number(alice, bob):
    alice.invite(headers=MUST)
    rings(bob, status=180, body=False)
    rings(bob)
    assert heard(alice, 183) == []
    first = alice.last(180)
    prack(alice, first)
    second = alice.last(183)

    assert int(second.headers.get("RSeq")) == int(first.headers.get("RSeq")) + 1


@pytest.mark.parametrize("rack", ["1 1 INVITE", "{} 2 INVITE", "{} 1 BYE", "nonsense"])
def test_a_prack_for_something_else_is_answered_481(alice, bob, rack):
    alice.invite(headers=MUST)
    rings(bob, status=180, body=False)
    ringing = alice.last(180)
    prack(alice, ringing, rack=rack.format(ringing.headers.get("RSeq")))

    assert alice.statuses("PRACK") == [481]


def test_a_prack_to_a_call_without_any_is_answered_481(alice, bob):
    alice.invite()
    rings(bob, status=180, body=False)
    prack(alice, alice.last(180), rack="1 1 INVITE")

    assert alice.statuses("PRACK") == [481]


def test_an_answer_waits_until_a_session_description_is_acknowledged(bench, alice, bob):
    """§3: or the caller would hear two of them in no order."""
    alice.invite(headers=MUST)
    rings(bob)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    assert alice.statuses()[-1] == 183
    assert bob.methods() == ["INVITE"]

    prack(alice, alice.last(183))
    alice.ack(alice.last(200))
    assert bob.methods() == ["INVITE", "ACK"]
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_an_answer_does_not_wait_for_what_has_none(bench, alice, bob):
    alice.invite(headers=MUST)
    rings(bob, status=180, body=False)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    alice.ack(alice.last(200))
    count = len(heard(alice, 180))
    bench.run(20)
    prack(alice, alice.last(180))

    assert len(heard(alice, 180)) == count
    assert alice.statuses("PRACK") == [200]


def test_an_acknowledgement_after_a_refusal_is_taken(alice, bob):
    alice.invite(headers=MUST)
    rings(bob)
    bob.answer(bob.last("INVITE"), 486)
    prack(alice, alice.last(183))

    assert alice.statuses("PRACK") == [200]
    assert alice.statuses()[-1] == 486


def test_a_caller_may_give_up_while_an_answer_waits(bench, alice, bob):
    invite = alice.invite(headers=MUST)
    rings(bob)
    at_bob = bob.last("INVITE")
    bob.answer(at_bob, 200, body=SDP.format(bob.host))
    alice.send(alice.request("CANCEL", invite.uri_text, cseq=1, branch=invite.top_via.branch))
    bob.answer(at_bob, 200, body=SDP.format(bob.host))
    bob.answer(bob.last("BYE"), 200)

    assert alice.statuses()[-1] == 487
    assert bob.methods() == ["INVITE", "ACK", "BYE"]


def test_an_offer_in_a_prack_that_can_go_nowhere_is_refused(alice, bob):
    alice.invite(headers=MUST)
    rings(bob)
    prack(alice, alice.last(183), body=SDP.format(alice.host))

    assert alice.statuses("PRACK") == [488]


# Both are.


def test_what_both_say_reliably_crosses_and_so_does_its_acknowledgement(bench, alice, bob):
    alice.invite(headers=MAY)
    rings(bob, 7)
    assert bob.methods() == ["INVITE"]
    ringing = alice.last(183)
    prack(alice, ringing)
    crossed = bob.last("PRACK")
    bob.answer(crossed, 200)
    bob.answer(bob.last("INVITE"), 200)
    ok = alice.last(200)
    alice.ack(ok)

    assert is_told_reliably(ringing)
    assert ringing.body == SDP.format(bob.host).encode()
    assert (crossed.headers.get("RAck"), crossed.cseq.number) == ("7 1 INVITE", 2)
    assert alice.statuses("PRACK") == [200]
    assert (ok.body, bob.methods()) == (b"", ["INVITE", "PRACK", "ACK"])
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_an_offer_in_a_prack_is_answered_in_its_2xx(bench, alice, bob):
    """§5, across."""
    alice.invite(headers=MAY)
    rings(bob, 7)
    prack(alice, alice.last(183), body=SDP.format(alice.host) + "a=sendonly\r\n")
    crossed = bob.last("PRACK")
    bob.answer(crossed, 200, body=SDP.format(bob.host) + "a=recvonly\r\n")

    assert b"a=sendonly" in crossed.body
    (answer,) = [m for m in alice.heard if isinstance(m, Response) and m.cseq.method == "PRACK"]
    assert b"a=recvonly" in answer.body
    assert answer.headers.get("Content-Type") == "application/sdp"


def test_an_offer_in_a_reliable_response_is_answered_in_the_prack(bench, alice, bob):
    """§5: the INVITE had none."""
    alice.invite(body=None, headers=MAY)
    rings(bob, 7)
    prack(alice, alice.last(183), body=SDP.format(alice.host))
    bob.answer(bob.last("PRACK"), 200)
    bob.answer(bob.last("INVITE"), 200)
    alice.ack(alice.last(200))

    assert bob.last("PRACK").body == SDP.format(alice.host).encode()
    assert (alice.last(200).body, bob.last("ACK").body) == (b"", b"")


def test_private_addresses_are_replaced_in_a_prack_too(bench, alice, bob):
    alice.invite(body=None, headers=MAY)
    rings(bob, 7, body=SDP.format("192.168.1.5"))
    prack(alice, alice.last(183), body=SDP.format("10.9.9.9"))
    bob.answer(bob.last("PRACK"), 200)

    assert b"c=IN IP4 30.0.0.1" in alice.last(183).body
    assert b"c=IN IP4 20.0.0.1" in bob.last("PRACK").body


def test_each_phone_that_makes_an_offer_has_an_early_dialog_and_an_answer(bench, alice, bob):
    alice.invite(body=None, headers=MAY)
    rings(bob, 7, tag="one")
    rings(bob, 70, tag="two", body=SDP.format("30.0.0.2"))
    first = alice.last(183)
    prack(alice, first, body=SDP.format("20.0.0.1"))
    second = alice.last(183)
    prack(alice, second, body=SDP.format("20.0.0.2"), cseq=9)

    assert first.to_tag != second.to_tag
    pracks = {m.to_tag: m for m in bob.heard if m.method == "PRACK"}
    assert {tag: m.headers.get("RAck") for tag, m in pracks.items()} == {
        "one": "7 1 INVITE",
        "two": "70 1 INVITE",
    }
    assert b"20.0.0.2" in pracks["two"].body


def test_what_the_caller_does_not_hear_of_is_acknowledged_here(bench, alice):
    """Two phones play something at once, and the caller hears the first."""
    desk, mobile = bench.phone("desk", "30.0.0.2"), bench.phone("mobile", "30.0.0.3")
    bench.account("bob", desk, mobile)
    alice.invite(headers=MAY)
    rings(desk, 7)
    rings(mobile, 70)
    mobile.answer(mobile.last("PRACK"), 200)
    mobile.answer(mobile.last("INVITE"), 200)
    assert heard(alice, 200) == []  # until it has acknowledged the other one
    prack(alice, alice.last(183))
    ok = alice.last(200)

    assert ok.to_tag != heard(alice, 183)[0].to_tag
    assert ok.body == SDP.format(mobile.host).encode()
    assert desk.methods()[-1] == "CANCEL"


def test_a_leg_that_failed_before_the_acknowledgement_gets_none(alice, bob):
    alice.invite(headers=MAY)
    rings(bob, 7)
    ringing = alice.last(183)
    bob.answer(bob.last("INVITE"), 486)
    prack(alice, ringing)

    assert alice.statuses("PRACK") == [200]
    assert "PRACK" not in bob.methods()


def test_an_acknowledgement_that_the_callee_does_not_understand_is_one_all_the_same(alice, bob):
    alice.invite(headers=MAY)
    rings(bob, 7)
    prack(alice, alice.last(183))
    bob.answer(bob.last("PRACK"), 481)

    assert alice.statuses("PRACK") == [200]


def test_a_reinvite_is_told_nothing_that_would_have_to_be_acknowledged(alice, bob, talking):
    ok, _ = talking
    alice.send(alice.in_dialog("INVITE", ok, body=SDP.format(alice.host), headers=MUST))
    change = bob.last("INVITE")
    bob.answer(change, 180)
    bob.answer(change, 200, body=SDP.format(bob.host))

    assert "100rel" not in change.headers.get_list("Supported")
    assert [status for status in alice.statuses() if status >= 180][-1] == 200
    assert heard(alice, 180)[-1].cseq.number == 1


def test_reliable_responses_cross_the_loop_between_two_calls(bench, bob):
    alice = bench.phone("alice", "20.0.0.1")
    alice.domain = "example.org"
    bench.account("alice", alice, out_plan=None)
    alice.invite(headers=MAY)
    rings(bob, 7)
    prack(alice, alice.last(183))
    bob.answer(bob.last("PRACK"), 200)
    bob.answer(bob.last("INVITE"), 200)
    alice.ack(alice.last(200))

    assert alice.statuses("PRACK") == [200]
    assert set(bench.switch.snapshot().calls) == {"talking"}


# Over a kill, at each step.


def stored_but_not_told(bench, act):
    bench.database.is_eager = False
    act()
    bench.database.commit_and_tell_nobody()
    bench.database.is_eager = True
    bench.restart()


@pytest.mark.parametrize("at", ["heard", "told", "acknowledged", "crossed", "answered", "done"])
@pytest.mark.parametrize("is_stored", [True, False])
def test_both_sides_reliable_over_a_kill_at_each_step(bench, alice, bob, at, is_stored):
    def step(name, act):
        if name != at:
            act()
        elif is_stored:
            stored_but_not_told(bench, act)
        else:  # killed before it was stored: the peer repeats it
            bench.database.is_eager = False
            act()
            bench.database.waiting.clear()
            bench.database.is_eager = True
            bench.restart()
            act()

    alice.invite(headers=MAY)
    invite = bob.last("INVITE")
    step("heard", lambda: rings(bob, 7, invite=invite))
    if at == "told":
        bench.restart()
    ringing = alice.last(183)
    branch = "z9hG4bK-prack"
    step("acknowledged", lambda: prack(alice, ringing, cseq=2, branch=branch))
    if at == "crossed":
        bench.restart()
    crossed = bob.last("PRACK")
    step("answered", lambda: bob.answer(crossed, 200))
    if at == "done":
        bench.restart()
    bob.answer(invite, 200)
    alice.ack(alice.last(200))

    assert {(m.top_via.branch, m.headers.get("RAck")) for m in bob.heard if m.method == "PRACK"} == {
        (crossed.top_via.branch, "7 1 INVITE")
    }
    assert len({m.headers.get("RSeq") for m in heard(alice, 183)}) == 1
    assert set(alice.statuses("PRACK")) == {200}
    assert bench.switch.snapshot().calls == {"talking": 1}
    alice.send(alice.in_dialog("BYE", alice.last(200), cseq=40))
    bob.answer(bob.last("BYE"), 200)
    assert bench.is_empty()


def test_our_own_acknowledgement_is_sent_again_by_the_next_process(bench, alice, bob):
    alice.invite()
    stored_but_not_told(bench, lambda: rings(bob, 7))
    first = bob.last("PRACK")
    bench.restart()
    again = bob.last("PRACK")
    bob.answer(again, 200)
    bench.restart()
    bob.answer(bob.last("INVITE"), 200)

    assert first.top_via.branch == again.top_via.branch
    assert alice.last(200).body == SDP.format(bob.host).encode()


def test_what_is_not_acknowledged_is_repeated_by_the_next_process(bench, alice, bob):
    alice.invite(headers=MUST)
    rings(bob)
    bench.restart()
    alice.clear()
    bench.run(4)
    assert len(heard(alice, 183)) == 3
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    assert heard(alice, 200) == []

    prack(alice, alice.last(183))
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    assert alice.statuses()[-1] == 200


def test_an_answer_that_waits_is_heard_again_by_the_next_process(bench, alice, bob):
    alice.invite(headers=MUST)
    rings(bob)
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format(bob.host))
    bench.restart()
    prack(alice, alice.last(183))
    bob.answer(invite, 200, body=SDP.format(bob.host))

    assert alice.statuses()[-1] == 200
    assert bob.methods()[-1] == "ACK"


def test_a_cancel_between_two_steps_ends_all_of_it(bench, alice, bob):
    invite = alice.invite(headers=MAY)
    rings(bob, 7)
    prack(alice, alice.last(183))
    alice.send(alice.request("CANCEL", invite.uri_text, cseq=1, branch=invite.top_via.branch))
    bob.answer(bob.last("PRACK"), 200)
    bob.answer(bob.last("CANCEL"), 200)
    bob.answer(bob.last("INVITE"), 487)
    alice.send(alice.request("ACK", "sip:bob@example.org", to=alice.last(487).headers.get("To"), cseq=1,
                             branch=alice.last(487).top_via.branch))  # fmt: skip

    assert alice.statuses()[-1] == 487
    assert alice.statuses("PRACK") == [200]
    assert bench.is_empty()


def test_a_bye_in_the_early_dialog_ends_all_of_it(bench, alice, bob):
    alice.invite(headers=MUST)
    rings(bob)
    alice.send(alice.in_dialog("BYE", alice.last(183)))

    assert alice.statuses("BYE") == [200]
    assert alice.statuses()[-1] == 487
    assert bob.methods()[-1] == "CANCEL"


def test_nothing_is_kept_of_it_when_the_call_talks(bench, alice, bob):
    alice.invite(headers=MAY)
    rings(bob, 7)
    prack(alice, alice.last(183))
    bob.answer(bob.last("PRACK"), 200)
    bob.answer(bob.last("INVITE"), 200)
    (call,) = bench.switch.calls.values()

    assert (call.provisionals, call.processes) == (None, ())


def test_a_call_without_any_of_it_carries_nothing(alice, bob):
    bench = Bench()
    alice, bob = bench.phone("alice", "20.0.0.1"), bench.phone("bob", "30.0.0.1")
    bench.account("bob", bob)
    alice.invite(headers=MAY)
    rings(bob)
    (call,) = bench.switch.calls.values()

    assert (call.provisionals, call.processes) == (None, ())
