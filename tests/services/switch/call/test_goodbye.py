"""A call that ends before its offer is answered, and what crosses with a BYE (RFC 3261 §13.2.2.4, §15, RFC 7433 §4)."""

import pytest
from tests.services.switch.conftest import SDP

NOTHING = b"m=audio 0 RTP/AVP 0\r\n"


def cancel(alice, invite):
    alice.send(
        alice.request("CANCEL", "sip:bob@example.org", cseq=invite.cseq.number, branch=invite.top_via.branch)
    )


def told(phone):
    """What the phone was sent to end the call, and how much each of it has to say about its offer."""
    return [
        (m.method, m.body.count(NOTHING)) for m in phone.heard if getattr(m, "method", "") in ("ACK", "BYE")
    ]


def test_who_hangs_up_instead_of_answering_an_offer_leaves_nobody_waiting(bench, alice, bob):
    alice.invite(body=None)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    alice.send(alice.in_dialog("BYE", alice.last(200)))

    assert told(bob) == [("ACK", 1), ("BYE", 0)]
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    assert told(bob)[2:] == [("ACK", 1)]
    bob.answer(bob.last("BYE"), 200)
    assert bench.is_empty()


@pytest.mark.parametrize("is_callee", [False, True])
def test_also_in_a_change_of_the_call(bench, alice, bob, talking, is_callee):
    ok, invite = talking
    asking, known, other = (bob, invite, alice) if is_callee else (alice, ok, bob)
    other.clear()
    asking.send(asking.in_dialog("INVITE", known))
    other.answer(other.last("INVITE"), 200, body=SDP.format(other.host))
    asking.send(asking.in_dialog("BYE", known))

    assert told(other) == [("ACK", 1), ("BYE", 0)]
    other.answer(other.last("BYE"), 200)
    assert bench.is_empty()


def test_an_offer_that_crossed_our_cancel_is_answered_in_the_ack(bench, alice, bob):
    invite = alice.invite(body=None)
    rung = bob.last("INVITE")
    bob.answer(rung, 180)
    cancel(alice, invite)
    bob.answer(rung, 200, body=SDP.format(bob.host))

    assert told(bob) == [("ACK", 1), ("BYE", 0)]


def test_so_is_that_of_one_more_phone_behind_a_proxy(bench, alice, bob):
    alice.invite(body=None)
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format(bob.host))
    bob.answer(invite, 200, tag="second", body=SDP.format(bob.host))

    assert told(bob) == [("ACK", 1), ("BYE", 0)]
    assert bob.last("BYE").to_tag == "second"


def test_an_answer_is_not_answered(bench, alice, bob, talking):
    _, invite = talking
    bob.clear()
    bob.answer(invite, 200, tag="second", body=SDP.format(bob.host))

    assert [m.body for m in bob.heard] == [b"", b""]


def test_who_says_good_bye_is_told_the_answer_no_more(bench, alice, bob):
    alice.invite()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    ok = alice.last(200)
    bench.run(0.6)
    assert alice.statuses() == [200, 200]

    alice.clear()
    alice.send(alice.in_dialog("BYE", ok))
    bob.answer(bob.last("BYE"), 200)
    bench.run(40)
    assert alice.statuses() == []
    assert alice.statuses("BYE") == [200]


def test_what_users_say_with_a_bye_crosses(bench, alice, bob, talking):
    ok, _ = talking
    said = [
        ("X-Bye", "1"), ("User-to-User", "0011;encoding=hex"), ("Reason", "SIP;cause=200"),
        ("Reason", "Q.850;cause=16"), ("P-Asserted-Identity", "<sip:bank@example.com>"),
        ("Authorization", "Digest x=1"),
    ]  # fmt: skip
    alice.send(alice.in_dialog("BYE", ok, headers=said))
    headers = bob.last("BYE").headers

    assert headers.get_all("X-Bye") == ["1"]
    assert headers.get_all("User-to-User") == ["0011;encoding=hex"]
    assert ", ".join(headers.get_all("Reason")) == "SIP;cause=200, Q.850;cause=16"
    assert headers.get("P-Asserted-Identity") is None
    assert headers.get("Authorization") is None


def test_a_transfer_outside_a_call_is_refused(bench, alice, bob, talking):
    """Also where it names its call (RFC 4538): 481 is for what belongs to a dialog."""
    ok, _ = talking
    named = f"{ok.call_id};local-tag={ok.from_tag};remote-tag={ok.to_tag}"
    headers = [("Refer-To", "<sip:carol@example.org>"), ("Target-Dialog", named)]
    alice.send(alice.request("REFER", "sip:bob@example.org", call_id="other", headers=headers))

    assert alice.statuses("REFER") == [403]


# A callee must not say BYE before it has answered (§15), and some do.


