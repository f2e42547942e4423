"""The guard asked by a switch: what leaves, what it costs, and what becomes of it over a kill."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs
from tests.services.switch.conftest import SDP, Bench, Provider, Row, document_of, every_leg_keeps_the_rules  # noqa: F401

from sipwright.config import GuardSettings
from sipwright.node.call_guard import CallGuard
from sipwright.services.dialstring import MAX_WRITTEN, parse_dial_string
from sipwright.services.guard.rates import Rates
from sipwright.services.guard.spending import Allowance
from sipwright.services.rows import SpendingRow
from sipwright.services.switch import Hunt
from sipwright.services.switch.model.destination import Destination
from sipwright.store.admin.guard_rules import Rule

PREMIUM, ORDINARY = "+449098790000", "+442079460000"
RATES = Rates([("44", 20_000, 0), ("4490", 2_500_000, 500_000)])


class Town:
    """A bench whose calls dial a provider, with a guard that asks a directory."""

    def __init__(self, monkeypatch, **settings):
        self.monkeypatch = monkeypatch
        self.bench = Bench(emergency=frozenset({"112"}))
        self.provider = Provider("trunk", "40.0.0.1", answer_within=0.0)
        self.bench.accounts.providers["trunk"] = self.provider
        self.bench.account("nobody")
        self.phone = self.bench.phone("trunk", "40.0.0.1")
        self.alice = self.bench.phone("alice", "20.0.0.1")
        self.settings = GuardSettings(region="IE", **settings)
        user = SimpleNamespace(name="alice", timezone="UTC")
        self.directory = SimpleNamespace(
            users={1: user}, guard_rules={}, rates={}, provider=lambda user_id, name: self.provider,
            providers=lambda: [self.provider],
        )  # fmt: skip
        self.told = []
        self.calls = 0
        self.guarded()

    def guarded(self):
        bench = self.bench
        self.guard = CallGuard(
            self.settings, self.directory, bench.database, "node1", bench.network.clock, bench.network.clock
        )
        self.guard.watch = lambda kind, data: self.told.append((kind, data.get("reason")))
        bench.switch.ports.guard = self.guard

    def allow(self, *destinations, **limits):
        self.directory.guard_rules["user", 1] = Rule(frozenset(destinations), Allowance(**limits))

    def dial(self, text):
        """Let a call of alice dial what a script would; return the INVITE that the provider got, if any."""
        self.calls += 1
        before = len(self.phone.heard)
        with self.monkeypatch.context() as patch:
            patch.setattr(self.bench.switch.finder, "phones", lambda account: [])

            def reject(call, outcome, headers=()):
                patch.undo()
                call.hunt = Hunt(call, parse_dial_string(text, most=MAX_WRITTEN), 30.0)
                call.hunt.start()

            patch.setattr("sipwright.services.switch.call.call.Call.reject", reject)
            self.alice.invite("sip:nobody@example.org", call_id=f"call-{self.calls}")
        return next(
            (each for each in self.phone.heard[before:] if getattr(each, "method", "") == "INVITE"), None
        )

    def talk(self, number, seconds):
        invite = self.dial(f"{number}@trunk")
        if invite is None:
            return False
        self.phone.answer(invite, 200, body=SDP.format("40.0.0.1"))
        ok = self.alice.last(200)
        self.alice.ack(ok)
        self.bench.run(seconds)
        self.hang_up(ok)
        return True

    def hang_up(self, ok):
        if self.phone.methods()[-1] != "BYE":
            self.alice.send(self.alice.in_dialog("BYE", ok))
            self.phone.answer(self.phone.last("BYE"), 200)
        else:
            for phone in (self.phone, self.alice):
                phone.answer(phone.last("BYE"), 200)

    def transferred(self, after, *, calls="alice"):
        """Let alice talk by the trunk, then with carol, and let these two talk; returns what ends that.

        Where alice calls carol, the leg of the trunk goes into that call; where carol calls, hers into the other one.
        """
        bench, alice, trunk = self.bench, self.alice, self.phone
        carol = bench.phone("carol", "50.0.0.1")
        bench.account("carol", carol)
        if calls == "carol":
            bench.account("alice", alice)
            alice.domain = "example.org"
        trunk.answer(self.dial(f"{PREMIUM}@trunk[limit=600]"), 200, body=SDP.format(trunk.host))
        first = alice.last(200)
        alice.ack(first)
        bench.run(after)
        if calls == "alice":
            alice.invite("sip:carol@example.org", call_id="consult", tag="consult")
            called = carol.last("INVITE")
            carol.answer(called, 200, body=SDP.format(carol.host))
            goes_on, ends = alice.last(200), first
            alice.ack(goes_on)
            named = f"{ends.call_id};to-tag={ends.to_tag};from-tag={ends.from_tag}"
        else:
            carol.invite("sip:alice@example.org", call_id="consult", tag="consult")
            ends = alice.last("INVITE")
            alice.answer(ends, 200, tag="second", body=SDP.format(alice.host))
            goes_on, called = first, carol.last(200)
            carol.ack(called)
            named = f"{ends.call_id};to-tag={ends.from_tag};from-tag=second"
        for call in bench.switch.calls.values():
            with call.event():
                to = call.peer.destination
                to.options = replace(to.options, transfer="place")
        to = ("Refer-To", f"<sip:x@example.org?Replaces={quote(named, safe='')}>")
        alice.send(alice.in_dialog("REFER", goes_on, headers=[to], cseq=70))
        alice.answer(alice.last("NOTIFY"), 200)
        for phone in (trunk, carol) if calls == "alice" else (carol, trunk):
            phone.answer(phone.last("INVITE"), 200, body=SDP.format(phone.host))
        alice.answer(alice.last("NOTIFY"), 200)
        for bye in {
            each.call_id: each for each in alice.heard if getattr(each, "method", "") == "BYE"
        }.values():
            alice.answer(bye, 200)

        def hang_up():
            carol.send(carol.in_dialog("BYE", called, cseq=90))
            trunk.answer(trunk.last("BYE"), 200)

        return hang_up

    def restart(self):
        """Kill the process, and start another one on the same database."""
        bench = self.bench
        rows = [Row(key, document_of(row)) for key, row in bench.database.rows["call"].items()]
        spendings = [SpendingRow(*row) for row in bench.database.rows["spending"].values()]
        for transport in (bench.stack.transports[0], *bench.stack.transports[2:]):
            bench.network.detach(transport)
        bench.network._events.clear()
        bench.start()
        self.guarded()
        self.guard.spending.load(spendings)
        bench.switch.recover(rows)
        bench.switch.resume()
        bench.run(0.05)

    @property
    def spent(self):
        return self.guard.spending.of_day(("user", 1), self.bench.network.now).money / 1_000_000


@pytest.fixture
def town(monkeypatch):
    return Town(monkeypatch)


def test_two_hundred_calls_to_premium_numbers_with_a_stolen_password_spend_nothing(town):
    town.directory.rates[town.provider.id] = RATES
    for _ in range(200):
        assert town.dial(f"{PREMIUM}@trunk") is None
        town.bench.run(1.5)

    assert (town.spent, town.phone.heard, len(town.guard.spending)) == (0.0, [], 0)
    assert set(town.alice.statuses()) >= {403}
    assert town.bench.cdrs()[1][1] == 403
    assert {row[15] for row in town.bench.database.rows["cdr"].values()} == {"Premium Numbers Are Closed"}
    assert town.told[0] == ("guard.refused", "Premium Numbers Are Closed")
    assert len(town.told) <= 200


def test_the_log_names_a_call_that_was_not_let_out_as_the_records_do(town):
    with capture_logs() as lines:
        town.dial(f"{PREMIUM}@trunk")

    (line,) = [each for each in lines if each["event"] == "call not let out"]
    (kept,) = {key[0] for key in town.bench.database.rows["cdr"]}
    assert (line["call_id"], "call" in line) == (kept, False)


def test_where_premium_numbers_are_open_they_spend_no_more_than_the_money_of_the_day(town):
    town.directory.rates[town.provider.id] = RATES
    town.allow("premium", money_per_day=20_000_000)
    for _ in range(200):
        invite = town.dial(f"{PREMIUM}@trunk")
        if invite is not None:
            town.phone.answer(invite, 200, body=SDP.format("40.0.0.1"))
            town.alice.ack(town.alice.last(200))
        town.bench.run(1.5)
    town.bench.run(3_600)

    assert town.phone.methods().count("INVITE") == 1
    assert town.spent <= 20.0
    assert ("guard.refused", "Spending Limit Reached") in town.told


def test_ordinary_calls_go_out_and_what_they_cost_is_a_row(town):
    town.directory.rates[town.provider.id] = RATES
    assert town.talk(ORDINARY, 90)
    assert town.talk(ORDINARY, 30)

    assert town.spent == 0.06
    ((key, row),) = town.bench.database.rows["spending"].items()
    assert key == row[:5]
    assert row[:4] == ("node1", 1, 1, town.provider.id)
    assert (row[5], round(row[6]), row[7]) == (2, 120, 60_000)
    assert len(town.guard.spending) == 0


def test_a_call_ends_when_its_money_does(town):
    town.directory.rates[town.provider.id] = RATES
    town.allow("premium", money_per_day=6_000_000)

    assert town.talk(PREMIUM, 150)
    assert town.spent == 5.5
    assert town.bench.cdrs()[0][1:] == (200, "switch")


def test_a_leg_that_nobody_answers_gives_everything_back(town):
    town.directory.rates[town.provider.id] = RATES
    town.allow(money_per_day=10_000_000, calls_at_once=1)
    for _ in range(3):
        invite = town.dial(f"{ORDINARY}@trunk")
        assert len(town.guard.spending) == 1
        town.phone.answer(invite, 486)
    assert (town.spent, len(town.guard.spending)) == (0.0, 0)


def test_an_emergency_call_always_passes(town):
    town.directory.rates[town.provider.id] = RATES
    town.allow("-IE", "-abroad", calls_at_once=0, money_per_day=0)

    assert town.dial(f"{ORDINARY}@trunk") is None
    assert town.dial("112@trunk") is not None
    assert len(town.guard.spending) == 0


@pytest.mark.parametrize("number", [PREMIUM, "+881612345678", "+25261234567", ORDINARY])
def test_who_dials_an_emergency_number_calls_neither_premium_numbers_nor_abroad_for_it(
    town, number, monkeypatch
):
    """A dialplan of the thief's own, or of a tenant, may lead 112 anywhere."""
    monkeypatch.setattr("sipwright.services.switch.call.ending_call.EndingCall.is_emergency", True)
    town.directory.rates[town.provider.id] = RATES
    town.allow(money_per_day=0, calls_at_once=0)

    assert town.dial(f"{number}@trunk") is None
    assert town.dial("+35316790000@trunk") is not None
    assert town.dial("112@trunk") is not None


