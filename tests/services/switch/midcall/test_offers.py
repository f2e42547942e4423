"""One offer at a time: UPDATE before and after the answer, and what it may collide with (RFC 3311)."""

import pytest
from tests.services.switch.conftest import SDP
from tests.services.switch.midcall.test_provisionals import MAY, MUST, prack, rings
from tests.services.switch.reach.test_routes import call_in, cut_all

HOLD = "a=sendonly\r\n"


def offer(phone):
    return SDP.format(phone.host) + HOLD


def update(phone, message, *, body=True, **options):
    request = phone.in_dialog("UPDATE", message, body=offer(phone) if body else None, **options)
    phone.send(request)
    return request


@pytest.fixture
def early(alice, bob):
    """Bob has answered alice's offer reliably, and rings: what alice heard, and bob's INVITE."""
    alice.invite(headers=MAY)
    rings(bob, 7)
    prack(alice, alice.last(183))
    bob.answer(bob.last("PRACK"), 200)
    return alice.last(183), bob.last("INVITE")


# Before the answer.


def test_both_ends_may_change_the_session_before_the_answer(bench, alice, bob, early):
    """§8, figure 1."""
    ringing, invite = early
    update(alice, ringing)
    crossed = bob.last("UPDATE")
    bob.answer(crossed, 200, body=SDP.format(bob.host))
    update(bob, invite, cseq=70)
    back = alice.last("UPDATE")
    alice.answer(back, 200, body=SDP.format(alice.host))
    bob.answer(invite, 200)
    ok = alice.last(200)
    alice.ack(ok)

    assert (crossed.body, back.body) == (offer(alice).encode(), offer(bob).encode())
    assert (alice.statuses("UPDATE"), bob.statuses("UPDATE")) == ([200], [200])
    assert ok.body == b""
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_an_early_change_goes_on_over_a_kill(bench, alice, bob, early):
    ringing, _ = early
    update(alice, ringing)
    first = bob.last("UPDATE")
    bench.restart()
    again = bob.last("UPDATE")
    bob.answer(again, 200, body=SDP.format(bob.host))

    assert (first.top_via.branch, alice.statuses("UPDATE")) == (again.top_via.branch, [200])
    update(alice, ringing, cseq=20)
    assert bob.last("UPDATE").body == offer(alice).encode()


@pytest.mark.parametrize("headers", [(), MAY, MUST])
def test_a_caller_whose_offer_is_not_answered_may_make_no_other_one(alice, bob, headers):
    alice.invite(headers=headers)
    rings(bob)
    update(alice, alice.last(183))

    refused = alice.last(500)
    assert refused.cseq.method == "UPDATE"
    assert 0 <= int(refused.headers.get("Retry-After")) <= 10
    assert "UPDATE" not in bob.methods()


@pytest.mark.parametrize("rseq", [None, 7])
def test_a_callee_may_make_no_offer_before_its_answer_was_taken(alice, bob, rseq):
    """§5.2: 491, since ours is still open; a caller that hears nothing reliably cannot answer one either."""
    alice.invite()
    rings(bob, rseq)
    update(bob, bob.last("INVITE"), cseq=70)

    assert bob.statuses("UPDATE") == [491]
    assert "UPDATE" not in alice.methods()


def test_what_offers_nothing_crosses_at_any_time(alice, bob):
    alice.invite()
    rings(bob, status=180, body=False)
    update(alice, alice.last(180), body=False)
    bob.answer(bob.last("UPDATE"), 200)

    assert alice.statuses("UPDATE") == [200]


def test_an_early_change_is_of_the_phone_that_the_caller_hears(alice, bob):
    alice.invite(headers=MAY)
    for tag, rseq in (("one", 7), ("two", 70)):
        rings(bob, rseq, tag=tag, body=SDP.format(f"30.0.0.{rseq}"))
        prack(alice, alice.last(183), cseq=10 + rseq)
        bob.answer(bob.last("PRACK"), 200)
    one, two = (m for m in alice.heard if getattr(m, "status", 0) == 183)
    update(alice, one, cseq=100)
    assert bob.last("UPDATE").to_tag == "one"
    bob.answer(bob.last("UPDATE"), 200, body=SDP.format("30.0.0.7"))
    update(alice, two, cseq=101)
    assert bob.last("UPDATE").to_tag == "two"


# After it.


