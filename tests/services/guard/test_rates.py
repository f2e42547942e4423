"""What providers take."""

import pytest

from sipwright.services.guard.rates import Price, Rates, amount, money


def test_the_longest_prefix_counts_and_what_has_none_costs_as_much_as_the_dearest():
    rates = Rates([("353", 10_000, 0), ("35387", 90_000, 50_000), ("44", 20_000, 0)])

    assert rates.price("35315550100") == Price(10_000, 0)
    assert rates.price("353871234567") == Price(90_000, 50_000)
    assert rates.price("4991234") == Price(90_000, 50_000)
    assert rates.price("") == Price(90_000, 50_000)
    assert Rates([("", 1, 0), ("353", 5, 0)]).price("49") == Price(1, 0)
    assert (len(rates), Rates([]).price("1")) == (3, Price(0, 0))


def test_each_minute_costs_that_has_begun():
    price = Price(100, 7)

    assert [price.of(seconds) for seconds in (0, 0.5, 60, 60.1, 600)] == [7, 107, 107, 207, 1007]


@pytest.mark.parametrize(
    ("text", "micros", "written"),
    [("0.05", 50_000, "0.05"), ("1", 1_000_000, "1.00"), (" 0.0125 ", 12_500, "0.0125"), ("0", 0, "0.00")],
)
def test_amounts_are_read_and_written(text, micros, written):
    assert (amount(text), money(micros)) == (micros, written)


@pytest.mark.parametrize("text", ["", "free", "-1", "NaN", "1e9", "inf"])
def test_what_is_no_amount_is_told(text):
    with pytest.raises(ValueError, match="amount"):
        amount(text)
