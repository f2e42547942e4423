"""``sipwright store``: what scripts keep, from the command line."""

from __future__ import annotations

import io
import sys

import pytest


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["12"], 12),
        (["true"], True),
        (['["bob", {"a": null}]'], ["bob", {"a": None}]),
        (['"a text"'], "a text"),
        (["0035387123456"], "0035387123456"),
        (["12", "--text"], "12"),
        (["NaN"], "NaN"),
        (["not json"], "not json"),
    ],
)
def test_a_value_is_json_or_else_a_text(command, given, kept):
    assert command.json("store", "set", "k", *given)["value"] == kept
    assert command.json("store", "get", "k")["value"] == kept


def test_values_are_listed_and_deleted(command):
    assert "nothing is kept yet" in (command("store", "list") or command.err)
    command.ok("store", "set", "forward 101", "0035387123456", "--text")
    assert command.ok("store", "set", "forward 102", "[1]") == "forward 102 of admin is [1] now\n"
    command.ok("store", "set", "closed", "true")

    assert command.ok("store", "get", "forward 101") == "0035387123456\n"
    assert [one["key"] for one in command.json("store", "list")] == ["closed", "forward 101", "forward 102"]
    assert [one["value"] for one in command.json("store", "list", "forward")] == ["0035387123456", [1]]
    assert sorted(command.json("store", "list")[0]) == ["key", "updated_at", "user", "value"]
    assert command.ok("store", "delete", "closed") == "deleted closed\n"
    assert "nothing is kept under 'closed'" in command.fails("store", "get", "closed")
    assert "nothing is kept under 'closed'" in command.fails("store", "delete", "closed")
    assert next(row["action"] for row in command.json("audit")) == "values.remove"


def test_values_are_somebodys(command):
    command.ok("user", "add", "carol", "--password", "x")
    command.ok("store", "set", "k", "1", "--user", "carol")

    assert command.json("store", "list") == []
    assert command.json("store", "get", "k", "--user", "carol")["user"] == "carol"
    assert "no user 'dave'" in command.fails("store", "list", "--user", "dave")
    assert "1 to 64" in command.fails("store", "set", "x" * 65, "1")
    assert "null" in command.fails("store", "set", "k", "null")
    assert "longer than 10000" in command.fails("store", "set", "k", "x" * 10_001)


def test_a_value_may_come_from_a_pipe(command, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"a": [1, 2]}\n'))

    assert command.json("store", "set", "k", "-")["value"] == {"a": [1, 2]}
