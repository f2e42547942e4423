"""A node's part of a limit: how large it is, and what is left of it."""

import pytest

from sipwright.services.guard.allowance import Allowance, Used
from sipwright.services.guard.shares import Part, Share, Want, part_of
from sipwright.services.guard.spending import FREE, NOT_KNOWN, Attempt, Refusal, Spending

USER = ("user", 1)
LIMIT = Allowance(4, 100, 60.0, 1_000)
NOTHING = {"hour": 0.0, "seconds": 0.0, "money": 0.0}


@pytest.mark.parametrize(
    ("kept", "others", "used", "part"),
    [
        (Part(), Part(), {}, Part(2, 50, 1_800.0, 500)),
        (Part(), Part(3, 95, 3_400.0, 950), {}, Part(1, 5, 200.0, 50)),
        (Part(), Part(4, 100, 3_600.0, 1_000), {}, Part()),
        (Part(), Part(), {"hour": 99.5, "seconds": 3_500.0, "money": 999.0}, Part(2, 0, 100.0, 1)),
        (Part(1, 10, 600.0, 400), Part(2, 20, 600.0, 300), {"money": 100.0}, Part(2, 45, 1_800.0, 500)),
        (Part(5, 0, 0.0, 2_000), Part(), {}, Part(5, 50, 1_800.0, 2_000)),
    ],
    ids=[
        "half",
        "all of little",
        "none",
        "what was used counts",
        "beside what is kept",
        "more than there is",
    ],
)
def test_a_part_is_half_of_what_is_left_and_all_of_it_when_that_is_little(kept, others, used, part):
    assert part_of(Want(USER, LIMIT, kept, True), others, NOTHING | used) == part


def test_who_wants_no_more_keeps_what_it_has():
    kept = Part(1, 10, 600.0, 400)

    assert part_of(Want(USER, LIMIT, kept, False), Part(), NOTHING) == kept


def test_what_is_left_is_less_what_is_held_and_what_was_used_since():
    share = Share(LIMIT, Part(2, 50, 1_800.0, 500), Used(10, 100.0, 70), 0.0)
    left = share.left(Part(1, 0, 600.0, 300), Used(13, 160.0, 90))

    assert left == Part(1, 47, 1_140.0, 180)
    assert not share.is_low(left)
    assert share.is_low(left._replace(calls=0))
    assert share.is_low(left._replace(begun=0))
    assert share.is_low(left._replace(seconds=59.0))
    assert share.is_low(left._replace(money=99))


def spending(**part):
    made = Spending("north")
    made.shares = {USER: Share(LIMIT, Part(2, 50, 1_800.0, 500)._replace(**part), Used(), 0.0)}
    return made


def ask(made, key="a", allowance=LIMIT, price=FREE):
    found = made.ask(Attempt(key, 1, 0, 0, price, 600.0), [(USER, allowance)], 1_000_000.0)
    return found.reason if isinstance(found, Refusal) else found[0]


@pytest.mark.parametrize(
    ("part", "answer"),
    [
        ({}, 600.0),
        ({"calls": 0}, "Too Many Calls At Once"),
        ({"begun": 0}, "Too Many Calls This Hour"),
        ({"seconds": 90.0}, 90.0),
        ({"seconds": 30.0}, "Minutes Of The Day Used Up"),
    ],
)
def test_calls_are_held_to_the_part(part, answer):
    assert ask(spending(**part)) == answer


def test_money_is_held_to_the_part():
    price = FREE._replace(per_minute=100)

    assert ask(spending(), price=price) == 300.0
    assert ask(spending(money=99), price=price) == "Spending Limit Reached"
    assert ask(spending(money=99)) == 600.0


def test_without_a_part_nothing_leaves_that_has_a_limit():
    made = spending()
    made.shares = {}

    assert ask(made) == NOT_KNOWN
    assert ask(made, allowance=Allowance()) == 600.0
    assert ask(made, allowance=Allowance(money_per_day=5)) == 600.0


def test_what_was_used_leaves_the_part():
    made = spending(calls=1)
    assert (ask(made), ask(made, "b")) == (600.0, "Too Many Calls At Once")
    made.settle("a", 120.0, 1_000_000.0)

    assert made.shares[USER].left(made.held(USER), made.used_here(USER)) == Part(1, 49, 1_680.0, 500)
