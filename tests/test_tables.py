"""Tables as wide as what stands in them, or as a terminal is."""

from __future__ import annotations

from datetime import datetime

import pytest

from sipwright.errors import UserError
from sipwright.printable import cells
from sipwright.tables import age, moment, table_lines, talked


def test_columns_are_as_wide_as_what_stands_in_them():
    assert table_lines(("a", "bc"), [("x", None), (12345, "y")]) == ["A      BC", "x", "12345  y"]
    assert table_lines(("a",), []) == []


def test_a_table_fits_a_terminal_the_widest_columns_give_way():
    rows = [("alice@example.org", "x" * 60, "out"), ("bob", "short", "in")]
    lines = table_lines(("from", "to", "direction"), rows, 50)

    assert max(map(len, lines)) <= 50
    assert lines[1].startswith("alice@example.org  xxxxx")
    assert "...  out" in lines[1]


def test_columns_keep_what_a_call_is_found_by():
    lines = table_lines(("call", "call"), [("0123456789abcdef" * 2, "0123456789abcdef" * 2)], 5)

    assert lines[1] == "01234...  01234..."


def test_wide_characters_do_not_push_columns_aside():
    lines = table_lines(("name", "n"), [("日本語", 1), ("abc", 2), ("e\u0301", 3)])

    assert [cells(line[: line.rindex(number)]) for line, number in zip(lines[1:], "123", strict=True)] == [
        8,
        8,
        8,
    ]


def test_no_cell_commands_a_terminal():
    assert table_lines(("a",), [("\x1b[2J\n\u202e",)])[1] == "\\x1b[2J\\n\\u202e"


def test_times_in_words():
    assert (talked(None), talked(65.2), talked(0)) == (None, "1:05", "0:00")
    assert (age("90s"), age("2h"), age("7d")) == (90, 7200, 604_800)
    for text in ("", "h", "12", "-1h", "1w", "²h"):
        with pytest.raises(UserError, match="12h"):
            age(text)


def test_a_moment_is_an_age_or_a_date():
    day = datetime(2026, 12, 1).timestamp()

    assert (moment("2h", 10_000.0), moment("2026-12-01", 0.0)) == (2_800, day)
    assert (moment("2026-12-01 08:30", 0.0), moment("2026-12-01T00:00", 0.0)) == (day + 30_600, day)
    assert moment("2026-12-01T00:00+00:00", 0.0) == 1_796_083_200
    for text in ("", "soon", "2026-13-01", "11/01/2026"):
        with pytest.raises(UserError, match="such as 2026-11-01"):
            moment(text, 0.0)
