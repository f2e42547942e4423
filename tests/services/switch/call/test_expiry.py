"""An INVITE says with Expires for how long it is valid (RFC 3261 §13.2.1, §13.3.1)."""

import pytest
from tests.services.switch.conftest import SDP, Provider
from tests.services.switch.test_hostile import Plans


def invite(alice, seconds, uri="sip:bob@example.org"):
    return alice.invite(uri, headers=[("Expires", seconds)])


def test_a_call_that_nobody_answers_in_time_is_over(bench, alice, bob):
    invite(alice, "10")
    bob.answer(bob.last("INVITE"), 180)
    bench.run(9.8)
    before = alice.statuses()
    bench.run(0.3)
    bob.answer(bob.last("CANCEL"), 200)
    bob.answer(bob.last("INVITE"), 487)
    alice.send(alice.request("ACK", "sip:bob@example.org", cseq=1, branch="z9hG4bK-alice-INVITE-1-call-1"))

    assert before == [180]
    assert alice.statuses() == [180, 487]
    assert bob.methods() == ["INVITE", "CANCEL", "ACK"]
    assert bench.cdrs() == [(0, 487, "switch"), (1, 487, "switch")]
    assert bench.is_empty()


def test_an_answer_in_time_counts(bench, alice, bob):
    invite(alice, "10")
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    alice.ack(alice.last(200))
    bench.run(30)

    assert (alice.statuses(), bob.methods()) == ([200], ["INVITE", "ACK"])


@pytest.mark.parametrize(("seconds", "told"), [("10", "10"), ("1000", "1000")])
def test_whoever_is_called_is_told(alice, bob, seconds, told):
    invite(alice, seconds)

    assert bob.last("INVITE").headers.get_all("Expires") == [told]


def test_who_is_called_later_is_told_what_is_left(bench, alice):
    bench.account("desk", in_plan=1)
    phones = [bench.phone(f"p{number}", f"30.0.1.{number}") for number in (1, 2)]
    for number, phone in enumerate(phones, 1):
        bench.account(f"p{number}", phone)
    Plans(bench, {1: ("p1@local | p2@local", ())})
    invite(alice, "20", "sip:desk@example.org")
    bench.run(4.5)
    phones[0].answer(phones[0].last("INVITE"), 486)
    left = phones[1].last("INVITE").headers.get("Expires")
    bench.run(15.6)

    assert left == "16"
    assert alice.statuses()[-1] == 487


def test_what_rings_for_a_shorter_time_ends_sooner(bench, alice):
    """The ring time of `dial()` is 30 s here."""
    bench.account("desk", in_plan=1)
    phone = bench.phone("p1", "30.0.1.1")
    bench.account("p1", phone)
    Plans(bench, {1: ("p1@local", ())})
    invite(alice, "40", "sip:desk@example.org")
    phone.answer(phone.last("INVITE"), 180)
    bench.run(30.2)

    assert phone.methods()[:2] == ["INVITE", "CANCEL"]
    assert alice.statuses()[-1] == 408


@pytest.mark.parametrize("seconds", ["0", "soon", "Thu, 01 Dec 1994 16:00:00 GMT"])
def test_what_nobody_can_mean_has_no_effect(bench, alice, bob, seconds):
    invite(alice, seconds)
    bench.run(5)

    assert (alice.statuses(), bob.methods()[-1]) == ([100], "INVITE")
    assert bob.last("INVITE").headers.get("Expires") == seconds


def test_it_expires_in_another_process_too(bench, alice, bob):
    invite(alice, "10")
    bob.answer(bob.last("INVITE"), 180)
    bench.run(5)
    bench.restart()
    bench.run(4.5)
    before = alice.statuses()[-1]
    bench.run(1)

    assert (before, alice.statuses()[-1]) == (180, 487)
    assert "CANCEL" in bob.methods()


def test_a_provider_that_says_nothing_is_given_up_too(bench, alice):
    bench.account("desk", in_plan=1)
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9", answer_within=30.0)
    trunk = bench.phone("trunk", "30.0.0.9")
    Plans(bench, {1: ("1@trunk", ())})
    invite(alice, "3", "sip:desk@example.org")
    bench.run(3.1)
    sent = trunk.methods().count("INVITE")
    trunk.answer(trunk.last("INVITE"), 180)

    assert alice.statuses()[-1] == 487
    assert trunk.methods()[sent:] == ["CANCEL"]
