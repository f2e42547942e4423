"""What is kept, and how much of it."""

import pytest

from sipwright.memo import LONGEST, MOST, Bounded, Memo


def test_a_memo_asks_once():
    asked = []
    memo = Memo(lambda text: asked.append(text) or len(text))

    assert [memo["Expires: 60"], memo["Expires: 60"], memo["b"]] == [11, 11, 1]
    assert asked == ["Expires: 60", "b"]


def test_long_texts_are_asked_about_and_not_kept():
    memo = Memo(len)

    assert [memo["x" * LONGEST], memo["x" * (LONGEST + 1)]] == [LONGEST, LONGEST + 1]
    assert list(memo) == ["x" * LONGEST]


def test_what_raised_is_asked_again():
    memo = Memo(int)
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"):
            memo["x"]

    assert memo == {}


def test_strangers_cannot_fill_a_memo():
    memo = Memo(int)
    for number in range(MOST + 1):
        assert memo[str(number)] == number

    assert dict(memo) == {str(MOST): MOST}


def test_a_bounded_dict_begins_anew_when_it_is_full():
    kept = Bounded(2)
    for key in "abc":
        kept.keep(key, key.upper())

    assert kept == {"c": "C"}
