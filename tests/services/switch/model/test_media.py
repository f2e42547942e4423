"""Direct media: when the address in an SDP is replaced, in every message and both directions."""

import pytest
from tests.services.switch.conftest import SDP, Bench

from sipwright.services.leg_options import LegOptions


def media_address(message):
    return message.body.split(b"c=IN IP4 ")[1].split(b"\r\n")[0].decode()


def call(bench, caller, callee, *, offer="192.168.1.10", answer="10.9.9.9", early=None):
    """Set up a call and return the addresses that callee and caller are told."""
    caller.invite(body=SDP.format(offer))
    invite = callee.last("INVITE")
    if early:
        callee.answer(invite, 183, body=SDP.format(early))
    callee.answer(invite, 200, body=SDP.format(answer))
    return media_address(invite), media_address(caller.last(200))


def test_private_addresses_become_the_real_ones(bench, alice, bob):
    assert call(bench, alice, bob) == ("20.0.0.1", "30.0.0.1")


def test_public_addresses_are_left_alone(bench, alice, bob):
    assert call(bench, alice, bob, offer="20.0.0.99", answer="30.0.0.99") == ("20.0.0.99", "30.0.0.99")


def test_two_ends_behind_the_same_nat_talk_directly(bench):
    alice = bench.phone("alice", "20.0.0.1", port=5061)
    bob = bench.phone("bob", "20.0.0.1", port=5062)
    bench.account("bob", bob)

    assert call(bench, alice, bob) == ("192.168.1.10", "10.9.9.9")


def test_early_media_is_rewritten_too(bench, alice, bob):
    call(bench, alice, bob, early="10.9.9.9")

    assert media_address(alice.last(183)) == "30.0.0.1"


def test_changes_of_the_call_are_rewritten_in_both_directions(bench, alice, bob, talking):
    """The old service left re-INVITEs alone, and calls that turned to video broke."""
    ok, first = talking
    alice.send(alice.in_dialog("INVITE", ok, body=SDP.format("192.168.1.10")))
    at_bob = bob.last("INVITE")
    bob.answer(at_bob, 200, body=SDP.format("10.9.9.9"))
    at_alice = alice.last(200)
    alice.ack(at_alice)
    bob.send(bob.in_dialog("UPDATE", first, body=SDP.format("10.9.9.9"), cseq=70))

    assert media_address(at_bob) == "20.0.0.1"
    assert media_address(at_alice) == "30.0.0.1"
    assert media_address(alice.last("UPDATE")) == "30.0.0.1"


def test_a_phone_beside_the_switch_gets_its_public_address():
    bench = Bench(public_address="99.0.0.1")
    alice = bench.phone("alice", "192.168.1.10")
    bob = bench.phone("bob", "30.0.0.1")
    bench.account("bob", bob)

    assert call(bench, alice, bob)[0] == "99.0.0.1"


@pytest.mark.parametrize(("mangle", "told"), [("true", "20.0.0.1"), ("false", "192.168.1.10")])
def test_ma_false_turns_it_off_for_the_whole_call(bench, alice, bob, mangle, told):
    carol = bench.account("carol")
    original = bench.switch.finder.phones

    def phones(account):
        if account is carol:
            found = original(bench.accounts.accounts["bob"])
            for destination in found:
                destination.options = LegOptions(mangle=mangle == "true")
            return found
        return original(account)

    bench.switch.finder.phones = phones
    alice.invite("sip:carol@example.org", body=SDP.format("192.168.1.10"))
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format("10.9.9.9"))
    ok = alice.last(200)
    alice.ack(ok)
    alice.send(alice.in_dialog("INVITE", ok, body=SDP.format("192.168.1.10")))

    assert media_address(invite) == told
    assert media_address(bob.last("INVITE")) == told
