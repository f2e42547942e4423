"""Requests inside an answered call: they cross to the other end, and their answers come back."""

import pytest
from tests.services.switch.conftest import SDP

from sipwright.services.leg_options import LegOptions
from sipwright.services.switch.midcall.reinvite import after_glare
from sipwright.services.switch.requests import MOST_PROCESSES

HOLD = SDP.format("20.0.0.1") + "a=sendonly\r\n"


def reinvite(phone, message, **options):
    request = phone.in_dialog("INVITE", message, **options)
    phone.send(request)
    return request


def test_hold_crosses_with_the_other_legs_cseq_and_tags(bench, alice, bob, talking):
    ok, first = talking
    reinvite(alice, ok, body=HOLD)
    hold = bob.last("INVITE")
    bob.answer(hold, 200, body=SDP.format("30.0.0.1"))
    answer = alice.last(200)
    alice.ack(answer)

    assert (hold.cseq.number, hold.call_id, hold.from_tag) == (2, first.call_id, first.from_tag)
    assert b"a=sendonly" in hold.body
    assert answer.cseq.number == 2
    assert bob.methods() == ["INVITE", "ACK", "INVITE", "ACK"]
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_who_changes_a_call_goes_on_asking_until_that_is_stored(bench, alice, bob, talking):
    ok, _ = talking
    alice.clear()
    bench.database.is_eager = False
    hold = reinvite(alice, ok, body=HOLD)
    bench.run(0.5)
    alice.send(hold)
    assert alice.heard == []

    bench.database.commit()
    bench.run(0.05)
    assert (alice.statuses(), bob.methods()[-1]) == ([100], "INVITE")


def test_the_callee_may_change_the_call_too(bench, alice, bob, talking):
    _, first = talking
    reinvite(bob, first, body=SDP.format("30.0.0.1"), cseq=70)
    at_alice = alice.last("INVITE")
    alice.answer(at_alice, 200, body=SDP.format("20.0.0.1"))
    bob.ack(bob.last(200))

    assert bob.statuses() == [200]
    assert alice.methods() == ["INVITE", "ACK"]


def test_an_offer_in_the_200_is_answered_in_the_ack(bench, alice, bob, talking):
    """RFC 3264 §4 by way of RFC 3261 §13.2.1: a re-INVITE without SDP asks the other end for an offer."""
    ok, _ = talking
    bob.clear()
    reinvite(alice, ok)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    assert bob.methods() == ["INVITE"]

    alice.ack(alice.last(200), body=SDP.format("20.0.0.1"))
    assert bob.methods() == ["INVITE", "ACK"]
    assert bob.last("ACK").body == SDP.format("20.0.0.1").encode()


def test_a_call_without_sdp_is_set_up_by_an_offer_in_the_200(bench, alice, bob):
    alice.invite(body=None)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    assert bob.methods() == ["INVITE"]

    alice.ack(alice.last(200), body=SDP.format("20.0.0.1"))
    assert bob.last("ACK").body == SDP.format("20.0.0.1").encode()


def test_who_hangs_up_before_its_offer_is_answered_hears_the_ack_to_it(bench, alice, bob):
    """RFC 3261 §13.2.2.4: to each 2xx, though nobody answers what it offers any more."""
    alice.invite(body=None)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=70))

    assert bob.methods().count("ACK") == 1
    assert bob.statuses("BYE") == [200]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize(("is_callee", "status"), [(False, 491), (True, 500)])
def test_an_offer_has_its_answer_before_there_is_another(bench, alice, bob, method, is_callee, status):
    """RFC 3264 §4: the ACK with the answer was lost, and whoever had made the offer heard nobody's for ever."""
    alice.invite(body=None)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    asking, known = (bob, bob.last("INVITE")) if is_callee else (alice, alice.last(200))
    asking.send(asking.in_dialog(method, known, body=HOLD, cseq=70))
    refused = asking.statuses(method)[-1]
    bench.run(1)
    is_said_again = alice.statuses("INVITE").count(200) > 1
    alice.ack(alice.last(200), body=SDP.format("20.0.0.1"))

    assert (refused, is_said_again) == (status, True)
    assert bob.last("ACK").body == SDP.format("20.0.0.1").encode()
    assert (alice.methods(), bob.methods().count("INVITE")) == ([], 1)


