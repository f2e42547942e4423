"""``sipwright account``."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import time
from pathlib import Path

import pytest

from sipwright.config import Settings
from sipwright.sip.digest import ha1
from sipwright.store import Administration


def test_accounts_are_added_listed_shown_changed_and_removed(command):
    command.ok("dialplan", "set", "main", str(script(command.folder, "respond(486)\n")))
    assert (
        command.ok("account", "add", "alice", "--password", "secret", "--out", "main")
        == "added alice@example.org\n"
    )
    assert command.json("account", "list") == [
        {
            "account": "alice@example.org",
            "user": "admin",
            "out": "main",
            "in": None,
            "algorithm": "MD5",
            "enabled": True,
            "calls": None,
        }
    ]
    assert command.ok("account", "list").splitlines()[1].split() == [
        "alice@example.org",
        "admin",
        "main",
        "MD5",
        "yes",
    ]
    assert command.json("account", "show", "alice")["bindings"] == []
    assert "none: no phone is registered" in command.ok("account", "show", "alice")

    command.ok("account", "set", "alice", "--out", "", "--in", "main", "--algorithm", "SHA-256", "--disable")
    changed = command.json("account", "show", "alice@example.org")
    assert (changed["out"], changed["in"], changed["algorithm"], changed["enabled"]) == (
        None,
        "main",
        "SHA-256",
        False,
    )

    command.ok("account", "set", "alice", "--calls", "30")
    assert command.json("account", "show", "alice")["calls"] == 30
    command.ok("account", "set", "alice", "--calls", "1")
    assert "calls      1\n" in command.ok("account", "show", "alice")
    command.ok("account", "set", "alice", "--calls", "0")
    assert command.json("account", "show", "alice")["calls"] is None

    command.ok("account", "set", "alice", "--do-not-disturb")
    assert command.json("account", "show", "alice")["do_not_disturb"] is True
    assert "do not disturb" in command.ok("account", "list")
    command.ok("account", "set", "alice", "--disturb")
    assert "do_not_disturb" not in command.json("account", "show", "alice")

    assert command.ok("account", "remove", "alice") == "removed alice@example.org\n"
    assert command.json("account", "list") == []
    assert command("account", "list") == 0
    assert "adds one" in command.err


def test_an_account_shows_what_to_type_into_a_phone(command, monkeypatch):
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", '["192.0.2.1:5060"]')
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", "[]")
    monkeypatch.setenv("SIPWRIGHT_SIP__TLS", '["[2001:db8::1]:5061"]')
    command.ok("account", "add", "alice", "--password", "secret")

    shown = command.ok("account", "show", "alice").splitlines()
    assert [line for line in shown if line.startswith("phone ")] == [
        "phone      server 192.0.2.1:5060 (UDP), user name alice, domain example.org",
        "phone      server [2001:db8::1]:5061 (TLS), user name alice, domain example.org",
    ]
    assert command.json("account", "show", "alice")["phone_settings"][1] == {
        "server": "2001:db8::1",
        "port": 5061,
        "transport": "tls",
        "domain": "example.org",
        "username": "alice",
        "auth_username": "alice",
    }


def test_an_account_shows_where_it_can_be_reached(command):
    command.ok("account", "add", "alice", "--password", "secret")
    began = time.time()
    put_binding(command.folder, "sip:alice@192.0.2.1;x=\x1b[31m")
    shown = command.ok("account", "show", "alice")
    left = int(shown.partition("udp/a/b, ")[2].partition(" s left")[0])

    assert 59 - (time.time() - began) <= left <= 60
    assert command.json("account", "show", "alice")["bindings"][0]["source"] == "udp/a/b"
    listed = command.ok("bindings")
    assert "sip:alice@192.0.2.1;x=\\x1b[31m" in listed
    assert (
        command.json("bindings", "--account", "alice", "--user", "admin")[0]["account"] == "alice@example.org"
    )
    assert "no account bob" in command.fails("bindings", "--account", "bob")


def test_the_password_may_come_from_standard_input(command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("secret word\n"))
    command.ok("account", "add", "alice")

    assert account_hash(command.folder, "alice") == ha1("alice", "example.org", "secret word")


def test_mistakes_are_explained_in_one_line(command, tmp_path: Path):
    command.ok("account", "add", "alice", "--password", "secret")

    assert command.fails("account", "add", "alice", "--password", "x") == (
        "there is an account alice@example.org already; 'sipwright account set' changes it"
    )
    assert command.fails("account", "show", "bob") == (
        "there is no account bob@example.org; 'sipwright account list' shows them"
    )
    assert (
        command.fails("account", "add", status=2)
        == "Missing argument 'NAME'; see 'sipwright account add --help'"
    )
    assert "No such option" in command.fails("account", "list", "--jsno", status=2)
    assert "No such command" in command.fails("acount", status=2)
    assert "run 'sipwright init'" in command.fails("account", "list", "--data", str(tmp_path / "none"))


def test_a_folder_without_its_parts_says_what_is_missing(command, monkeypatch: pytest.MonkeyPatch):
    (command.folder / "sipwright.toml").write_text("[sip]\nupd = []\n")
    assert "[sip] upd is not a setting" in command.fails("account", "list")
    (command.folder / "sipwright.toml").unlink()
    (command.folder / "sipwright.key").chmod(0o604)
    assert "run 'chmod 600" in command.fails("account", "list")
    (command.folder / "sipwright.key").unlink()
    assert "there is no key file" in command.fails("account", "list")


def test_a_file_is_imported_with_its_heading_quotes_and_empty_lines(command):
    command.ok("user", "add", "carol", "--password", "x")
    file = command.folder / "accounts.csv"
    file.write_text('\ufeffname,password,user,out,in\n\n1001,"p,1"\n1002@example.org , p2 ,carol,,\n')
    assert command.ok("account", "import", str(file)).startswith("2 added, 0 changed in ")

    assert account_hash(command.folder, "1001") == ha1("1001", "example.org", "p,1")
    assert [(row["account"], row["user"]) for row in command.json("account", "list")] == [
        ("1001@example.org", "admin"),
        ("1002@example.org", "carol"),
    ]
    assert [row["account"] for row in command.json("account", "list", "--user", "carol")] == [
        "1002@example.org"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alice,p\nbob\n", "line 2: 1 fields; write name,password[,user,out,in]"),
        (
            "alice,p\nbob,p,,nothing\n",
            "line 2: user 'admin' has no dialplan 'nothing'; 'sipwright dialplan set nothing FILE' makes it "
            "(nothing was imported)",
        ),
        ("alice,p\nalice,p\n", "line 2: alice is in line 1 too (nothing was imported)"),
    ],
)
def test_a_wrong_line_stops_an_import(command, text: str, message: str):
    file = command.folder / "accounts.csv"
    file.write_text(text)

    assert command.fails("account", "import", str(file)) == message
    assert command.json("account", "list") == []


def test_files_that_cannot_be_imported(command):
    (command.folder / "latin").write_bytes(b"alice,\xff\n")

    assert command.fails("account", "import", "nowhere.csv") == "there is no file nowhere.csv"
    assert "save it as UTF-8" in command.fails("account", "import", str(command.folder / "latin"))
    assert "Is a directory" in command.fails("account", "import", str(command.folder))


def test_an_import_reads_standard_input(command, monkeypatch: pytest.MonkeyPatch):
    lines = "".join(f"u{number},p{number}\n" for number in range(5_000))
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert command.ok("account", "import", "-").startswith("5000 added")


def test_commands_work_while_the_switch_writes(command):
    connection = sqlite3.connect(command.folder / "sipwright.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO calls (id, node, direction, state, from_text, to_text, started_at, document)"
                       " VALUES ('c', 'n', 'out', 'RINGING', 'a', 'b', 0, '')")  # fmt: skip

    assert command.json("calls") == []
    connection.execute("COMMIT")
    connection.close()
    assert [call["id"] for call in command.json("calls")] == ["c"]


def script(folder: Path, source: str) -> Path:
    path = folder / "script.py"
    path.write_text(source)
    return path


def account_hash(folder: Path, name: str) -> str:
    async def look() -> str:
        settings = Settings.load(folder)
        store = await Administration.open(settings.database_url, settings.key_file)
        try:
            return (await store.find_account(name)).ha1["MD5"]
        finally:
            await store.close()

    return asyncio.run(look())


def put_binding(folder: Path, contact: str) -> None:
    connection = sqlite3.connect(folder / "sipwright.db")
    connection.execute(
        "INSERT INTO bindings (account_id, contact, source, call_id, cseq, expires_at, updated_at)"
        " SELECT id, ?, 'udp/a/b', 'c', 1, ?, 0 FROM accounts",
        (contact, time.time() + 60),
    )
    connection.commit()
    connection.close()


def test_a_heading_in_another_order_is_refused(command):
    file = command.folder / "accounts.csv"
    file.write_text("name,password,out\nalice,x,main\n")

    assert command.fails("account", "import", str(file)) == (
        "line 1: the heading is name,password,out; write name,password,user,out,in"
    )


def test_an_account_says_what_its_phones_are_sent(command):
    command.ok("account", "add", "alice", "--password", "secret")
    command.ok("account", "set", "alice", "--keep-alive", "options")
    assert command.json("account", "show", "alice")["keep_alive"] == "options"

    assert "use one of off, empty, options" in command.fails(
        "account", "set", "alice", "--keep-alive", "often"
    )
    command.ok("account", "set", "alice", "--keep-alive", "")
    assert "keep_alive" not in command.json("account", "show", "alice")


def test_an_account_is_made_a_list_shown_and_made_none(command):
    for name in ("office", "101", "102"):
        command.ok("account", "add", name, "--password", "secret")
    members = "102@example.org\n101@example.org\n"

    assert command.ok("account", "members", "office") == "it is no list\n"
    assert command.ok("account", "members", "office", "102", "101") == members
    assert command.ok("account", "members", "office") == members
    assert command.json("account", "members", "office")[0] == {"account": "102@example.org"}
    assert "nobody-here" in command.fails("account", "members", "office", "101", "nobody-here")
    assert command.ok("account", "members", "office", "--none") == "it is no list\n"