def test_a_trunk_that_knows_us_by_our_address_is_dialled_by_its_name_alone(town):
    town.guard.is_trunk = {"40.0.0.1"}.__contains__
    other = town.bench.phone("other", "50.0.0.1")

    assert town.dial(f"{PREMIUM}@40.0.0.1") is None
    assert town.bench.cdrs()[1][1] == 403
    assert town.told == [("guard.refused", "Trunks Are Dialled By Name")]
    assert town.dial(f"{ORDINARY}@trunk") is not None
    town.dial("x@50.0.0.1")
    assert other.methods() == ["INVITE"]


def test_a_number_does_not_leave_for_a_provider_that_nobody_has_named(town):
    """Some take calls from whoever has registered, by the address; people there are called by their names."""
    town.guard.is_of_provider = {"40.0.0.1"}.__contains__

    assert town.dial(f"{PREMIUM}@40.0.0.1") is None
    assert town.dial("%2B449098790000@40.0.0.1") is None
    assert town.told == [("guard.refused", "Trunks Are Dialled By Name")]
    assert town.dial("bob@40.0.0.1") is not None
    assert town.dial("112@40.0.0.1") is not None
    other = town.bench.phone("other", "50.0.0.1")
    town.dial(f"{ORDINARY}@50.0.0.1")
    assert other.methods() == ["INVITE"]