def test_glare_is_answered_491(bench, alice, bob, talking):
    """§14.1: both ends change the call at once; the second one waits."""
    ok, first = talking
    reinvite(alice, ok, body=HOLD)
    reinvite(bob, first, body=HOLD, cseq=70)

    assert bob.statuses() == [491]


def test_a_second_invite_of_the_same_end_is_answered_500(bench, alice, bob, talking):
    ok, _ = talking
    reinvite(alice, ok, body=HOLD)
    for _ in range(5):
        reinvite(alice, ok, body=HOLD)

    pauses = [int(m.headers.get("Retry-After")) for m in alice.heard if getattr(m, "status", 0) == 500]
    assert all(0 <= pause <= 10 for pause in pauses)
    assert len(set(pauses)) > 2  # as chance will have it (§14.2)


def test_a_change_of_ours_that_has_crossed_another_one_is_tried_again_when_the_peer_does_not(bench, talking):
    """§14.1: later by the one whose Call-ID it is."""
    (call,) = bench.switch.calls.values()
    pauses = {
        leg.index: sorted(after_glare(leg, salt) for salt in range(300)) for leg in (call.caller, *call.legs)
    }

    assert [0.0 < pauses[0][0] < 0.1, 1.9 < pauses[0][-1] <= 2.01] == [True, True]
    assert [2.1 <= pauses[1][0] < 2.2, 3.9 < pauses[1][-1] <= 4.0] == [True, True]


def test_an_end_that_lost_its_connection_may_ask_again_without_an_ack_to_the_answer(
    bench, alice, bob, talking
):
    """It takes its INVITE for failed; the answer to that is not repeated until the call ends."""
    ok, _ = talking
    reinvite(alice, ok, body=HOLD)
    bob.answer(bob.last("INVITE"), 200, body=HOLD)
    reinvite(alice, ok, body=HOLD)
    bob.answer(bob.last("INVITE"), 200, body=HOLD)
    alice.ack(alice.last(200))
    bench.run(40)

    assert alice.statuses("INVITE").count(500) == 0
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_a_200_to_an_earlier_change_is_acknowledged_as_such(bench, alice, bob, talking):
    ok, _ = talking
    for _ in range(2):
        reinvite(alice, ok, body=HOLD)
        bob.answer(bob.last("INVITE"), 200, body=HOLD)
        alice.ack(alice.last(200))
    first, second = [message for message in bob.heard if getattr(message, "method", "") == "INVITE"][1:]
    bob.clear()
    bob.answer(first, 200, body=HOLD)
    bench.run(60)
    bob.answer(first, 200, body=HOLD)
    bob.answer(second, 200, body=HOLD)

    assert [ack.cseq.number for ack in bob.heard] == [
        first.cseq.number,
        first.cseq.number,
        second.cseq.number,
    ]


def test_after_a_refused_change_the_call_goes_on(bench, alice, bob, talking):
    ok, first = talking
    reinvite(alice, ok, body=HOLD)
    bob.answer(bob.last("INVITE"), 488)
    assert alice.statuses()[-1] == 488
    assert bench.switch.snapshot().calls == {"talking": 1}

    reinvite(bob, first, body=HOLD, cseq=70)
    assert "INVITE" in alice.methods()


@pytest.mark.parametrize("status", [408, 481])
def test_an_end_that_does_not_know_the_call_any_more_ends_it(bench, alice, bob, talking, status):
    """§12.2.1.2: 408 and 481 to a request inside a dialog mean that the dialog is gone."""
    ok, _ = talking
    reinvite(alice, ok, body=HOLD)
    bob.answer(bob.last("INVITE"), status)

    assert "BYE" in alice.methods()
    assert "BYE" in bob.methods()


