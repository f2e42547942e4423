"""What is small for a script and huge when it is written out takes no time and no memory to be shown or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sipwright.services.dialplan.language import brief as module
from sipwright.services.dialplan.language.arguments import json_text, shown
from sipwright.services.dialplan.language.brief import brief, is_longer_as_json


def shared(depth: int, times: int, value: Any = "x" * 500) -> Any:
    """Return lists that hold one list several times each: ``times ** depth`` texts, in a few bytes."""
    for _ in range(depth):
        value = [value] * times
    return value


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(shared(7, 50), id="lists"),
        pytest.param({"a": tuple(shared(5, 50)), "b": {"c": shared(5, 50)}}, id="all kinds"),
        pytest.param([b"x" * 1_000_000] * 50, id="bytes"),
    ],
)
def test_a_value_that_holds_one_thing_many_times_is_shown_in_part(value):
    assert len(brief(value)) < 1_000_000
    assert len(shown(value)) == 1000


def test_no_more_pieces_are_looked_at_than_are_shown(monkeypatch):
    monkeypatch.setattr(module, "_MOST_PIECES", 4)

    assert brief([[1, 2], [3, 4], 5]) == "[[1, 2], ..., ...]"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param({"b": 1, "a": [2, (3,)]}, "{'a': [2, (3,)], 'b': 1}", id="dict"),
        pytest.param({2, 1}, "{1, 2}", id="set"),
        pytest.param(frozenset({2, 1}), "frozenset({1, 2})", id="frozenset"),
        pytest.param(b"a\n", r"b'a\n'", id="bytes"),
        pytest.param(list(range(51)), f"[{', '.join(map(str, range(50)))}, ...]", id="a long list"),
    ],
)
def test_what_is_small_is_shown_whole(value, said):
    assert brief(value) == said


def test_of_a_large_dict_or_set_only_what_is_shown_is_sorted():
    many = range(100_000, 0, -1)

    assert brief(dict.fromkeys(many)).startswith("{99950: None, 99951: None")
    assert brief(set(many)).count(",") == brief(frozenset(many)).count(",") == 50


JSON = [
    pytest.param(None, id="null"),
    pytest.param("abc", id="text"),
    pytest.param([], id="empty list"),
    pytest.param({}, id="empty dict"),
    pytest.param([1, [2, "x"], {"a": {"b": (3, 4)}}, True], id="nested"),
    pytest.param({1: "x", "y": [0.5]}, id="numbers for keys"),
]


@pytest.mark.parametrize("value", JSON)
def test_what_fits_is_never_said_to_be_longer(value):
    text = json.dumps(value, separators=(",", ":"))

    assert not is_longer_as_json(value, len(text))
    assert json_text("value", value, len(text)) == text


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("x" * 9, id="text"),
        pytest.param([1] * 5, id="list"),
        pytest.param({"x" * 7: 1}, id="key"),
        pytest.param({"a": "x" * 7}, id="value"),
    ],
)
def test_what_is_surely_longer_is_found(value):
    assert is_longer_as_json(value, 10)


@pytest.mark.parametrize("depth", [3, 30])
def test_what_is_gigabytes_as_json_is_refused_before_it_is_written(depth, monkeypatch):
    monkeypatch.setattr(json, "dumps", None)

    with pytest.raises(ValueError, match=r"^value is longer than 10000 characters$"):
        json_text("value", shared(depth, 1000), 10_000)
