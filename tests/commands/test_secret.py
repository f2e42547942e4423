"""``sipwright secret``: set from standard input, listed by name, never shown."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest


@pytest.fixture
def typed(monkeypatch):
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_secret_comes_by_standard_input_and_is_never_shown(command, typed):
    assert "no secrets yet" in (command("secret", "list") or command.err)
    typed("s3cr3t value\n")
    said = command.ok("secret", "set", "API_KEY")
    (listed,) = command.json("secret", "list")

    assert said == "secret API_KEY of admin is set; scripts read it with secret('API_KEY')\n"
    assert sorted(listed) == ["name", "updated_at", "user"]
    assert (listed["name"], listed["user"]) == ("API_KEY", "admin")
    assert "s3cr3t" not in command.ok("secret", "list") + command.ok("audit", "--json")
    assert [row["action"] for row in command.json("audit")] == ["secrets.put"]
    assert command.fails("secret", "set", "API_KEY", "s3cr3t", status=2)  # others see arguments
    assert not any(b"s3cr3t" in file.read_bytes() for file in files(command))

    assert command.ok("secret", "remove", "API_KEY") == "removed secret API_KEY\n"
    assert "no secret 'API_KEY'" in command.fails("secret", "remove", "API_KEY")


def files(command):
    return [file for file in Path(command.folder).rglob("*") if file.is_file()]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("API-KEY", "12345678", "cannot be the name"),
        ("", "12345678", "cannot be the name"),
        ("K", "", "4 to 2000 letters"),
        ("K", "abc", "4 to 2000 letters"),
        ("K", "x" * 2001, "4 to 2000 letters"),
        ("K", "two\nlines", "several lines"),
    ],
)
def test_what_cannot_be_a_secret_is_refused(command, typed, name, value, said):
    typed(value)

    assert said in command.fails("secret", "set", name)


def test_secrets_are_somebodys(command, typed):
    command.ok("user", "add", "carol", "--password", "x")
    typed("carols own")
    command.ok("secret", "set", "K", "--user", "carol")

    assert command.json("secret", "list") == []
    assert [one["name"] for one in command.json("secret", "list", "--user", "carol")] == ["K"]
    assert "no user 'dave'" in command.fails("secret", "list", "--user", "dave")


def test_a_secret_opens_after_a_change_of_the_key(command, typed):
    typed("first value")
    command.ok("secret", "set", "K")
    command.ok("key", "rotate")
    command.ok("key", "forget")
    typed("second value")

    assert command.ok("secret", "set", "K")
