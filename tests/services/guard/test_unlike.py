"""How far a call is from what is usual."""

from math import inf

import pytest

from sipwright.services.guard.baseline import Baseline
from sipwright.services.guard.places import Place
from sipwright.services.guard.rates import MICROS, Price
from sipwright.services.guard.spending import FREE, Seen
from sipwright.services.guard.unlike import longest, unlike

HOURS = tuple(10 if 9 <= hour <= 17 else 0 for hour in range(24))
USUAL = Baseline(90, 20, HOURS, {"IE": 80, "GB": 10}, 2, 6, 90.0, 2 * MICROS, 1_800.0)
HOME, KNOWN, NEW = (Place("ordinary", region, "1") for region in ("IE", "GB", "FR"))
PREMIUM = Place("premium", "GB", "44909")
DAY, NIGHT = 12, 3
DEAR = Price(2_500_000, 500_000)


def judged(place=HOME, hour=DAY, price=FREE, usual=USUAL, **seen):
    return unlike(usual, place, "IE", hour, price, Seen(**seen))


@pytest.mark.parametrize(
    "call",
    [
        {}, {"place": KNOWN}, {"place": NEW}, {"hour": NIGHT}, {"hour": NIGHT, "place": KNOWN}, {"hour": 18},
        {"calls_of_hour": 25}, {"calls_of_hour": 12, "hour": NIGHT}, {"calls_at_once": 8},
        {"seconds_of_day": 3 * 90 * 60}, {"price": DEAR, "money_of_day": 1 * MICROS, "hour": NIGHT},
        {"place": Place("ordinary", None, ""), "hour": NIGHT},
    ],
)  # fmt: skip
def test_what_people_do_leaves(call):
    assert judged(**call) is None


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ({"place": NEW, "hour": NIGHT}, "the first call to numbers in FR, never before at 3 o'clock"),
        ({"place": PREMIUM}, "the first call to premium numbers in GB"),
        ({"place": Place("high-risk", "SO", "252")}, "the first call to numbers in SO"),
        ({"calls_of_hour": 101}, "102 calls within an hour and never more than 6 before"),
        ({"hour": NIGHT, "calls_of_hour": 35},
         "never before at 3 o'clock, 36 calls within an hour and never more than 6 before"),
        ({"place": NEW, "calls_at_once": 9},
         "the first call to numbers in FR, 10 calls at once and never more than 2 before"),
        ({"seconds_of_day": 901 * 60.0}, "901 minutes of the day and never more than 90 before"),
        ({"price": DEAR, "money_of_day": 18 * MICROS}, "21.00 spent today and never more than 2.00 before"),
    ],
)  # fmt: skip
def test_what_nobody_has_done_so_does_not(call, why):
    assert judged(**call) == why


def test_of_money_for_premium_numbers_less_is_enough():
    usual = Baseline(90, 20, HOURS, {"premium GB": 3}, 2, 6, 90.0, 2 * MICROS)

    assert judged(PREMIUM, price=DEAR, usual=usual, money_of_day=3 * MICROS) is None
    assert judged(PREMIUM, price=DEAR, usual=usual, money_of_day=4 * MICROS) is not None
    assert longest(usual, PREMIUM, DEAR, Seen()) == 120.0
    assert longest(usual, HOME, DEAR, Seen()) == 420.0
    assert longest(usual, PREMIUM, DEAR, Seen(money_of_day=6 * MICROS)) == 60.0


def test_without_money_that_is_known_or_taken_nothing_is_said_about_it():
    usual = Baseline(90, 20, HOURS, {"IE": 80}, 2, 6, 90.0)

    assert judged(price=DEAR, usual=usual, money_of_day=100 * MICROS) is None
    assert longest(usual, HOME, DEAR, Seen()) == longest(USUAL, HOME, FREE, Seen()) == inf
