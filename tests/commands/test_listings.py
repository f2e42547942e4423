"""``sipwright calls``, ``cdrs`` and ``bindings``."""

from __future__ import annotations

import csv
import io
import sqlite3
import time
from datetime import datetime

import pytest

from sipwright.store import CallRow
from sipwright.store.writing.log import RedoLog, directory_of, segments_in

CDR = (
    "INSERT INTO cdrs (call_id, leg, direction, user_id, from_uri, to_uri, target, started_at, answered_at, ended_at,"
    " status, reason, hung_up_by) VALUES (?, 0, 'out', ?, 'sip:a@x', 'sip:b@x', ?, ?, ?, ?, ?, 'OK', 'callee')"
)
CALL = (
    "INSERT INTO calls (id, node, user_id, direction, state, from_text, to_text, started_at, answered_at, document)"
    " VALUES (?, 'n', ?, 'out', 'TALKING', 'alice', 'bob', ?, ?, '')"
)


@pytest.fixture
def database(command):
    connection = sqlite3.connect(command.folder / "sipwright.db")
    yield connection
    connection.close()


def test_nothing_is_said_in_words_or_as_an_empty_list(command):
    for name, words in (("calls", "no calls now"), ("cdrs", "no calls have"), ("bindings", "no phone is")):
        assert command.json(name) == []
        assert command(name) == 0
        assert words in command.err
        assert command.out == ""


def test_calls_are_listed_with_their_age(command, database: sqlite3.Connection):
    answered_at = time.time() - 30
    database.execute(CALL, ("c1", 1, answered_at - 60, answered_at))
    database.commit()

    cells = command.ok("calls").splitlines()[1].split()
    assert cells[:3] == ["alice", "bob", "TALKING"]
    assert 29 <= int(cells[3]) <= time.time() - answered_at + 1
    assert command.json("calls", "--user", "admin")[0]["from"] == "alice"


def test_cdrs_are_listed_newest_first_and_by_age(command, database: sqlite3.Connection):
    now = time.time()
    database.execute(CDR, ("old", 1, "b@local", now - 7200, now - 7100, now - 7035, 200))
    database.execute(CDR, ("new", 1, None, now - 60, None, now - 50, 486))
    database.commit()

    new, old = (line.split() for line in command.ok("cdrs").splitlines()[1:])
    assert (new[-1], old[-1]) == ("new", "old")
    assert ("sip:b@x" in new, "486" in new, "1:05" in new) == (True, True, False)
    assert ("sip:b@x" in old, "200" in old, "1:05" in old) == (True, True, True)
    legs = [line.split() for line in command.ok("cdrs", "--legs").splitlines()[1:]]
    assert [("b@local" in leg, leg[-1]) for leg in legs] == [(False, "new"), (True, "old")]
    assert [row["call_id"] for row in command.json("cdrs")] == ["new", "old"]
    assert [row["call_id"] for row in command.json("cdrs", "--limit", "1", "--user", "admin")] == ["new"]
    for age in ("90s", "90m", "1h"):
        assert [row["call_id"] for row in command.json("cdrs", "--since", age)] == ["new"]
    assert len(command.json("cdrs", "--since", "1d")) == 2
    for wrong in ("soon", "h", "-1d", ""):
        assert "such as 12h" in command.fails("cdrs", f"--since={wrong}")


def test_cdrs_of_a_month_and_with_an_address_are_chosen(command, database: sqlite3.Connection):
    """Also those of an account that is gone, and of a provider."""
    for name, target, day in (
        ("october", "1@line1", 31),
        ("november", "2@line1", 32),
        ("other", "3@line2", 33),
    ):
        begun = datetime(2026, 10, 1).timestamp() + (day - 1) * 86400 + 7200
        database.execute(CDR, (name, 1, target, begun, begun, begun, 200))
    database.commit()

    def found(*options):
        return [row["call_id"] for row in command.json("cdrs", "--legs", *options)]

    assert found("--since", "2026-11-01", "--until", "2026-12-01") == ["other", "november"]
    assert found("--until", "2026-11-01") == ["october"]
    assert found("--find", "@line1") == ["november", "october"]
    assert found("--find", "2@line1", "--since", "2026-10-01") == ["november"]
    assert "such as 2026-11-01" in command.fails("cdrs", "--until", "November")


def test_a_call_between_two_accounts_is_one_line(command, database: sqlite3.Connection):
    """Its parts, and its legs, have the id of the first part in common."""
    now = time.time()
    for name, linked in (("outer", None), ("inner", "outer")):
        database.execute(CALL, (name, 1, now, now))
        database.execute(CDR, (name, 1, "b@local", now, now, now, 200))
        for table, column in (("calls", "id"), ("cdrs", "call_id")):
            database.execute(f"UPDATE {table} SET linked_id = ? WHERE {column} = ?", (linked, name))
    database.commit()

    assert [(row["id"], row["call"]) for row in command.json("calls")] == [("outer", "outer")]
    assert [(row["id"], row["call"]) for row in command.json("calls", "--legs")] == [
        ("inner", "outer"), ("outer", "outer"),
    ]  # fmt: skip
    (cdr,) = command.json("cdrs")
    assert (cdr["call"], cdr["call_id"], cdr["from_uri"]) == ("outer", "outer", "sip:a@x")
    assert {row["call"] for row in command.json("cdrs", "--legs")} == {"outer"}
    assert len(command.json("cdrs", "--legs")) == 2


