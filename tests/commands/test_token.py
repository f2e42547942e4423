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


def test_what_is_done_to_dialplans_and_providers_is_written_down(command, tmp_path):
    script, rules = tmp_path / "main.py", tmp_path / "main.toml"
    script.write_text("respond(486)\n")
    rules.write_text('[[rule]]\npattern = "300"\naction = "reject"\nstatus = 486\n')
    credentials = ("--server", "s", "--username", "u", "--password", "very secret")
    for words in (
        ("dialplan", "set", "main", str(script)),
        ("dialplan", "set", "main", str(script)),  # the same text: nothing changes
        ("dialplan", "rules", "set", "main", str(rules)),
        ("dialplan", "rollback", "main"),
        ("provider", "add", "b", *credentials),
        ("provider", "set", "b", "--server", "t"),
        ("provider", "did", "add", "b", "+353*", "--in", "main"),
        ("provider", "did", "remove", "b", "+353*"),
        ("provider", "remove", "b"),
        ("dialplan", "remove", "main"),
    ):
        command.ok(*words)

    rows = command.json("audit")[::-1]
    assert [row["action"] for row in rows] == [
        "dialplans.put", "dialplans.put", "dialplans.rollback", "providers.create", "providers.change",
        "providers.change", "providers.change", "providers.remove", "dialplans.remove",
    ]  # fmt: skip
    assert {(row["user"], row["face"]) for row in rows} == {("admin", "cli")}
    assert (rows[2]["before"], rows[2]["after"]) == ({"version": 2}, {"version": 1})
    assert (rows[4]["subject"], rows[4]["after"]) == ("b of admin", {"server": "t"})
    assert "very secret" not in command.out


def test_another_users_things_are_named_with_their_owner(command, tmp_path):
    """Nobody removes by mistake what is somebody else's."""
    script = tmp_path / "main.py"
    script.write_text("respond(486)\n")
    command.ok("user", "add", "carol", "--password", "x")
    command.ok("dialplan", "set", "main", str(script), "--user", "carol")
    command.ok(
        "provider", "add", "b", "--server", "s", "--username", "u", "--password", "p", "--user", "carol"
    )

    assert "user 'admin' has no dialplan 'main'" in command.fails("dialplan", "remove", "main")
    assert "user 'admin' has no provider 'b'" in command.fails("provider", "remove", "b")
    command.ok("dialplan", "remove", "main", "--user", "carol")
    command.ok("provider", "remove", "b", "--user", "carol")
    assert [row["subject"] for row in command.json("audit", "--limit", "2")] == [
        "b of carol",
        "main of carol",
    ]