def test_the_other_groups_of_a_dial_string_are_tried(town):
    town.allow(calls_at_once=1)
    other = town.bench.phone("other", "50.0.0.1")

    assert town.dial(f"{PREMIUM}@trunk | x@50.0.0.1") is None
    assert other.methods() == ["INVITE"]


def test_what_is_set_aside_is_so_again_after_a_kill_and_what_was_used_is_known(town):
    town.directory.rates[town.provider.id] = RATES
    town.allow("premium", money_per_day=20_000_000)
    assert town.talk(PREMIUM, 55)
    invite = town.dial(f"{PREMIUM}@trunk[limit=120]")
    town.phone.answer(invite, 200, body=SDP.format("40.0.0.1"))
    ok = town.alice.last(200)
    town.alice.ack(ok)
    town.restart()

    assert (town.spent, len(town.guard.spending)) == (3.0, 1)
    assert town.dial(f"{PREMIUM}@trunk[limit=300]") is not None  # the rest is 11.50, which is four minutes
    assert town.dial(f"{PREMIUM}@trunk[limit=60]") is None
    town.hang_up(ok)
    assert (town.spent, len(town.guard.spending)) == (6.0, 1)


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_call_that_is_transferred_costs_what_all_of_it_does(town, is_killed):
    """Ninety seconds before, sixty after: three minutes, and until then the money for the rest is set aside."""
    town.directory.rates[town.provider.id] = RATES
    town.allow("premium", money_per_day=40_000_000)
    hang_up = town.transferred(after=90)
    if is_killed:
        town.restart()

    assert (town.spent, town.guard.spending.reserved()) == (0.0, {1: 25_500_000})
    town.bench.run(60)
    hang_up()
    assert (town.spent, len(town.guard.spending), town.guard.spending.reserved()) == (8.0, 0, {})
    assert town.bench.is_empty()


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_caller_who_is_transferred_uses_up_nothing(town, is_killed):
    """Carol's leg goes into the call by the trunk; nobody has asked what she costs."""
    town.allow("premium", calls_at_once=1)
    hang_up = town.transferred(after=5, calls="carol")
    if is_killed:
        town.restart()

    assert town.guard.spending.seen(("user", 1), town.bench.network.now, 60.0).calls_at_once == 1
    hang_up()
    assert len(town.guard.spending) == 0
    assert town.bench.is_empty()


