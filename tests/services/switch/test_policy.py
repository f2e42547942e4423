"""What the policy forbids or allows in calls, texts and watching."""

import pytest
from tests.services.switch.conftest import SDP, Bench

from sipwright.services.policy import DEFAULTS, Policy


def bench_with(**rules):
    bench = Bench(policy=Policy(rules={**DEFAULTS, **rules}))
    alice, bob = bench.phone("alice", "20.0.0.1"), bench.phone("bob", "30.0.0.1")
    bench.account("bob", bob)
    return bench, alice, bob


def talk(alice, bob):
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format(bob.host))
    ok = alice.last(200)
    alice.ack(ok)
    return ok, invite


TO_CAROL = (("Refer-To", "<sip:carol@example.org>"),)


@pytest.mark.parametrize(("allowed", "status"), [(("phones",), 202), ((), 603)])
def test_a_phone_may_transfer_unless_nobody_may(allowed, status):
    bench, alice, bob = bench_with(refer=allowed)
    carol = bench.phone("carol", "40.0.0.1")
    bench.account("carol", carol)
    _, invite = talk(alice, bob)
    bob.send(bob.in_dialog("REFER", invite, headers=TO_CAROL, cseq=70))

    assert bob.statuses("REFER") == [status]
    assert ("INVITE" in carol.methods()) is (status == 202)


@pytest.mark.parametrize(("allowed", "status"), [(("phones", "strangers"), 202), (("phones",), 603)])
def test_somebody_outside_may_transfer_where_that_is_said(allowed, status):
    bench, alice, bob = bench_with(refer=allowed)
    carol = bench.phone("carol", "40.0.0.1")
    bench.account("carol", carol)
    ok, _ = talk(alice, bob)
    alice.send(alice.in_dialog("REFER", ok, headers=TO_CAROL))

    assert alice.statuses("REFER") == [status]


@pytest.mark.parametrize(("allowed", "status"), [(("phones",), 100), ((), 302)])
def test_a_redirect_is_followed_from_whom_that_is_said(allowed, status):
    bench, alice, bob = bench_with(redirect=allowed)
    carol = bench.phone("carol", "40.0.0.1")
    bench.account("carol", carol)
    alice.invite()
    bob.answer(bob.last("INVITE"), 302, headers=(("Contact", "<sip:carol@example.org>"),))

    assert ("INVITE" in carol.methods()) is (status == 100)
    assert status == 100 or alice.statuses()[-1] == 480


@pytest.mark.parametrize("is_allowed", [True, False])
def test_texts_are_taken_from_whom_that_is_said(is_allowed):
    _, alice, bob = bench_with(message=("phones", "strangers") if is_allowed else ("phones",))
    alice.send(alice.request("MESSAGE", "sip:bob@example.org"))

    assert ("MESSAGE" in bob.methods()) is is_allowed
    assert is_allowed or alice.statuses("MESSAGE") == [403]


@pytest.mark.parametrize("is_allowed", [True, False])
def test_a_stranger_takes_a_place_where_that_is_said_alone(is_allowed):
    bench, alice, bob = bench_with(replace=("phones", "strangers") if is_allowed else ("phones",))
    _, invite = talk(alice, bob)
    carol = bench.phone("carol", "40.0.0.1")
    named = f"{invite.call_id};to-tag={invite.from_tag};from-tag=bob"
    carol.invite(headers=(("Replaces", named),), tag="carol", call_id="call-2")

    assert (403 in carol.statuses()) is not is_allowed
    assert ("INVITE" in alice.methods()) is is_allowed