def test_a_second_update_of_the_same_end_is_answered_500(alice, bob, talking):
    """§5.2, with a Retry-After from 0 to 10; without an offer, too."""
    ok, _ = talking
    update(alice, ok)
    update(alice, ok, body=False)

    assert alice.statuses("UPDATE") == [500]
    assert 0 <= int(alice.last(500).headers.get("Retry-After")) <= 10
    bob.answer(bob.last("UPDATE"), 200, body=SDP.format(bob.host))
    update(alice, ok)
    assert bob.methods().count("UPDATE") >= 2


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("body", [False, True])
def test_an_update_that_its_connection_took_along_is_answered_when_it_is_asked_again(
    bench, bob, restarts, body
):
    trunk = bench.phone("trunk", "50.0.0.1", protocol="tcp")
    invite = call_in(trunk, bob, "<sip:trunk@50.0.0.1;transport=tcp>")
    ok = trunk.last(200)
    update(trunk, ok, body=body, cseq=20)
    if restarts:
        bench.restart()
    cut_all(bench)
    trunk.clear()
    update(trunk, ok, body=body, cseq=21)
    crossed = bob.last("UPDATE")
    bob.answer(crossed, 200, body=SDP.format(bob.host) if body else "")

    assert str(trunk.last(200).cseq) == "21 UPDATE"
    assert crossed.cseq.number == invite.cseq.number + 1


def test_two_that_offer_at_once_are_told_so(alice, bob, talking):
    ok, invite = talking
    update(alice, ok)
    update(bob, invite, cseq=70)

    assert bob.statuses("UPDATE") == [491]
    bob.answer(bob.last("UPDATE"), 200, body=SDP.format(bob.host))
    assert alice.statuses("UPDATE") == [200]


@pytest.mark.parametrize("first", ["INVITE", "UPDATE"])
def test_an_offer_meets_that_of_the_other_method(alice, bob, talking, first):
    """A re-INVITE and an UPDATE, of the other end and of the same one (RFC 3261 §14.2, RFC 3311 §5.2)."""
    ok, invite = talking
    second = "UPDATE" if first == "INVITE" else "INVITE"
    alice.send(alice.in_dialog(first, ok, body=offer(alice)))
    bob.send(bob.in_dialog(second, invite, body=offer(bob), cseq=70))
    alice.send(alice.in_dialog(second, ok, body=offer(alice)))

    assert bob.statuses(second) == [491]
    assert alice.statuses(second)[-1] == 500
    assert alice.last(500).headers.get("Retry-After") is not None


def test_an_offer_waits_for_the_answer_in_an_ack(alice, bob, talking):
    ok, invite = talking
    alice.send(alice.in_dialog("INVITE", ok))
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    update(alice, ok)
    update(bob, invite, cseq=70)
    assert (alice.statuses("UPDATE"), bob.statuses("UPDATE")) == ([491], [500])

    alice.ack(alice.last(200), body=SDP.format(alice.host))
    update(alice, ok)
    assert bob.last("UPDATE").body == offer(alice).encode()


def test_a_refusal_of_the_other_end_comes_back(alice, bob, talking):
    ok, _ = talking
    update(alice, ok)
    bob.answer(bob.last("UPDATE"), 504)
    update(alice, ok)

    assert alice.statuses("UPDATE") == [504]
    assert len({m.cseq.number for m in bob.heard if m.method == "UPDATE"}) == 2


@pytest.mark.parametrize("status", [None, 408, 481])
def test_an_end_that_does_not_answer_or_know_the_call_ends_it(bench, alice, bob, talking, status):
    """§5.3."""
    ok, _ = talking
    update(alice, ok)
    if status is None:
        bench.run(33)
    else:
        bob.answer(bob.last("UPDATE"), status)
    for phone in (alice, bob):
        phone.answer(phone.last("BYE"), 200)

    assert [cdr[1] for cdr in bench.cdrs()] == [status or 408] * 2
    assert bench.is_empty()


# Where the other end takes no UPDATE.


