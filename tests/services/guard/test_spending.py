"""What calls may use: set aside before they leave, given back at their end, never spent twice."""

from math import inf

import pytest

from sipwright.services.guard.rates import Price
from sipwright.services.guard.spending import FREE, LONGEST, Allowance, Attempt, Refusal, Spending, Used

USER, ACCOUNT, PROVIDER = ("user", 1), ("account", 2), ("provider", 3)
EURO = Price(1_000_000, 0)
NOW = 1_000 * 3_600.0


def attempt(key, price=FREE, longest=3_600.0):
    return Attempt(key, 1, 2, 3, price, longest)


def ask(spending, key, scope=USER, now=NOW, price=FREE, longest=3_600.0, **limits):
    """Ask for a leg; return its seconds, or why it may not leave."""
    found = spending.ask(attempt(key, price, longest), [(scope, Allowance(**limits))], now)
    return found.reason if isinstance(found, Refusal) else found[0]


@pytest.mark.parametrize("scope", [USER, ACCOUNT, PROVIDER])
def test_so_many_calls_at_once(scope):
    spending = Spending("node1")

    assert [ask(spending, key, scope, calls_at_once=2) for key in "abc"] == [
        3_600.0, 3_600.0, "Too Many Calls At Once",
    ]  # fmt: skip
    spending.settle("a", None, NOW)
    assert ask(spending, "d", scope, calls_at_once=2) == 3_600.0
    assert len(spending) == 2


def test_so_many_calls_in_an_hour():
    spending = Spending("node1")
    for key in range(10):
        assert ask(spending, key, calls_per_hour=10) == 3_600.0
        spending.settle(key, None, NOW)

    assert ask(spending, "x", calls_per_hour=10) == "Too Many Calls This Hour"
    assert ask(spending, "x", calls_per_hour=10, now=NOW + 3_600) == "Too Many Calls This Hour"
    assert ask(spending, "x", calls_per_hour=10, now=NOW + 3_600 + 1_800) == 3_600.0
    assert ask(spending, "y", calls_per_hour=10, now=NOW + 7_200) == 3_600.0


def test_minutes_are_set_aside_and_given_back():
    spending = Spending("node1")

    assert ask(spending, "a", minutes_per_day=90) == 3_600.0
    assert ask(spending, "b", minutes_per_day=90) == 1_800.0
    assert ask(spending, "c", minutes_per_day=90) == "Minutes Of The Day Used Up"
    spending.settle("a", 60.0, NOW)
    assert ask(spending, "c", minutes_per_day=90) == 3_540.0
    spending.settle("b", 1_800.0, NOW)
    spending.settle("c", None, NOW)
    assert spending.of_day(USER, NOW) == Used(3, 1_860.0, 0)
    assert ask(spending, "d", minutes_per_day=32, now=NOW + 24 * 3_600) == 1_920.0


def test_money_is_set_aside_for_the_longest_time_and_no_call_takes_longer_than_it_lasts():
    spending = Spending("node1")

    assert ask(spending, "a", price=EURO, money_per_day=50_000_000, longest=600.0) == 600.0
    assert ask(spending, "b", price=EURO, money_per_day=50_000_000) == 2_400.0
    assert ask(spending, "c", price=EURO, money_per_day=50_000_000) == "Spending Limit Reached"
    assert ask(spending, "c", price=FREE, money_per_day=50_000_000) == 3_600.0

    row = spending.settle("b", 61.0, NOW)
    assert (row.seconds, row.money) == (61.0, 2_000_000)
    assert ask(spending, "d", price=EURO, money_per_day=50_000_000) == 38 * 60.0


def test_two_hundred_calls_at_once_spend_no_more_than_there_is():
    """A stolen password: however many calls begin, what they can cost together is bounded."""
    spending, limit = Spending("node1"), 20_000_000
    price = Price(2_500_000, 500_000)
    answered = [
        key for key in range(200) if not isinstance(ask(spending, key, price=price, money_per_day=limit), str)
    ]
    for key in answered:
        spending.settle(key, 14_400.0 if key else 419.0, NOW)

    assert answered == [0]
    assert spending.of_day(USER, NOW).money == 18_000_000