@pytest.mark.parametrize(
    ("method", "talks"),
    [("INFO", 0), ("MESSAGE", 0), ("OPTIONS", 0), ("NOTIFY", 1), ("SUBSCRIBE", 1)],
)
def test_an_end_that_does_not_know_the_call_may_say_so_to_anything(bench, alice, bob, talking, method, talks):
    """§12.2.1.2; of what may be a subscription it says no more than that (RFC 5057 §5.1)."""
    ok, _ = talking
    alice.send(alice.in_dialog(method, ok))
    bob.answer(bob.last(method), 481)

    assert alice.statuses(method) == [481]
    assert bench.switch.snapshot().calls.get("talking", 0) == talks
    assert ("BYE" in alice.methods()) is not bool(talks)


@pytest.mark.parametrize("says_so", [True, False])
@pytest.mark.parametrize(("is_there", "talks"), [(True, 1), (False, 0)])
def test_an_end_that_says_nothing_is_asked_whether_it_is_there(
    bench, alice, bob, talking, is_there, talks, says_so
):
    """§12.2.1.2: what it was sent may have been lost on its way each time, as large datagrams are."""
    ok, _ = talking
    alice.send(alice.in_dialog("INFO", ok))
    if says_so:
        bob.answer(bob.last("INFO"), 408)  # a proxy before it
    else:
        bench.run(32.5)
    assert {"OPTIONS"} == {*alice.methods()}
    alice.answer(alice.last("OPTIONS"), 200)
    bob.answer(bob.last("OPTIONS"), 200 if is_there else 481)

    assert bench.switch.snapshot().calls.get("talking", 0) == talks


OF_THE_DIALOG = (404, 410, 416, 480, 482, 483, 484, 485, 502, 604)
OF_ONE_REQUEST = (
    400, 403, 405, 406, 413, 415, 420, 422, 423, 486, 488, 491, 493, 500, 501, 503, 504, 505, 513, 580, 600, 603, 606,
)  # fmt: skip


@pytest.mark.parametrize("side", ["callee", "caller"])
@pytest.mark.parametrize("method", ["INVITE", "INFO", "NOTIFY"])
@pytest.mark.parametrize("status", OF_THE_DIALOG)
def test_both_ends_are_asked_after_what_may_have_ended_the_call(
    bench, alice, bob, talking, status, method, side
):
    """RFC 5057 §5.1: who believes that hears no more of the call; who has said it may mean the one request."""
    ok, invite = talking
    one, other, first = (alice, bob, ok) if side == "callee" else (bob, alice, invite)
    asked = one.in_dialog(method, first, body=SDP.format(one.host) if method == "INVITE" else None, cseq=70)
    one.send(asked)
    other.answer(other.last(method), status)

    assert one.statuses(method)[-1] == status
    assert ("OPTIONS" in one.methods(), "OPTIONS" in other.methods()) == (True, True)
    assert bench.switch.snapshot().calls == {"talking": 1}
    one.answer(one.last("OPTIONS"), 481)
    assert other.methods()[-1] == "BYE"


@pytest.mark.parametrize("status", OF_THE_DIALOG)
def test_an_end_that_is_asked_and_says_so_of_that_as_well_is_there(bench, alice, bob, talking, status):
    """Gateways look for whom an OPTIONS names, and say 404 of that, though they talk."""
    ok, _ = talking
    alice.send(alice.in_dialog("INFO", ok))
    bob.answer(bob.last("INFO"), status)
    alice.answer(alice.last("OPTIONS"), status)
    bob.answer(bob.last("OPTIONS"), status)

    assert bench.switch.snapshot().calls == {"talking": 1}
    assert (alice.methods().count("OPTIONS"), bob.methods().count("OPTIONS")) == (1, 1)


