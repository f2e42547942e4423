"""What crosses a call beside the bodies: reasons, names of REFERs, what an end says about itself."""

import pytest
from tests.services.switch.conftest import SDP, Provider

from sipwright.services.leg_options import LegOptions

CLAIM = (("P-Asserted-Identity", '"The Bank" <sip:bank@example.com>'),)
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


def test_an_identity_that_an_end_claims_crosses_in_no_message(bench, alice, bob):
    """RFC 3325 §5: in a response and inside of a dialog as little as in the first INVITE."""
    alice.invite(headers=CLAIM)
    invite = bob.last("INVITE")
    bob.answer(invite, 180, headers=CLAIM)
    bob.answer(invite, 200, body=SDP.format(bob.host), headers=CLAIM)
    ok = alice.last(200)
    alice.ack(ok)
    alice.send(alice.in_dialog("UPDATE", ok, headers=CLAIM))
    bob.answer(bob.last("UPDATE"), 200, headers=CLAIM)
    bob.send(bob.in_dialog("INVITE", invite, body=SDP.format(bob.host), cseq=7, headers=CLAIM))

    assert [m for m in (*alice.heard, *bob.heard) if m.headers.get("P-Asserted-Identity")] == []
    assert (bob.methods(), alice.methods()) == (["INVITE", "ACK", "UPDATE"], ["INVITE"])


def test_that_a_number_was_verified_is_said_of_the_one_who_calls_alone(bench, alice, bob):
    """Only the INVITE that calls is looked at (RFC 8224 §6): later on even a trunk could have signed for anything."""
    bench.accounts.providers["trunk"] = Provider("trunk", "20.0.0.1", account_id=1, identity="pass")
    claims = [("P-Asserted-Identity", "<tel:+3531;verstat=TN-Validation-Passed>"), ("Identity", "eyJ"),
              ("P-Attestation-Indicator", "A")]  # fmt: skip
    alice.invite(headers=claims)
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format(bob.host))
    ok = alice.last(200)
    alice.ack(ok)
    alice.send(alice.in_dialog("UPDATE", ok, headers=claims))
    bob.answer(bob.last("UPDATE"), 200)
    bob.send(bob.in_dialog("UPDATE", invite, cseq=7))
    alice.answer(alice.last("UPDATE"), 200, headers=claims)

    assert [invite.headers.get(name) for name, _ in claims] == [value for _, value in claims]
    for message in (bob.last("UPDATE"), bob.last(200)):
        assert [message.headers.get(name) for name, _ in claims] == ["<tel:+3531>", None, None]


@pytest.mark.parametrize(("status", "name"), [(420, "Unsupported"), (421, "Require")])
def test_the_caller_is_told_which_extension(alice, bob, status, name):
    """RFC 3261 §8.2.2.3, §21.4.15."""
    alice.invite(headers=(("Require", "timer"), ("Supported", "timer")))
    bob.answer(bob.last("INVITE"), status, headers=((name, "timer"),))

    assert alice.last(status).headers.get(name) == "timer"


def cancel(alice, *reasons):
    headers = [("Reason", reason) for reason in reasons]
    invite = alice.last(180)
    branch = invite.top_via.branch
    alice.send(alice.request("CANCEL", "sip:bob@example.org", cseq=1, branch=branch, headers=headers))


def test_a_cancel_says_why(alice, bob):
    """RFC 3326 §2: or the phone counts a missed call."""
    alice.invite()
    bob.answer(bob.last("INVITE"), 180)
    cancel(alice, ELSEWHERE, "Q.850;cause=16")

    assert bob.last("CANCEL").headers.get_all("Reason") == [ELSEWHERE, "Q.850;cause=16"]
    assert alice.statuses()[-1] == 487


def test_a_bye_instead_of_a_cancel_says_why_too(alice, bob):
    alice.invite()
    bob.answer(bob.last("INVITE"), 180)
    alice.send(alice.in_dialog("BYE", alice.last(180), headers=[("Reason", ELSEWHERE)]))

    assert bob.last("CANCEL").headers.get("Reason") == ELSEWHERE


def test_the_reason_of_a_cancel_outlives_the_process(bench, alice, bob):
    alice.invite()
    bob.answer(bob.last("INVITE"), 180)
    cancel(alice, ELSEWHERE)
    bob.clear()
    bench.restart()

    assert bob.last("CANCEL").headers.get("Reason") == ELSEWHERE


def test_a_cancelled_reinvite_says_why(alice, bob, talking):
    ok, _ = talking
    reinvite = alice.in_dialog("INVITE", ok, body=SDP.format(alice.host))
    alice.send(reinvite)
    bob.answer(bob.last("INVITE"), 180)
    branch = reinvite.top_via.branch
    cseq = reinvite.cseq.number
    alice.send(alice.in_dialog("CANCEL", ok, cseq=cseq, branch=branch, headers=[("Reason", ELSEWHERE)]))

    assert bob.last("CANCEL").headers.get("Reason") == ELSEWHERE