@pytest.mark.parametrize("status", [405, 501])
@pytest.mark.parametrize("side", ["caller", "callee"])
def test_an_offer_goes_on_as_a_reinvite(bench, alice, bob, talking, status, side):
    """RFC 3311 §5.1: a re-INVITE says the same; its answer is that of the UPDATE."""
    ok, invite = talking
    one, other, first = (alice, bob, ok) if side == "caller" else (bob, alice, invite)
    update(one, first, cseq=70)
    other.answer(other.last("UPDATE"), status)
    again = other.last("INVITE")
    assert (again.body, again.to_tag is not None) == (offer(one).encode(), True)
    assert again.cseq.number > other.last("UPDATE").cseq.number

    other.answer(again, 180)
    other.answer(again, 200, body=SDP.format(other.host))
    answer = one.last(200)
    assert (one.statuses("UPDATE"), answer.body) == ([200], SDP.format(other.host).encode())
    assert (answer.cseq.method, answer.headers.get("Contact") is not None) == ("UPDATE", True)
    assert other.last("ACK").cseq.number == again.cseq.number
    assert bench.switch.snapshot().calls == {"talking": 1}
    one.send(one.in_dialog("INVITE", first, body=offer(one), cseq=71))
    assert other.last("INVITE").cseq.number > again.cseq.number


@pytest.mark.parametrize(("status", "told"), [(488, 488), (491, 491), (401, 403)])
def test_a_refusal_of_that_reinvite_is_the_answer(bench, alice, bob, talking, status, told):
    ok, _ = talking
    update(alice, ok)
    bob.answer(bob.last("UPDATE"), 405)
    bob.answer(bob.last("INVITE"), status)

    assert (alice.statuses("UPDATE"), bob.methods()[-1]) == ([told], "ACK")
    update(alice, ok)
    assert bob.last("UPDATE").cseq.number > bob.last("INVITE").cseq.number


def test_what_somebody_has_to_approve_of_takes_too_long_for_an_update(bench, alice, bob, talking):
    """§5.2: 504."""
    ok, _ = talking
    update(alice, ok)
    bob.answer(bob.last("UPDATE"), 405)
    bob.answer(bob.last("INVITE"), 180)
    bench.run(19)
    assert 504 not in alice.statuses("UPDATE")
    bench.run(2)
    bob.answer(bob.last("CANCEL"), 200)
    bob.answer(bob.last("INVITE"), 487)

    assert alice.statuses("UPDATE")[-1] == 504
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_nothing_else_changes_meanwhile(alice, bob, talking):
    ok, invite = talking
    update(alice, ok)
    bob.answer(bob.last("UPDATE"), 405)
    bob.send(bob.in_dialog("INVITE", invite, body=offer(bob), cseq=70))
    bob.send(bob.in_dialog("UPDATE", invite, body=offer(bob), cseq=71))
    alice.send(alice.in_dialog("INVITE", ok, body=offer(alice)))

    assert (bob.statuses("INVITE"), bob.statuses("UPDATE")) == ([491], [491])
    assert alice.statuses()[-1] == 500


def test_it_goes_on_over_a_kill(bench, alice, bob, talking):
    ok, _ = talking
    update(alice, ok)
    bob.answer(bob.last("UPDATE"), 405)
    first = bob.last("INVITE")
    bench.restart()
    again = bob.last("INVITE")
    bob.answer(again, 200, body=SDP.format(bob.host))
    bob.answer(again, 200, body=SDP.format(bob.host))

    assert first.top_via.branch == again.top_via.branch
    assert (alice.statuses("UPDATE")[0], bob.methods()[-2:]) == (200, ["ACK", "ACK"])


def test_before_the_answer_nothing_can_be_changed_there(bench, alice, bob, early):
    ringing, invite = early
    update(alice, ringing)
    bob.answer(bob.last("UPDATE"), 405)
    assert alice.statuses("UPDATE") == [504]
    update(bob, invite, cseq=70)
    alice.answer(alice.last("UPDATE"), 501)
    assert bob.statuses("UPDATE") == [504]

    bob.answer(invite, 200)
    alice.ack(alice.last(200))
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_what_offers_nothing_ends_at_the_switch(bench, alice, bob, talking):
    ok, _ = talking
    update(alice, ok, body=False, headers=(("X-Test", "over"),))
    bob.answer(bob.last("UPDATE"), 405)

    answer = alice.last(200)
    assert (answer.cseq.method, alice.statuses("UPDATE"), answer.body) == ("UPDATE", [200], b"")
    assert (answer.headers.get("Contact") is None, "UPDATE" in answer.headers.get("Allow")) == (False, True)
    assert bob.methods().count("INVITE") == 1
