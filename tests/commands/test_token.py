"""``sipwright token`` and ``audit``."""

from __future__ import annotations

import time


def test_a_token_is_made_listed_and_removed(command):
    made = command.json("token", "add", "backup", "--scope", "read", "--scope", "call", "--days", "2")
    assert sorted(made) == ["expires_at", "name", "token"]
    assert made["name"] == "backup"
    assert made["token"].startswith("sw_")
    assert abs(made["expires_at"] - time.time() - 2 * 86_400) < 60
    (listed,) = command.json("token", "list")
    assert (listed["name"], listed["user"], listed["scopes"]) == ("backup", "admin", ["call", "read"])
    assert made["token"] not in command.ok("token", "list")

    assert command.ok("token", "remove", "backup") == "removed token backup\n"
    assert "no token 'backup'" in command.fails("token", "remove", "backup")
    assert "read, write and call" in command.fails("token", "add", "x", "--scope", "root")
    assert "already" in (command.ok("token", "add", "x") and command.fails("token", "add", "x"))


def test_a_token_is_somebodys(command):
    command.ok("user", "add", "carol", "--password", "x")
    said = command.ok("token", "add", "t", "--user", "carol")

    assert "shown only now" in said
    assert command.json("token", "list") == []
    assert [one["name"] for one in command.json("token", "list", "--user", "carol")] == ["t"]
    assert "no user 'dave'" in command.fails("token", "add", "t", "--user", "dave")
    (expires,) = [one["expires_at"] for one in command.json("token", "list", "--user", "carol")]
    assert expires is None


def test_who_has_changed_what_is_listed(command):
    command.ok("user", "add", "carol", "--password", "very secret")
    command.ok("user", "set", "carol", "--role", "admin")
    command.ok("token", "add", "t", "--user", "carol")

    rows = command.json("audit")
    assert [row["action"] for row in rows] == ["tokens.create", "users.change", "users.create"]
    assert (rows[1]["user"], rows[1]["face"], rows[1]["subject"]) == ("admin", "cli", "carol")
    assert (rows[1]["before"], rows[1]["after"]) == ({"role": "user"}, {"role": "admin"})
    assert "role: user -> admin" in command.ok("audit")
    assert "very secret" not in command.out
    assert len(command.json("audit", "--action", "users.", "--limit", "1")) == 1
