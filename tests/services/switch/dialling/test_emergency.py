"""Calls to emergency numbers: no dead server is waited for, and no limit holds."""

import pytest

from sipwright.services.switch.dialling.provider_addresses import ProviderAddresses
from sipwright.stack.backlog import Backlog

from ..conftest import SDP, Bench, Provider
from ..test_hostile import Plans


def world(plan="112@trunk1 | 112@trunk2", **settings):
    """A switch, a phone whose dialplan dials two trunks, and the trunks."""
    bench = Bench(emergency=frozenset({"112", "911"}), **settings)
    alice = bench.phone("alice", "192.168.1.20")
    alice.domain = "example.org"
    bench.account("alice", alice, out_plan=1)
    for number in (1, 2):
        bench.accounts.providers[f"trunk{number}"] = Provider(f"trunk{number}", f"40.0.0.{number}")
    Plans(bench, {1: (plan, ())})
    return bench, alice, [bench.phone(f"trunk{number}", f"40.0.0.{number}") for number in (1, 2)]


def dial(bench, alice, number="112", seconds=0.1, call_id="call-1"):
    alice.invite(f"sip:{number}@example.org", call_id=call_id, tag=call_id, branch=f"z9hG4bK{call_id}")
    bench.run(seconds)


def heard(trunk):
    return trunk.methods().count("INVITE")


@pytest.mark.parametrize("number", ["112", "911", "1-1-2", "(112)", "112;phone-context=ie"])
def test_a_server_that_says_nothing_has_two_seconds(number):
    bench, alice, (_, second) = world()
    dial(bench, alice, number, seconds=1.8)
    before = heard(second)
    bench.run(0.4)

    assert (before, heard(second)) == (0, 1)


def test_any_other_number_gives_it_four():
    bench, alice, (_, second) = world()
    dial(bench, alice, "1120", seconds=3.0)

    assert heard(second) == 0


@pytest.mark.parametrize(("number", "is_registered"), [("112", False), ("(1)12", False), ("353", True)])
def test_no_names_of_providers_are_waited_for(monkeypatch, number, is_registered):
    """Nor by a phone that has registered from there: no provider is where that is."""

    async def until_names_are_known():
        raise AssertionError("nobody is to wait")

    monkeypatch.setattr(ProviderAddresses, "wait_for", lambda *_: until_names_are_known())
    bench, alice, (first, _) = world("112@trunk1")
    bench.switch.router.senders._domain_at = lambda key: "example.org" if is_registered else None
    dial(bench, alice, number)

    assert heard(first) == 1


def test_the_last_one_that_is_left_is_not_given_up_so_soon():
    bench, alice, (first, _) = world("112@trunk1")
    dial(bench, alice, seconds=3.0)
    first.answer(first.last("INVITE"), 200, body=SDP.format(first.host))

    assert alice.statuses()[-1] == 200


def test_one_that_is_known_to_be_dead_is_not_waited_for():
    bench, alice, (first, second) = world()
    dial(bench, alice, "353", seconds=5)
    first.clear()
    second.clear()
    dial(bench, alice, call_id="call-2")

    assert (heard(first), heard(second)) == (0, 1)


def test_when_all_are_dead_each_is_tried():
    bench, alice, (first, second) = world()
    dial(bench, alice, "353", seconds=9)
    first.clear()
    second.clear()
    dial(bench, alice, seconds=2.5, call_id="call-2")

    assert (heard(first) > 0, heard(second) > 0) == (True, True)


def test_a_provider_that_is_stopped_gets_no_call_and_says_why():
    bench, alice, (first, _) = world("353@trunk1")
    bench.stop_provider("trunk1", "Wrong Password: 401 Unauthorized; stopped after 3 refusals")
    dial(bench, alice, "353")

    assert (heard(first), alice.statuses()[-1]) == (0, 503)
    assert alice.last(503).reason.startswith("Provider Is Stopped: Wrong Password")


def test_but_for_an_emergency_which_it_may_carry_all_the_same():
    bench, alice, (first, _) = world("112@trunk1")
    bench.stop_provider("trunk1", "Wrong Password: 401 Unauthorized; stopped after 3 refusals")
    dial(bench, alice)

    assert heard(first) == 1


@pytest.mark.parametrize("limit", ["max_calls", "calls_per_account"])
def test_no_limit_of_calls_holds(limit):
    bench, alice, _ = world(**{limit: 1})
    for number in range(3):
        dial(bench, alice, call_id=f"call-{number}")
    dial(bench, alice, "353", call_id="another")

    assert alice.statuses().count(503) == 1
    assert len(bench.switch.calls) == 3


def test_a_stranger_who_calls_an_account_of_that_name_has_no_such_right():
    bench, _, _ = world(max_calls=1)
    stranger = bench.phone("stranger", "66.0.0.6")
    bench.account("112", bench.phone("desk", "20.0.0.9"))
    for number in range(2):
        dial(bench, stranger, call_id=f"call-{number}")

    assert stranger.statuses().count(503) == 1


def test_nobody_s_longest_call_ends_it_but_that_of_the_settings():
    class Limits:
        def longest_call(self, user_id, providers):
            return 10.0

    bench, alice, (first, _) = world(longest_call=3600.0)
    bench.switch.ports.own_limits = Limits()
    dial(bench, alice)
    first.answer(first.last("INVITE"), 200, body=SDP.format(first.host))
    alice.ack(alice.last(200))

    (call,) = bench.switch.calls.values()
    assert round(call.time_left) == 3600


def refused(alice):
    return [response for response in alice.heard if getattr(response, "status", 0) == 503]


@pytest.mark.parametrize("number", ["353", "112"])
def test_when_calls_wait_for_too_long_no_other_begins_but_those(number, monkeypatch):
    bench, alice, (first, _) = world()
    monkeypatch.setattr(Backlog, "is_too_long", property(lambda backlog: True))
    dial(bench, alice, number)

    assert heard(first) == (number == "112")
    assert [(r.reason, r.headers.get("Retry-After")) for r in refused(alice)] == [("Too Busy", "10")] * (
        number == "353"
    )


def test_a_copy_of_a_call_that_was_refused_is_no_call_when_there_is_room_again(monkeypatch):
    """Its caller has heard 503 by then; copies may wait as long as the first one (RFC 3261 §17.2.1)."""
    bench, alice, (first, _) = world()
    is_too_long = [True]
    monkeypatch.setattr(Backlog, "is_too_long", property(lambda backlog: is_too_long[0]))
    dial(bench, alice, "353")
    is_too_long[0] = False
    dial(bench, alice, "353")

    assert heard(first) == 0
    assert {response.reason for response in refused(alice)} == {"Too Busy"}


@pytest.mark.parametrize("number", ["353", "112"])
def test_when_runs_of_its_owner_wait_for_too_long_no_other_begins_but_those(number, monkeypatch):
    bench, alice, (first, _) = world()
    monkeypatch.setattr(Plans, "is_behind", lambda plans, user_id: user_id == 7)
    bench.accounts.accounts["alice"].user_id = 7
    dial(bench, alice, number)

    assert (heard(first), len(refused(alice))) == ((1, 0) if number == "112" else (0, 1))