def test_without_an_end_something_is_set_aside_for_a_day():
    spending = Spending("node1")

    assert ask(spending, "a", longest=inf) == LONGEST
    assert ask(spending, "b", price=EURO, longest=inf, money_per_day=5_000_000) == 300.0


def test_what_was_used_is_rows_that_another_process_goes_on_from():
    spending = Spending("node1")
    for number, key in enumerate("ab"):
        _, row = spending.ask(attempt(key, EURO), [], NOW)
        assert row == ("node1", 1, 2, 3, 1_000, number + 1, 60.0 * number, number * 1_000_000)
        row = spending.settle(key, 60.0, NOW)
    again = Spending("node1")
    again.load([row, row._replace(node="node2", user_id=9)])
    again.hold_again(attempt("c", EURO, 600.0))
    again.hold_again(attempt("c", EURO, 600.0))

    assert again.of_day(USER, NOW) == Used(2, 120.0, 2_000_000)
    assert again.of_day(PROVIDER, NOW).money == 4_000_000
    assert ask(again, "d", price=EURO, money_per_day=13_000_000) == 60.0
    assert again.settle("c", 30.0, NOW)[5:] == (3, 150.0, 3_000_000)


def test_a_leg_that_goes_on_in_another_call_is_one():
    spending = Spending("node1")
    ask(spending, "a", price=EURO)
    kept, seconds = spending.goes_on("a", "b", 90.0)

    assert (kept.key, kept.user_id, seconds) == ("b", 1, 90.0)
    assert spending.goes_on("a", "c", 90.0) is None
    assert spending.settle("a", 90.0, NOW) is None  # what it was in the first call
    assert spending.settle("b", 60.0, NOW)[6:] == (150.0, 3_000_000)
    assert spending.settle("b", 60.0, NOW) is None
    assert len(spending) == spending.held(USER).calls == 0


def test_what_it_has_talked_before_counts_also_after_a_kill():
    again = Spending("node1")
    again.hold_again(attempt("a", EURO, 600.0), 90.0)

    assert again.settle("a", 60.0, NOW)[6:] == (150.0, 3_000_000)


def test_what_goes_on_at_another_node_is_counted_there_with_what_it_has_talked_before():
    spending = Spending("node1")
    spending.hold_again(attempt("a", EURO, 600.0), 90.0)
    spending.give_back("a")
    spending.give_back("unknown")

    assert (len(spending), spending.held(USER).calls, spending.of_day(USER, NOW)) == (0, 0, Used())
    assert spending.settle("a", 60.0, NOW) is None


def test_what_nobody_has_asked_for_is_not_counted():
    spending = Spending("node1")

    assert spending.settle("unknown", 60.0, NOW) is None


def test_who_is_forgiven_begins_anew_and_what_is_set_aside_stays():
    spending = Spending("node1")
    ask(spending, "a", price=EURO, money_per_day=5_000_000, longest=120.0)
    ask(spending, "b", price=EURO, money_per_day=5_000_000, longest=60.0)
    spending.settle("b", 60.0, NOW)
    spending.forgive(1)

    assert spending.of_day(USER, NOW) == Used()
    assert ask(spending, "c", price=EURO, money_per_day=5_000_000) == 180.0
    assert spending.settle("c", 60.0, NOW)[5:] == (1, 60.0, 1_000_000)


def test_what_somebody_has_used_is_seen_with_what_calls_will_have_cost_that_go_on():
    spending = Spending("node1")
    assert spending.seen(USER, NOW, 600.0) == (0, 0.0, 0.0, 0)
    ask(spending, "a", price=EURO)
    spending.settle("a", 90.0, NOW)
    ask(spending, "b", price=EURO)

    assert spending.seen(USER, NOW, 600.0) == (1, 2.0, 90.0, 12_000_000)
    assert spending.reserved() == {1: 60_000_000}
    spending.settle("b", None, NOW)
    assert spending.reserved() == {}