def test_every_reason_of_a_bye_crosses(alice, bob, talking):
    """In one header, which is a list (RFC 3326 §2)."""
    ok, _ = talking
    alice.send(
        alice.in_dialog("BYE", ok, headers=[("Reason", "SIP;cause=200"), ("Reason", "Q.850;cause=16")])
    )

    assert bob.last("BYE").headers.get("Reason") == "SIP;cause=200, Q.850;cause=16"


@pytest.fixture
def referred(bench, alice, bob, talking):
    """Bob has sent alice two REFERs, which the dialplan lets her have: what she heard."""
    (call,) = bench.switch.calls.values()
    call.peer.destination.options = LegOptions(transfer="pass")
    _, invite = talking
    refers = []
    for cseq in (500, 501):
        bob.send(bob.in_dialog("REFER", invite, cseq=cseq, headers=[("Refer-To", "<sip:carol@example.org>")]))
        refers.append(alice.last("REFER"))
        alice.answer(refers[-1], 202)
    return refers


def notify(alice, ok, event):
    alice.send(alice.in_dialog("NOTIFY", ok, headers=[("Event", event), ("Subscription-State", "active")]))


def test_a_refer_is_named_as_whoever_asked_knows_it(bench, alice, bob, talking, referred):
    """RFC 3515 §2.4.6: `id` is the CSeq number of the REFER, which is another one in each dialog."""
    ok, _ = talking
    named = []
    for refer in referred:
        notify(alice, ok, f"refer;id={refer.cseq.number}")
        named.append(bob.last("NOTIFY").headers.get("Event"))
    bench.restart()
    notify(alice, ok, f"Refer ; id={referred[0].cseq.number};x=1")
    named.append(bob.last("NOTIFY").headers.get("Event"))

    assert named == ["refer;id=500", "refer;id=501", "Refer ; id=500;x=1"]


@pytest.mark.parametrize("event", ["refer", "refer;id=77", "presence;id=2", "refer;id=", "refer;id=0x2"])
def test_any_other_event_crosses_as_it_came(alice, bob, talking, referred, event):
    ok, _ = talking
    notify(alice, ok, event)

    assert bob.last("NOTIFY").headers.get("Event") == event


def test_who_asked_prolongs_the_subscription_by_the_name_that_the_other_end_knows(
    alice, bob, talking, referred
):
    _, invite = talking
    bob.send(bob.in_dialog("SUBSCRIBE", invite, cseq=502, headers=[("Event", "refer;id=500")]))

    assert alice.last("SUBSCRIBE").headers.get("Event") == f"refer;id={referred[0].cseq.number}"


def test_a_2xx_that_needs_a_contact_has_ours(alice, bob, talking, referred):
    """RFC 3515 §2.2, RFC 6665 §8.2.1: a 2xx to REFER, SUBSCRIBE or NOTIFY; a refusal needs none."""
    ok, invite = talking
    notify(alice, ok, "refer")
    bob.answer(bob.last("NOTIFY"), 200)
    bob.send(bob.in_dialog("SUBSCRIBE", invite, cseq=502, headers=[("Event", "refer")]))
    alice.answer(alice.last("SUBSCRIBE"), 489)

    assert [bob.last(202).contacts[0].uri.host, alice.last(200).contacts[0].uri.host] == [
        "10.0.0.1",
        "10.0.0.1",
    ]
    assert bob.last(489).contacts == []


def test_we_say_what_we_do_ourselves(alice, bob):
    """RFC 3891 §6.2: or phones offer no attended transfer."""
    alice.invite(headers=[("Supported", "gruu")])
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format(bob.host), headers=[("Supported", "timer, 100rel")])

    assert invite.headers.get("Supported") == "replaces, timer, 100rel"
    assert alice.last(200).headers.get("Supported") == "replaces, timer"


def test_the_loop_says_whose_call_it_was(bench):
    """So what makes a phone answer by itself reaches those of one owner, and those of nobody else."""
    heard = {}
    for owner in (1, 2):
        name = f"phone{owner}"
        phone = bench.phone(name, f"30.0.0.{owner}")
        bench.account(name, phone, user_id=owner)
        heard[owner] = phone
    alice = bench.phone("alice", "20.0.0.1")
    alice.domain = "example.org"
    bench.account("alice", alice)
    for owner in (1, 2):
        alice.invite(
            f"sip:phone{owner}@example.org", call_id=f"call-{owner}", headers=[("Answer-Mode", "Auto")]
        )

    assert [heard[owner].last("INVITE").headers.get("Answer-Mode") for owner in (1, 2)] == ["Auto", None]


def test_a_reason_is_shown_without_what_does_something_to_a_screen(alice, bob):
    """Before the answer and in the call."""
    alice.invite()
    invite = bob.last("INVITE")
    for status in (180, 200):
        bob.answer(invite, status, reason="So\x1b[2J")
    ok = alice.last(200)
    alice.ack(ok)
    alice.send(alice.in_dialog("INFO", ok))
    bob.answer(bob.last("INFO"), 415, reason="No\u202e")

    assert [alice.last(status).reason for status in (180, 200, 415)] == ["So[2J", "So[2J", "No"]