def test_a_user_is_told_of_when_most_of_the_money_is_used(town):
    town.directory.rates[town.provider.id] = RATES
    town.allow("premium", money_per_day=6_500_000)
    town.talk(PREMIUM, 110)
    town.talk(ORDINARY, 1)

    assert town.told == [("guard.spending", None)]


def test_a_number_that_may_be_read_in_several_ways_costs_as_much_as_the_dearest(town):
    town.directory.rates[town.provider.id] = Rates([
        ("353", 10_000, 0), ("673", 10_000, 0), ("1", 10_000, 0), ("372", 5_000_000, 0), ("353118", 9_000_000, 0),
    ])  # fmt: skip
    town.allow(money_per_day=4_000_000)

    # Which of these digits are a code to hide the caller, and which the number, is the provider's affair.
    assert town.dial("*673725551234@trunk") is None
    assert town.dial("118118@trunk") is None
    assert town.dial("+35315550100@trunk") is not None
    assert town.bench.cdrs()[1][1] == 403


def test_where_abroad_is_closed_a_number_must_not_be_one_there_in_any_reading(town):
    town.settings.region = "DE"
    town.allow("-abroad")

    assert town.dial("447400123456@trunk") is None
    assert town.dial("0881612345@trunk") is not None


def test_a_text_of_a_script_leaves_to_where_calls_may(town):
    def may_text(number, provider=(1, "trunk")):
        to = Destination(f"{number}@trunk", f"sip:{number}@40.0.0.1", "", provider=provider)
        return town.guard.may_text(1, to)

    assert [may_text(number) for number in (ORDINARY, PREMIUM, "112")] == [True, False, True]
    assert may_text(PREMIUM, None)  # a host outside, which takes nothing for it
    assert town.told == [("guard.refused", "Premium Numbers Are Closed")]
    town.allow("premium")
    assert may_text(PREMIUM)


@pytest.mark.parametrize(
    ("number", "leaves"),
    [
        ("112", True),
        ("1-1-2", True),
        ("112;phone-context=+353", True),
        ("112;phone-context=example.org", True),
        ("112;phone-context=+19005554", False),
        ("112;rn=+19005551234", False),
    ],
)
def test_an_emergency_number_always_leaves_unless_it_is_made_a_part_of_another(town, number, leaves):
    town.directory.rates[town.provider.id] = RATES
    town.allow(money_per_day=1, calls_per_hour=0)

    assert (town.dial(f"{number}@trunk") is not None) is leaves


def test_what_a_call_may_use_that_goes_to_another_node_is_set_aside_there(town):
    town.directory.rates[town.provider.id] = RATES
    invite = town.dial(f"{ORDINARY}@trunk")
    town.phone.answer(invite, 200, body=SDP.format("40.0.0.1"))
    town.alice.ack(town.alice.last(200))
    town.bench.run(60)
    held = len(town.guard.spending)
    moving = town.bench.switch.moving
    moving.give(list(town.bench.switch.calls.values()), "north", lambda key: key, lambda: None)
    town.bench.run(1)

    assert (held, len(town.guard.spending), town.spent) == (1, 0, 0.0)
