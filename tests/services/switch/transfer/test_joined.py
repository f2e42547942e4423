"""Join (RFC 3911): a third phone enters a call that another one mixes, whichever end's names it has learnt."""

import pytest
from tests.services.switch.test_hostile import Plans


@pytest.fixture
def carol(bench, bob, talking):
    phone = bench.phone("carol", "40.0.0.1")
    phone.domain = "example.org"
    bench.account("carol", phone)
    bob.clear()
    return phone


def join(phone, value, to="bob", **options):
    headers = [("Join", value), ("Require", "join"), ("Supported", "join, replaces")]
    phone.invite(f"sip:{to}@example.org", call_id="join", tag="third", headers=headers, **options)


def of_alice(ok):
    """The dialog as alice has it, seen from the phone that she talks to."""
    return f"{ok.call_id};to-tag={ok.to_tag};from-tag={ok.from_tag}"


def of_bob(invite):
    """The dialog as bob has it, and as the events of his account tell it."""
    return f"{invite.call_id};to-tag=bob;from-tag={invite.from_tag}"


def test_a_phone_is_asked_to_mix_its_call_in_its_own_terms(bob, carol, talking):
    """§4: what alice has told carol of her call means nothing to bob's phone."""
    join(carol, of_alice(talking[0]))
    heard = bob.last("INVITE").headers

    assert heard.get("Join") == of_bob(talking[1])
    assert heard.get("Require") == "join"
    assert "join" in heard.get_list("Supported")


def test_what_the_events_of_a_phone_say_it_understands(bob, carol, talking):
    join(carol, of_bob(talking[1]))

    assert bob.last("INVITE").headers.get("Join") == of_bob(talking[1])


def test_some_phones_have_the_tags_the_other_way_round(bob, carol, talking):
    invite = talking[1]
    join(carol, f"{invite.call_id};to-tag={invite.from_tag};from-tag=bob")

    assert bob.last("INVITE").headers.get("Join") == of_bob(invite)


@pytest.mark.parametrize("end", [0, 1])
def test_the_way_may_lead_through_the_dialplans_of_both(bench, bob, carol, talking, end):
    """On the loop between them nobody is asked again who it is."""
    Plans(bench, {1: ("bob@local", ()), 2: ("bob@local", ())})
    bench.accounts.accounts["carol"].out_plan, bench.accounts.accounts["bob"].in_plan = 1, 2
    join(carol, (of_alice, of_bob)[end](talking[end]))
    bench.run(0.1)

    assert bob.last("INVITE").headers.get("Join") == of_bob(talking[1])
    assert len(bench.switch.calls) == 3


@pytest.mark.parametrize("end", [0, 1])
def test_nobody_joins_the_call_of_somebody_else(bench, bob, carol, talking, end):
    """§4: 403 is the answer to whoever may not."""
    bench.accounts.accounts["carol"].user_id = 2
    join(carol, (of_alice, of_bob)[end](talking[end]))

    assert (carol.statuses(), bob.methods()) == ([403], [])


@pytest.mark.parametrize("value", ["nonsense", "x;to-tag=1;from-tag=2"])
def test_what_is_no_dialog_of_ours_is_left_to_the_callee(bob, carol, value):
    join(carol, value)

    assert bob.last("INVITE").headers.get("Join") == value


def test_several_are_refused(bob, carol, talking):
    """§4: 400."""
    headers = [("Join", of_bob(talking[1])), ("Join", "x;to-tag=1;from-tag=2")]
    carol.invite("sip:bob@example.org", call_id="join", tag="third", headers=headers)

    assert (carol.statuses(), bob.methods()) == ([400], [])
