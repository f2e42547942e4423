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