def test_a_phone_that_hangs_up_while_it_rings_rings_no_more(bench, alice, bob):
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 180)
    bob.send(bob.in_dialog("BYE", invite))

    assert bob.statuses("BYE") == [200]
    assert bob.methods()[-1] == "CANCEL"
    assert alice.statuses()[-1] == 480
    alice.send(alice.request("ACK", "sip:bob@example.org", cseq=1, branch="z9hG4bK-alice-INVITE-1-call-1",
                             to=alice.last(480).headers.get("To")))  # fmt: skip
    bob.answer(bob.last("CANCEL"), 200)
    bob.answer(invite, 487)
    assert bench.is_empty()
    assert bench.cdrs()[1] == (1, 480, "callee")


def test_the_others_ring_on(bench, alice, bob):
    carol = bench.phone("carol", "30.0.0.2")
    bench.account("bob", bob, carol)
    alice.invite()
    for phone in (bob, carol):
        phone.answer(phone.last("INVITE"), 180)
    bob.send(bob.in_dialog("BYE", bob.last("INVITE")))
    bob.answer(bob.last("INVITE"), 487)
    carol.answer(carol.last("INVITE"), 200, body=SDP.format(carol.host))

    assert alice.statuses()[-1] == 200
    assert "CANCEL" not in carol.methods()


def test_so_do_those_behind_the_same_proxy(bench, alice, bob):
    """Each To tag is an early dialog of its own (§12.1): the INVITE is called off when the last of them has gone."""
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 180)
    bob.answer(invite, 180, tag="second")
    bob.send(bob.in_dialog("BYE", invite))
    had = (bob.statuses("BYE"), "CANCEL" in bob.methods(), alice.statuses()[-1])
    second = bob.in_dialog("BYE", invite, cseq=2)
    second.headers.set("From", f"{invite.headers.get('To')};tag=second")
    bob.send(second)

    assert had == ([200], False, 180)
    assert (bob.statuses("BYE"), bob.methods()[-1], alice.statuses()[-1]) == ([200, 200], "CANCEL", 480)


def test_an_answer_that_crossed_it_is_hung_up(bench, alice, bob):
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 180)
    bob.send(bob.in_dialog("BYE", invite))
    bob.answer(invite, 200, body=SDP.format(bob.host))

    assert bob.methods()[-2:] == ["ACK", "BYE"]


def test_a_killed_switch_calls_off_what_was_hung_up(bench, alice, bob):
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 180)
    bob.send(bob.in_dialog("BYE", invite))
    bob.clear()
    bench.restart()

    assert bob.methods() == ["CANCEL"]
    assert alice.statuses()[-1] == 480


def test_who_hangs_up_before_its_answer_has_come_has_hung_up(bench, alice, bob):
    """Its 200 was lost, or overtaken: the caller was joined with it all the same, and heard nobody for ever."""
    alice.invite()
    invite = bob.last("INVITE")
    bob.send(bob.in_dialog("BYE", invite))
    had = bob.statuses("BYE")
    bob.answer(invite, 200, body=SDP.format(bob.host))
    bob.answer(bob.last("BYE"), 481)

    assert had == [200]
    assert alice.statuses()[-1] == 480
    assert bob.methods()[-2:] == ["ACK", "BYE"]
    alice.send(alice.request("ACK", "sip:bob@example.org", cseq=1, branch="z9hG4bK-alice-INVITE-1-call-1",
                             to=alice.last(480).headers.get("To")))  # fmt: skip
    assert bench.is_empty()


@pytest.mark.parametrize("method", ["REFER", "INFO", "UPDATE", "INVITE", "OPTIONS"])
def test_what_has_overtaken_an_answer_does_not_end_the_call(alice, bob, method):
    """Whoever hears 481 has to take the dialog for over (§12.2.1.2)."""
    alice.invite()
    invite = bob.last("INVITE")
    bob.send(bob.in_dialog(method, invite))
    bob.answer(invite, 200, body=SDP.format(bob.host))

    assert bob.statuses(method) == [500]
    assert bob.last(500).headers.get("Retry-After") == "1"
    assert alice.statuses()[-1] == 200


def test_a_dialog_that_we_have_never_begun_is_none(alice, bob):
    alice.invite()
    stranger = bob.in_dialog("BYE", bob.last("INVITE"))
    stranger.headers.set("Call-ID", "another")
    bob.send(stranger)

    assert bob.statuses("BYE") == [481]


@pytest.mark.parametrize("is_heard", [True, False])
def test_who_has_not_heard_the_answer_hears_the_good_bye_behind_it(bench, alice, bob, is_heard):
    """RFC 3261 §15: it refused that as one of no call of its own, heard the answer after it, and talked to nobody."""
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format(bob.host))
    ok = alice.last(200)
    bob.send(bob.in_dialog("BYE", invite))
    alice.answer(alice.last("BYE"), 481)
    bench.run(2.0)
    assert (alice.methods(), alice.statuses().count(200) > 1) == (["BYE"], True)

    if is_heard:
        alice.ack(ok)
        assert alice.methods() == ["BYE", "BYE"]
        assert alice.last("BYE").cseq.number == 2
        alice.answer(alice.last("BYE"), 200)
    else:
        bench.run(33.0)
    said = alice.statuses().count(200)
    bench.run(40.0)

    assert (alice.statuses().count(200), len(bench.switch.calls)) == (said, 0)
    assert bench.is_empty()