@pytest.mark.parametrize("method", ["INVITE", "INFO"])
@pytest.mark.parametrize("status", OF_ONE_REQUEST)
def test_what_is_said_of_one_request_is_no_more_than_that(bench, alice, bob, talking, status, method):
    ok, _ = talking
    alice.send(
        alice.in_dialog(method, ok, body=SDP.format(alice.host) if method == "INVITE" else None, cseq=70)
    )
    bob.answer(bob.last(method), status)

    assert alice.statuses(method)[-1] == status
    assert "OPTIONS" not in (*alice.methods(), *bob.methods())
    assert bench.switch.snapshot().calls == {"talking": 1}


@pytest.mark.parametrize("is_killed", [False, True])
@pytest.mark.parametrize("side", ["callee", "caller"])
def test_the_ack_to_the_call_is_not_that_of_a_change_that_has_overtaken_it(
    bench, alice, bob, side, is_killed
):
    """A gateway changes the call at once; the ACK of the caller was lost, and comes with the next copy of the 200."""
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format("30.0.0.1"))
    ok = alice.last(200)
    one, other, first = (bob, alice, invite) if side == "callee" else (alice, bob, ok)
    change = reinvite(one, first, body=SDP.format(one.host), cseq=70)
    alice.ack(ok)
    crossed = other.last("INVITE")
    if is_killed:
        bench.restart()
    other.answer(crossed, 200, body=SDP.format(other.host))

    assert one.statuses()[-1] == 200
    assert one.last(200).cseq.number == change.cseq.number
    assert other.last("ACK").cseq.number == crossed.cseq.number
    one.ack(one.last(200))
    reinvite(other, ok if other is alice else invite, body=HOLD, cseq=80)
    one.answer(one.last("INVITE"), 200, body=HOLD)
    assert other.statuses()[-1] == 200
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_a_cancelled_change_is_cancelled_on_the_other_leg(bench, alice, bob, talking):
    ok, _ = talking
    change = reinvite(alice, ok, body=HOLD)
    bob.answer(bob.last("INVITE"), 180)
    cancel = alice.in_dialog("CANCEL", ok, cseq=change.cseq.number, branch=change.top_via.branch)
    alice.send(cancel)
    bob.answer(bob.last("CANCEL"), 200)
    bob.answer(bob.last("INVITE"), 487)

    assert alice.statuses("CANCEL") == [200]
    assert alice.statuses()[-1] == 487


@pytest.mark.parametrize("method", ["INFO", "UPDATE", "MESSAGE", "NOTIFY", "OPTIONS"])
def test_other_requests_cross_in_both_directions(bench, alice, bob, talking, method):
    ok, first = talking
    alice.send(alice.in_dialog(method, ok, headers=(("X-Test", "over"),)))
    crossed = bob.last(method)
    bob.answer(crossed, 202)
    bob.send(bob.in_dialog(method, first, cseq=70))
    alice.answer(alice.last(method), 200)

    assert crossed.headers.get("X-Test") == "over"
    assert (alice.statuses(method), bob.statuses(method)) == ([202], [200])


TO_CAROL = (("Refer-To", "<sip:carol@elsewhere.net>"),)


def test_no_more_requests_cross_at_once_than_a_call_can_write_down(bench, alice, bob, talking):
    ok, _ = talking
    bob.clear()
    for number in range(MOST_PROCESSES + 2):
        alice.send(alice.in_dialog("INFO", ok, cseq=100 + number))
    heard = {info.cseq.number: info for info in bob.heard}
    assert list(heard) == list(range(2, MOST_PROCESSES + 2))
    assert alice.statuses("INFO") == [500, 500]
    assert alice.last(500).headers.get("Retry-After") == "2"

    for info in heard.values():
        bob.answer(info, 200)
    alice.send(alice.in_dialog("INFO", ok, cseq=200))
    assert bob.last("INFO").cseq.number == MOST_PROCESSES + 2
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_nobody_outside_may_have_a_phone_dial(bench, alice, bob, talking):
    """A phone that takes a REFER dials as its owner: a caller could have it ring numbers that cost."""
    ok, _ = talking
    alice.send(alice.in_dialog("REFER", ok, headers=TO_CAROL))

    assert alice.statuses("REFER") == [603]
    assert "REFER" not in bob.methods()


