"""``sipwright trace``."""

from __future__ import annotations

import sqlite3
import time

import pytest

from sipwright.store.history.trace_messages import Heard, pack, restart_mark

CDR = (
    "INSERT INTO cdrs (call_id, leg, direction, from_uri, to_uri, target, dialplan, started_at, rang_at, ended_at,"
    " status, reason, hung_up_by, sip_call_id)"
    " VALUES ('abc123', ?, 'out', 'sip:alice@x', 'sip:300@x', ?, 'out', 100, 100.5, 103, 486, 'Busy Here', ?, ?)"
)


@pytest.fixture
def call(command, tmp_path):
    """A call that the script decided, in the database."""
    script = tmp_path / "out.py"
    script.write_text('log("hi")\ndial("bob@local", ring=20)\n')
    command.ok("dialplan", "set", "out", str(script))
    invite = b"INVITE sip:300@x SIP/2.0\r\nCall-ID: sip0\r\nSubject: \x1b[2J\r\n\r\n"
    with sqlite3.connect(command.folder / "sipwright.db") as database:
        for leg, target, by in ((0, None, "switch"), (1, "bob@local", "callee")):
            database.execute(CDR, (leg, target, by, f"sip{leg}"))
        database.execute(
            "INSERT INTO executions (id, call_id, dialplan_id, version, state, outcome, started_at)"
            " VALUES ('run', 'abc123', 1, 1, 'done', 'nobody answered: 486 Busy Here', 100)"
        )
        database.execute("INSERT INTO journal VALUES ('run', 0, 100.001, 'log', '[[1, \"hi\"]]', NULL)")
        database.execute(
            "INSERT INTO messages VALUES ('abc123', 100, ?)",
            (pack([Heard("abc123", 100.0, "in", "udp/a/b", invite)]),),
        )
    database.close()


def test_a_trace_has_the_sentence_the_script_the_legs_and_the_ladder(command, call):
    lines = command.ok("trace", "abc").splitlines()

    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(100))
    assert lines[0].startswith(f"call abc123: sip:alice@x -> sip:300@x, out, {began}")
    assert lines[2] == "Nobody answered (bob@local 486 Busy Here), so the caller heard 486 Busy Here."
    assert "dialplan out, version 1: done, nobody answered: 486 Busy Here" in lines
    assert "          0.001 s  log: hi" in lines
    assert "1  bob@local     0.000  0.500            3.000  486 Busy Here  callee" in lines
    assert any("INVITE" in line or "cannot be read" in line for line in lines[-2:])


def test_every_message_can_be_printed_in_full(command, call):
    printed = command.ok("trace", "sip1", "--messages")

    assert "-- 0.000 s, leg 0, to the switch, udp/a/b\nINVITE sip:300@x SIP/2.0\n" in printed
    assert "\x1b" not in printed


def test_json_has_everything(command, call):
    found = command.json("trace", "abc123")

    assert (found["call"], found["why"][:16], len(found["legs"])) == ("abc123", "Nobody answered ", 2)
    assert found["runs"][0]["journal"][0]["arguments"] == [[1, "hi"]]
    assert found["messages"][0]["leg"] == 0


def test_a_call_without_messages_says_where_the_setting_is(command, call):
    with sqlite3.connect(command.folder / "sipwright.db") as database:
        database.execute("DELETE FROM messages")
    database.close()

    assert (
        command.ok("trace", "abc")
        .splitlines()[-1]
        .startswith("no messages were kept: [trace] in the settings")
    )


def test_a_call_that_is_not_known_is_an_error(command, call):
    assert "'sipwright calls'" in command.fails("trace", "xyz")


def test_a_restart_is_told(command, call):
    with sqlite3.connect(command.folder / "sipwright.db") as database:
        database.execute(
            "INSERT INTO messages VALUES ('abc123', 101, ?)", (pack([Heard("abc123", *restart_mark(102.5))]),)
        )
    database.close()

    lines = command.ok("trace", "abc").splitlines()
    assert lines[3] == "The switch was started again 2.5 s after the call began, and went on with it."
    assert any(line.endswith("* the switch was started again and went on with the call") for line in lines)
    assert command.json("trace", "abc")["restarts"] == [102.5]


def test_a_callback_leads_to_its_own_trace(command, call):
    with sqlite3.connect(command.folder / "sipwright.db") as database:
        entry = ("run", 1, 100.002, "callback", '{"line": 2, "a": "x", "b": "y"}', '{"value": "fed321"}')
        database.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", entry)
    database.close()

    assert command.ok("trace", "abc").splitlines()[-1] == "it called back: sipwright trace fed321"
    assert command.json("trace", "abc")["callbacks"] == ["fed321"]


def test_a_trace_becomes_a_capture(command, call, tmp_path):
    said = b"BYE sip:300@x SIP/2.0\r\nCall-ID: sip0\r\n\r\n"
    with sqlite3.connect(command.folder / "sipwright.db") as database:
        flow = "udp/192.0.2.1:5060/192.0.2.2:5062"
        database.execute(
            "INSERT INTO messages VALUES ('abc123', 102, ?)",
            (pack([Heard("abc123", 102.0, "in", flow, said)]),),
        )
    database.close()
    file = tmp_path / "call.pcap"

    assert command.ok("trace", "abc", "--pcap", str(file)) == f"the messages of the call are in {file}\n"
    assert file.read_bytes()[:4] == b"\xd4\xc3\xb2\xa1"
    assert file.read_bytes().endswith(said)


def test_there_is_no_capture_of_a_call_without_messages(command, call, tmp_path):
    with sqlite3.connect(command.folder / "sipwright.db") as database:
        database.execute("DELETE FROM messages")
    database.close()
    file = tmp_path / "call.pcap"

    assert "[trace] in the settings says whose are" in command.fails("trace", "abc", "--pcap", str(file))
    assert not file.exists()
