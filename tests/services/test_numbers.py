"""Numbers of trunks as patterns."""

import pytest

from sipwright.services.numbers import NumberTable, checked_pattern, plain_number


@pytest.mark.parametrize(
    ("pattern", "number", "is_meant"),
    [
        ("+35315550100", "+35315550100", True),
        ("+35315550100", "35315550100", True),
        ("+35315550100", "0035315550100", True),
        ("35315550100", "+35315550100", True),
        ("0035315550100", "+353-1-555.0100", True),
        ("+35315550100", "+35315550100;npdi;rn=1", True),
        ("+35315550100", "+353155501001", False),
        ("+35315550100", "015550100", False),
        ("015550100", "015550100", True),
        ("+3531555010x", "35315550107", True),
        ("+3531555010x", "3531555010", False),
        ("+3531555010x", "3531555010a", False),
        ("+3531555*", "35315559999", True),
        ("+3531555*", "3531555", True),
        ("*", "anything", True),
        ("sales", "sales", True),
        ("sales", "Sales", False),
    ],
)
def test_a_number_is_the_same_however_a_provider_writes_it(pattern, number, is_meant):
    table = NumberTable([(checked_pattern(pattern), "there")])

    assert table.find(number) == ("there" if is_meant else None)


def test_the_pattern_with_the_most_digits_decides():
    patterns = ["*", "+3531555*", "+353155501xx", "+3531555010x", "+35315550100"]
    table = NumberTable([(pattern, pattern) for pattern in patterns])

    assert [table.find(number) for number in (
        "35315550100", "35315550101", "35315550110", "35315559999", "1",
    )] == ["+35315550100", "+3531555010x", "+353155501xx", "+3531555*", "*"]  # fmt: skip


@pytest.mark.parametrize("text", ["+353 (1) 555-010X", "+3531555010x"])
def test_a_pattern_is_kept_without_separators(text):
    assert checked_pattern(text) == "+3531555010x"


@pytest.mark.parametrize("text", ["+353 (0)1 555 0100", "00353(0)15550100", "+353 1 (555) 0100"])
def test_the_zero_that_is_dialled_within_a_country_only_is_no_digit(text):
    table = NumberTable([(checked_pattern(text), "there")])

    assert table.find("+35315550100") == "there"


@pytest.mark.parametrize("text", ["", "+", "a b", "+353*1", "1" * 65, "a@b", "**", "é"])
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(ValueError, match="is not a number or a pattern"):
        checked_pattern(text)


@pytest.mark.parametrize(
    ("user", "expected"),
    [("+353-1.555(0100)", "+35315550100"), ("front.desk", "front.desk"), ("300;x=1", "300"), ("", "")],
)
def test_a_name_stays_as_it_is(user, expected):
    assert plain_number(user) == expected
