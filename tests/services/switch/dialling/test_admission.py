"""One stranger must not use up what a tenant has."""

from math import inf
from types import SimpleNamespace

import pytest

from sipwright.services.switch import SwitchSettings
from sipwright.services.switch.call.ports import NoOwnLimits
from sipwright.services.switch.dialling.admission import CallLimits, Share
from sipwright.services.switch.model.call_state import CallState
from sipwright.sip import Reject, Request

from ..conftest import Bench, Provider
from ..test_hostile import Plans


@pytest.fixture
def stranger(bench, bob):
    return bench.phone("stranger", "66.0.0.6")


def call_bob(stranger, number):
    stranger.invite("sip:bob@example.org", call_id=f"call-{number}", tag=f"t{number}",
                    branch=f"z9hG4bKs{number}")  # fmt: skip


def test_one_address_has_a_tenth_of_the_ringing_calls_of_a_user(bench, stranger):
    for number in range(30):
        call_bob(stranger, number)
    bench.run(0.5)

    assert len(bench.switch.calls) == 20
    assert stranger.statuses().count(503) == 10
    assert len(bench.cdrs()) == 0
    other = bench.phone("other", "66.0.0.7")
    call_bob(other, 100)
    bench.run(0.5)
    assert other.statuses() == [100]


def test_calls_that_are_over_make_room(bench, stranger, bob):
    for number in range(20):
        call_bob(stranger, number)
    bench.run(0.5)
    for call in list(bench.switch.calls.values()):
        with call.event():
            call.state = CallState.TALKING
    call_bob(stranger, 50)
    bench.run(0.5)

    assert 503 not in stranger.statuses()


def test_an_account_has_so_many_calls_and_no_more():
    bench = Bench(calls_per_account=2)
    assert SwitchSettings().calls_per_account == 500
    alice = bench.phone("alice", "192.168.1.20")
    bench.account("alice", alice)
    bench.account("bob", bench.phone("bob", "20.0.0.2"))
    for number in range(3):
        call_bob(alice, number)
    bench.run(0.5)

    assert alice.statuses().count(503) == 1


def test_an_account_may_have_a_limit_of_its_own(bench, alice):
    bench.account("alice", alice)
    bench.account("bob", bench.phone("bob", "20.0.0.2"), most_calls=1)
    bench.account("carol", bench.phone("carol", "20.0.0.3"))
    stranger = bench.phone("stranger", "66.0.0.6")
    for number in range(2):
        call_bob(stranger, number)
    stranger.invite("sip:carol@example.org", call_id="c1", tag="c1", branch="z9hG4bKc1")
    stranger.invite("sip:carol@example.org", call_id="c2", tag="c2", branch="z9hG4bKc2")
    bench.run(0.5)

    assert stranger.statuses().count(503) == 1


def test_a_call_that_spirals_through_a_provider_ends(bench):
    """The provider brings it back with another Call-ID, other tags, and the caller's number."""
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9")
    trunk = bench.phone("trunk", "30.0.0.9")
    bench.account("desk", in_plan=1)
    Plans(bench, {1: ("99@trunk", ())})
    turns = 1
    trunk.invite("sip:desk@example.org", call_id="turn-0", tag="t0", branch="z9hG4bKt0")
    while turns < 40:
        bench.run(0.2)
        heard = len(
            {message.call_id for message in trunk.heard if getattr(message, "method", "") == "INVITE"}
        )
        if heard < turns:
            break
        trunk.invite(
            "sip:desk@example.org", call_id=f"turn-{turns}", tag=f"t{turns}", branch=f"z9hG4bKt{turns}"
        )
        turns += 1

    assert turns == 11
    assert 482 in trunk.statuses()
    assert len(bench.switch.calls) == 10


def test_a_user_who_may_start_no_run_gets_no_call_for_it(bench, alice):
    refused = []
    bench.pipeline._on_refused = lambda incoming, refusal, has_record: refused.append(refusal)
    bench.switch.admission.why_no_run = lambda user_id, direction: f"{user_id} {direction} is full"
    bench.account("desk", in_plan=1)
    Plans(bench, {1: ("bob@local", ())})
    alice.invite("sip:desk@example.org")
    bench.run(0.1)

    assert (alice.statuses(), bench.switch.calls, bench.cdrs()) == ([480], {}, [])
    assert [(refusal.why, refusal.is_limit) for refusal in refused] == [("1 in is full", True)]


@pytest.mark.parametrize(
    ("source", "refused"), [("66.0.0.6", 10), ("2001:db8::{:x}", 10), ("2001:db8:0:{:x}::1", 0)]
)
def test_an_address_or_an_ipv6_network_is_one_source(bench, bob, source, refused):
    """Whatever ports, and TCP or UDP."""
    limits, request, refusals = (
        bench.switch.admission.limits,
        bob.request("INVITE", "sip:bob@example.org"),
        [],
    )
    for number in range(30):
        bench.switch.calls[f"call-{number}"] = Ringing()
        try:
            limits.admit_stranger(f"call-{number}", 1, 1, source.format(number), request)
        except Reject as error:
            refusals.append(error.is_limit)
    bench.switch.calls.clear()

    assert refusals == [True] * refused


class Ringing:
    state = CallState.SETTING_UP
    legs = ()


FROM_ANYBODY = Request("INVITE", "sip:bob@example.org", [("From", "<sip:anonymous@example.com>;tag=1")])