def test_calls_and_cdrs_are_listed_by_account(command, database: sqlite3.Connection):
    command.ok("account", "add", "alice", "--password", "x")
    now = time.time()
    for number, account in (("mine", 1), ("other", None)):
        database.execute(CALL, (number, 1, now, None))
        database.execute("UPDATE calls SET account_id = ? WHERE id = ?", (account, number))
        database.execute(CDR, (number, 1, None, now, None, now, 486))
        database.execute("UPDATE cdrs SET account_id = ? WHERE call_id = ?", (account, number))
    database.commit()

    for name in ("alice", "alice@EXAMPLE.org"):
        (call,) = command.json("calls", "--account", name)
        (cdr,) = command.json("cdrs", "--account", name)
        assert (call["id"], call["account"]) == ("mine", "alice@example.org")
        assert (cdr["call_id"], cdr["account"]) == ("mine", "alice@example.org")
    assert command.json("calls", "--account", "alice@example.net") == []
    assert len(command.json("calls")) == len(command.json("cdrs")) == 2


def test_what_the_store_has_to_say_does_not_get_into_the_output(command):
    """Here that its log is damaged."""
    log = RedoLog(directory_of(command.folder / "sipwright.db"))
    for name in ("a", "b"):
        log.append({"call": {name: CallRow(name, "n", 1, None, "out", "TALKING", "x", "y", 1.0, None, b"")}})
        (path,) = segments_in(directory_of(command.folder / "sipwright.db"))
        if name == "a":
            damaged = path.stat().st_size - 1
    with path.open("r+b") as file:
        file.seek(damaged)
        file.write(b"\xff")
    log.close()

    assert [call["id"] for call in command.json("calls")] == ["b"]
    assert "the log is damaged" in command.err


@pytest.mark.parametrize("listing", ["bindings", "calls", "cdrs"])
def test_what_is_looked_for_by_an_account_that_is_not_there(command, listing):
    for name in ("nosuch", "nosuch@example.org"):
        assert "there is no account nosuch" in command.fails(listing, "--account", name)
    command.ok("account", "add", "alice", "--password", "x")
    assert command.json(listing, "--account", "alice") == []


def test_cdrs_are_printed_as_csv(command, database: sqlite3.Connection):
    """All of them, unless some are asked for; harmless for a terminal and for a spreadsheet."""
    for number in range(60):
        database.execute(CDR, (f"c{number}", 1, "=x\x1b", number, number, number + 1, 200))
    database.commit()

    rows = list(csv.DictReader(io.StringIO(command.ok("cdrs", "--csv"))))
    assert (len(rows), rows[0]["call"], rows[0]["started_at"]) == (60, "c59", "1970-01-01T00:00:59.000Z")
    assert (rows[0]["from_uri"], rows[0]["status"], rows[0]["talked"]) == ("sip:a@x", "200", "1.0")
    legs = list(csv.DictReader(io.StringIO(command.ok("cdrs", "--csv", "--legs", "--limit", "2"))))
    assert [row["target"][:3] for row in legs] == ["'=x", "'=x"]
    assert "\x1b" not in command.out
    assert command.ok("cdrs", "--csv", "--user", "admin", "--since", "1h").count("\n") == 1
    assert "--csv or --json" in command.fails("cdrs", "--csv", "--json")


def test_a_phone_is_forgotten(command, database: sqlite3.Connection):
    command.ok("account", "add", "alice", "--password", "x")
    for contact in ("<sip:a@192.0.2.1>", "<sip:a@192.0.2.2>", "<sip:a@192.0.2.3>"):
        database.execute(
            "INSERT INTO bindings (account_id, contact, source, call_id, cseq, expires_at, updated_at)"
            " VALUES (1, ?, 'udp/a/b', 'c', 1, ?, 0)",
            (contact, time.time() + 60),
        )
    database.commit()

    said = command.ok("bindings", "remove", "alice", "192.0.2.2")
    assert said == "alice@example.org: <sip:a@192.0.2.2> is forgotten\n"
    assert [row["contact"][-3:-1] for row in command.json("bindings")] == [".1", ".3"]
    assert "no such phone of alice" in command.fails("bindings", "remove", "alice", "192.0.2.2")
    assert "there is no account bob" in command.fails("bindings", "remove", "bob")
    assert command.ok("bindings", "remove", "alice").count("is forgotten") == 2
    assert command.json("bindings") == []
