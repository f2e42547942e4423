"""``sipwright user``, ``domain`` and ``key``."""

from __future__ import annotations

import io

import pytest


def test_users_are_added_listed_and_removed(command):
    assert (
        command.ok("user", "add", "carol", "--password", "x", "--timezone", "Europe/Dublin")
        == "added carol\n"
    )
    assert command.ok("user", "list").splitlines()[2].split()[:3] == ["carol", "user", "Europe/Dublin"]
    assert [user["role"] for user in command.json("user", "list")] == ["admin", "user"]
    assert command.ok("user", "password", "carol", "--password", "y") == "changed the password of carol\n"
    assert command.ok("user", "remove", "carol") == "removed carol\n"
    assert "is the last admin" in command.fails("user", "remove", "admin")


def test_users_are_changed_in_what_is_given(command):
    command.ok("user", "add", "carol", "--password", "x")

    assert command.ok("user", "set", "carol", "--timezone", "Europe/Dublin") == "changed carol\n"
    command.ok("user", "set", "carol", "--role", "admin")
    carol = command.json("user", "list")[1]
    assert (carol["role"], carol["timezone"]) == ("admin", "Europe/Dublin")
    command.ok("user", "set", "carol", "--role", "user")
    assert "is the last admin" in command.fails("user", "set", "admin", "--role", "user")
    assert "not a role" in command.fails("user", "set", "carol", "--role", "king")
    assert "not a time zone" in command.fails("user", "set", "carol", "--timezone", "Europe/Nowhere")


def test_a_user_may_have_limits_of_their_own(command):
    command.ok("user", "add", "carol", "--password", "x")
    said = command.ok("user", "set", "carol", "--runs", "2000", "--seconds-per-minute", "0.5")
    assert said == "changed carol: 2000 at once, 0.5 s/min\n"
    (carol,) = [user for user in command.json("user", "list") if user["user"] == "carol"]
    assert command.ok("user", "set", "carol", "--longest-call", "600").endswith(", 600 s a call\n")
    command.ok("user", "set", "carol", "--longest-call", "default")
    limits = ("script_runs", "script_runs_per_minute", "script_seconds_per_minute")
    assert [carol[name] for name in limits] == [2000, None, 0.5]
    assert "2000 at once, 0.5 s/min" in command.ok("user", "list")

    assert command.ok("user", "set", "carol", "--runs", "default").endswith(": 0.5 s/min\n")
    back = command.ok("user", "set", "carol", "--seconds-per-minute", "default")
    assert back == "changed carol: limits as in the settings\n"
    for wrong in ("0", "-1", "x", "1.5", "1e99"):
        assert "is not a limit" in command.fails("user", "set", "carol", "--runs-per-minute", wrong)
    assert "there is no user 'dave'" in command.fails("user", "set", "dave", "--runs", "1")


def test_domains_are_added_changed_listed_and_removed(command):
    assert command.ok("domain", "add", "Example.NET", "--algorithm", "SHA-256") == "added example.net\n"
    assert command.ok("domain", "set", "example.net", "--default") == "changed example.net\n"
    assert [line.split() for line in command.ok("domain", "list").splitlines()[1:]] == [
        ["example.net", "yes", "SHA-256"],
        ["example.org", "MD5"],
    ]
    assert command.ok("domain", "remove", "example.org") == "removed example.org\n"


def test_keys_are_rotated_and_forgotten(command):
    command.ok("account", "add", "alice", "--password", "secret")
    assert command.ok("key", "rotate").startswith("4 values are encrypted with key 2 now")
    assert command.ok("key", "forget").startswith("1 old key is forgotten; ")
    assert command.ok("key", "forget").endswith("sipwright.key has no old key\n")
    command.ok("account", "set", "alice", "--password", "other")

    lines = (command.folder / "sipwright.key").read_text().splitlines()
    assert [line[:2] for line in lines if not line.startswith("#")] == ["2 "]


def test_a_password_is_asked_for_on_a_terminal(command, monkeypatch: pytest.MonkeyPatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("typer.prompt", lambda what, **options: f"answer to {what}")

    assert command.ok("user", "add", "carol") == "added carol\n"