def test_a_phone_may_ask_the_other_end_to_dial_where_the_leg_says_so(bench, alice, bob, talking):
    _, first = talking
    (call,) = bench.switch.calls.values()
    call.peer.destination.options = LegOptions(transfer="pass")
    bob.send(bob.in_dialog("REFER", first, headers=TO_CAROL, cseq=70))
    alice.answer(alice.last("REFER"), 202)

    assert bob.statuses("REFER") == [202]


def test_whoever_the_leg_says_may_ask_a_phone(bench, alice, bob, talking):
    ok, _ = talking
    (call,) = bench.switch.calls.values()
    call.peer.destination.options = LegOptions(transfer="pass")
    alice.send(alice.in_dialog("REFER", ok, headers=TO_CAROL))
    bob.answer(bob.last("REFER"), 202)

    assert alice.statuses("REFER") == [202]


def test_an_unknown_method_is_answered_405_with_allow(bench, alice, bob, talking):
    ok, _ = talking
    alice.send(alice.in_dialog("DANCE", ok))

    assert "INVITE" in alice.last(405).headers.get("Allow")


def test_a_lower_cseq_is_answered_500(bench, alice, bob, talking):
    ok, _ = talking
    alice.send(alice.in_dialog("INFO", ok, cseq=0))

    assert alice.statuses("INFO") == [500]


@pytest.mark.parametrize("change", ["call_id", "tag", "to"])
def test_a_dialog_is_found_by_all_three_of_its_parts_only(bench, alice, bob, talking, change):
    """The old service matched a single tag: whoever guessed it could end the calls of others."""
    ok, _ = talking
    options = {"call_id": ok.call_id, "tag": ok.from_tag, "to": ok.headers.get("To")}
    options[change] = "<sip:bob@example.org>;tag=wrong" if change == "to" else "wrong"
    alice.send(alice.request("BYE", str(ok.contacts[0].uri), **options))

    assert alice.statuses("BYE") == [481]
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_a_repeated_200_is_acknowledged_again(bench, alice, bob, talking):
    """§13.2.2.4: our ACK was lost, so the phone asks once more, even after the transaction has ended."""
    _, first = talking
    bench.run(60)
    bob.clear()
    bob.answer(first, 200, body=SDP.format("30.0.0.1"))

    assert bob.methods() == ["ACK"]


def test_both_ends_hanging_up_at_once_end_the_call_once(bench, alice, bob, talking):
    ok, first = talking
    alice.flow.send(bytes(alice.in_dialog("BYE", ok)))
    bob.flow.send(bytes(bob.in_dialog("BYE", first, cseq=70)))
    bench.run(0.1)

    assert (alice.statuses("BYE"), bob.statuses("BYE")) == ([200], [200])
    assert bench.is_empty()


def test_a_change_that_is_still_open_when_the_call_ends_is_answered_487(bench, alice, bob, talking):
    """§15.1.2: otherwise both its transactions would wait for ever for an answer that nobody will give."""
    ok, first = talking
    reinvite(alice, ok, body=HOLD)
    bob.answer(bob.last("INVITE"), 100)
    bob.send(bob.in_dialog("BYE", first, cseq=70))
    bench.run(200)

    assert 487 in alice.statuses()
    assert "CANCEL" in bob.methods()
    assert len(bench.stack.layer) == 0