def is_admitted(limits, number, source="66.0.0.6", begun_at=None):
    try:
        limits.admit_stranger(f"c{number}", 1, number, source, FROM_ANYBODY, begun_at)
    except Reject as refused:
        return not (refused.status == 503 and refused.is_limit)
    return True


def test_one_address_begins_a_tenth_of_the_runs_of_a_minute():
    """Calls that are over at once use up what a user may begin in a minute, and ring at no time."""
    limits = CallLimits({}, 500, lambda user_id, source: Share(1_000, 3))
    begun = [is_admitted(limits, number, begun_at=100.0 + number) for number in range(5)]

    assert begun == [True, True, True, False, False]
    assert is_admitted(limits, 10, "66.0.0.7", begun_at=104.0)
    assert is_admitted(limits, 11)  # to an account without a dialplan
    assert not is_admitted(limits, 12, begun_at=159.0)
    assert is_admitted(limits, 13, begun_at=160.0)


def test_a_call_whose_dialplan_goes_on_after_the_answer_still_counts():
    """`dial(..., wait=True)`: else a stranger who is answered has all runs of the user in the end."""
    calls, on = {}, {"run-0", "run-1"}
    limits = CallLimits(calls, 500, lambda user_id, source: Share(2, 1_000), on.__contains__)
    for number in range(2):
        assert is_admitted(limits, number, begun_at=0.0)
        script = SimpleNamespace(execution_id=f"run-{number}")
        calls[f"c{number}"] = SimpleNamespace(state=CallState.TALKING, legs=[], script=script)

    assert not is_admitted(limits, 2, begun_at=1.0)
    on.remove("run-0")
    assert is_admitted(limits, 3, begun_at=1.0)


class Looks(dict):
    """Calls by id, and how often somebody looked for one."""

    count = 0

    def get(self, key, default=None):
        self.count += 1
        return super().get(key, default)


@pytest.mark.parametrize("is_ringing", [True, False])
def test_each_call_of_a_caller_costs_the_same_however_many_there_are(is_ringing):
    calls = Looks()
    limits = CallLimits(calls, 500, lambda user_id, source: Share(1_000, 1))
    state = CallState.SETTING_UP if is_ringing else CallState.TALKING
    for number in range(1_000):
        limits.admit_stranger(f"c{number}", 1, 1, "66.0.0.6", FROM_ANYBODY)
        calls[f"c{number}"] = SimpleNamespace(state=state, legs=[SimpleNamespace(is_phone=True)], script=None)

    assert calls.count < (25_000 if is_ringing else 2_500)


class TrunkOfOne(NoOwnLimits):
    """The trunk has one line."""

    def most_carried(self, provider):
        return 1 if provider == (1, "trunk") else inf


@pytest.fixture
def lines(bench):
    """Two trunks, of which the first has one line; what desk dials goes by the second when that is busy."""
    found = []
    for name, host in (("trunk", "30.0.0.9"), ("spare", "30.0.0.8")):
        bench.accounts.providers[name] = Provider(name, host)
        found.append(bench.phone(name, host))
    bench.account("desk", in_plan=1)
    Plans(bench, {1: ("99@trunk | 99@spare", ())})
    bench.switch.ports.own_limits = TrunkOfOne()
    return found


def test_a_trunk_whose_lines_are_busy_is_passed_over(bench, alice, lines):
    trunk, spare = lines
    for number in range(2):
        call_desk(alice, number)

    assert (trunk.methods().count("INVITE"), spare.methods().count("INVITE")) == (1, 1)
    trunk.answer(trunk.last("INVITE"), 486)
    bench.run(0.1)
    spare.answer(spare.last("INVITE"), 486)
    call_desk(alice, 2)
    assert trunk.methods().count("INVITE") == 2


def test_a_trunk_whose_lines_are_busy_brings_no_other_call(bench, alice, bob, lines):
    trunk, _ = lines
    call_desk(alice, 0)
    trunk.invite("sip:bob@example.org", call_id="in", tag="in", branch="z9hG4bKin")

    assert trunk.statuses() == [503]
    alice.send(
        alice.request("CANCEL", "sip:desk@example.org", cseq=1, branch="z9hG4bKd0", call_id="d0", tag="d0")
    )
    trunk.answer(trunk.last("INVITE"), 487)
    trunk.invite("sip:bob@example.org", call_id="in2", tag="in2", branch="z9hG4bKin2")
    assert bob.methods() == ["INVITE"]


def call_desk(phone, number):
    phone.invite("sip:desk@example.org", call_id=f"d{number}", tag=f"d{number}", branch=f"z9hG4bKd{number}")


@pytest.mark.parametrize("in_plan", [None, 1])
def test_who_is_not_to_be_disturbed_is_not_rung(bench, alice, bob, in_plan):
    """RFC 3261 §21.4.18; what the in dialplan rings besides does."""
    mobile = bench.phone("mobile", "40.0.0.1")
    bench.account("mobile", mobile)
    account = bench.accounts.accounts["bob"]
    account.do_not_disturb, account.in_plan = True, in_plan
    Plans(bench, {1: ("bob@local | mobile@local", ())})
    alice.invite("sip:bob@example.org")

    assert bob.methods() == []
    if in_plan is None:
        assert alice.last(480).reason == "Do Not Disturb"
    else:
        assert mobile.methods() == ["INVITE"]