def test_a_change_that_nobody_answers_is_cancelled_when_a_call_would_be(bench, alice, bob, talking):
    """Otherwise neither end could ever change the call again."""
    ok, _ = talking
    reinvite(alice, ok, body=HOLD)
    bob.answer(bob.last("INVITE"), 100)
    bench.run(179)
    before = bob.methods()
    bench.run(40)

    assert "CANCEL" not in before
    assert "CANCEL" in bob.methods()
    assert alice.statuses()[-1] == 487
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_a_change_with_a_contact_that_cannot_be_read_is_answered_400(bench, alice, bob, talking):
    ok, _ = talking
    request = alice.in_dialog("INVITE", ok, body=HOLD)
    alice.flow.send(bytes(request).replace(b"Contact: <sip:alice@", b"Contact: <sip:alice@@@"))
    bench.run(0.1)

    assert alice.statuses()[-1] == 400
    assert bob.methods() == ["INVITE", "ACK"]
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_numbers_go_on_where_the_requests_before_the_answer_stopped(bench, alice, bob):
    """RFC 3261 §12.2.1.1: in one dialog every request has a higher CSeq than the one before, early ones too."""
    alice.invite()
    at_bob = bob.last("INVITE")
    bob.answer(at_bob, 180)
    alice.send(alice.in_dialog("UPDATE", alice.last(180)))
    bob.answer(bob.last("UPDATE"), 200)
    bob.send(bob.in_dialog("UPDATE", at_bob, cseq=70))
    alice.answer(alice.last("UPDATE"), 200)
    bob.answer(at_bob, 200, body=SDP.format("30.0.0.1"))
    ok = alice.last(200)
    alice.ack(ok)
    alice.send(alice.in_dialog("INFO", ok))
    bob.send(bob.in_dialog("INFO", at_bob, cseq=71))

    for phone in (alice, bob):
        assert phone.last("INFO").cseq.number > phone.last("UPDATE").cseq.number


# Before the caller has acknowledged the answer.


@pytest.fixture
def answered(bench, alice, bob):
    """A call that bob has answered, and alice has not heard of: the INVITE that bob heard."""
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format(bob.host))
    return invite


def change(bob, invite):
    request = bob.in_dialog("INVITE", invite, cseq=5, body=SDP.format("30.0.0.2"))
    bob.send(request)
    return request


def test_a_change_waits_for_the_ack_to_the_answer(bench, alice, bob, answered):
    """RFC 3261 §14.1: whoever has lost the 200 knows no call that could be changed, and would answer 481."""
    change(bob, answered)
    bench.run(0.4)
    before = alice.methods()
    alice.ack(alice.last(200))

    assert (before, alice.methods()) == ([], ["INVITE"])
    assert b"30.0.0.2" in alice.last("INVITE").body
    alice.answer(alice.last("INVITE"), 200, body=SDP.format(alice.host))
    bob.ack(bob.last(200))
    assert bob.statuses()[-1] == 200
    assert [call.processes for call in bench.switch.calls.values()] == [()]


def test_an_update_does_not_wait(alice, bob, answered):
    """RFC 3311 §5.1 has no such rule."""
    bob.send(bob.in_dialog("UPDATE", answered, cseq=5, body=SDP.format("30.0.0.2")))

    assert alice.methods() == ["UPDATE"]


def test_a_change_that_waits_may_be_given_up(bench, alice, bob, answered):
    request = change(bob, answered)
    cancel = bob.in_dialog("CANCEL", answered, cseq=5, branch=request.top_via.branch)
    bob.send(cancel)
    alice.ack(alice.last(200))

    assert (bob.statuses("CANCEL"), bob.statuses()[-1]) == ([200], 487)
    assert alice.methods() == []


def test_a_change_that_waits_ends_with_the_call(bench, alice, bob, answered):
    change(bob, answered)
    bench.run(34)

    assert alice.methods()[:1] == ["BYE"]
    assert bob.statuses()[-1] == 487


def test_a_change_that_waits_goes_on_in_another_process(bench, alice, bob, answered):
    """The ACK may have come to the process before, which stores none."""
    change(bob, answered)
    before = alice.methods()
    bench.restart()

    assert (before, alice.methods()) == ([], ["INVITE"])
