"""Whatever strangers and tenants have said: it commands no terminal, and no log line or JSON of ours is theirs."""

from __future__ import annotations

import ast
import io
import json
import sqlite3
import sys
import time

import pytest
import structlog

from house.source import modules
from sipwright.config import LogSettings
from sipwright.log_output import configure_log
from sipwright.store.history.trace_messages import Heard, pack

HOSTILE = (
    "\x1b]0;owned\x07\x9b31m\x00\x7f\u202e\u2066\u200b\u2028\u2029\r\n2026-01-01 [error] forged " + "x" * 5000
)
COMMANDS = [
    ("account", "list"),
    ("account", "show", "alice"),
    ("bindings",),
    ("calls",),
    ("cdrs",),
    ("dialplan", "list"),
    ("dialplan", "show", "hostile"),
    ("dialplan", "show", "hostile", "--versions"),
    ("dialplan", "try", "hostile"),
    ("domain", "list"),
    ("provider", "list"),
    ("provider", "show", "trunk"),
    ("trace", "abc123"),
    ("trace", "abc123", "--messages"),
    ("user", "list"),
]


@pytest.fixture
def hostile(command, tmp_path):
    """A data folder in which every text that is not the name of something is hostile."""
    script = tmp_path / "hostile.py"
    script.write_text("log('\x1b[2J\\x1b[2J\\x9b\\u202e\\nforged')\nrespond(486, 'no')  # \u202e\n")
    command.ok("account", "add", "alice", "--password", "secret")
    command.ok("dialplan", "set", "hostile", str(script))
    command.ok("provider", "add", "trunk", "--server", "t.example", "--username", "u", "--password", "p")
    now, text = time.time(), HOSTILE
    invite = f"INVITE sip:300@x SIP/2.0\r\nCall-ID: sip0\r\nSubject: {text}\r\n\r\n{text}".encode()
    with sqlite3.connect(command.folder / "sipwright.db") as database:

        def put(table, **values):
            columns = database.execute(f"PRAGMA table_info({table})")
            row = {name: text for _, name, kind, *_ in columns if kind == "TEXT"} | values
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            database.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))

        put("bindings", account_id=1, expires_at=now + 60, updated_at=now, call_id="c", cseq=1)
        put("calls", id="call", user_id=1, account_id=1, started_at=now, document="")
        for leg in (0, 1):
            put("cdrs", call_id="abc123", leg=leg, user_id=1, started_at=now - 9, ended_at=now, status=486)
        put("executions", id="run", call_id="abc123", dialplan_id=1, version=1, started_at=now, journal=None)
        log = json.dumps([[1, text]])
        put("journal", execution_id="run", sequence=0, at=now, function="log", arguments=log, result=None)
        said = json.dumps({"value": {"status": 200, "text": text}})
        asked = json.dumps({"line": 2, "url": text})
        put(
            "journal",
            execution_id="run",
            sequence=1,
            at=now,
            function="http_get",
            arguments=asked,
            result=said,
        )
        put("registrations", provider_id=1, state=text, status=403, expires_at=now, updated_at=now)
        database.execute(
            "INSERT INTO messages VALUES ('abc123', 100, ?)",
            (pack([Heard("abc123", now, "in", "udp/a/b", invite)]),),
        )
    database.close()
    return command


def is_harmless(text):
    return all(character.isprintable() or character == "\n" for character in text)


def texts(value, key=""):
    """Every text in JSON, with the key that it stands under."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from texts(below, name)
    elif isinstance(value, list):
        for below in value:
            yield from texts(below, key)
    elif isinstance(value, str):
        yield key, value


def test_no_command_prints_it_as_it_came(hostile, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for arguments in COMMANDS:
        hostile.ok(*arguments)

        assert is_harmless(hostile.out + hostile.err), arguments
        assert "x" * 4001 not in hostile.out, arguments
        forged = [line for line in hostile.out.split("\n") if line.startswith("2026-01-01 [error]")]
        assert forged == [] or "--messages" in arguments, arguments


def test_no_json_holds_it_as_it_came(hostile):
    """What is longer than a value is a message, or what a script said and was told."""
    whole = {"arguments", "outcome", "result", "source", "text", "url", "why", "wire", ""}
    for arguments in COMMANDS:
        if arguments[-1].startswith("--") or arguments[1:2] == ("try",):
            continue
        found = hostile.json(*arguments)

        assert is_harmless(hostile.out), arguments
        assert all(is_harmless(text) for _, text in texts(found)), arguments
        assert all(len(text) <= 200 for key, text in texts(found) if key not in whole), arguments


def test_a_script_goes_into_a_file_as_it_was_saved(hostile):
    assert "\x1b" in hostile.ok("dialplan", "show", "hostile")


def test_no_error_repeats_it(command):
    for arguments in (("account", "show", HOSTILE), ("trace", HOSTILE), ("nothing" + HOSTILE,)):
        assert command(*arguments) != 0
        assert is_harmless(command.err)
        assert command.err.count("\n") == 1
        assert len(command.err) < 1100


def test_commands_print_in_one_place_only():
    found = {
        module
        for module, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func)
        in ("print", "typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write")
    }

    # The process that sends an alert tells the one that began it who has not taken it: numbers, as JSON. A supervisor
    # and its workers say what is the matter with processes of ours, before and after there is a log.
    own = {"monitor/alerts/send", "commands/supervisor", "commands/worker"}
    assert found == {"commands/common"} | own


def entries():
    """Every call of a log in the source: where, its level and the names of what it tells."""
    levels = {"debug", "info", "warning", "error", "exception"}
    for module, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in levels
                and ast.unparse(node.func.value) in ("log", "self._log")
            ):
                yield (
                    module,
                    node.func.attr,
                    [one.arg for one in node.keywords if one.arg and one.arg != "exc_info"],
                )


@pytest.mark.parametrize("style", ["text", "json"])
def test_no_entry_of_the_log_holds_it_as_it_came(style, monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    configure_log(LogSettings(level="debug", format=style))
    log = structlog.get_logger("test")
    found = list(entries())
    for _, level, names in found:
        try:
            raise ValueError(HOSTILE)
        except ValueError:
            getattr(log, level)(HOSTILE, **dict.fromkeys(names, HOSTILE), exc_info=True)
    log.info("nested", key=("cdr", HOSTILE), more={"a": [HOSTILE]}, other=HOSTILE.encode())

    written = said.getvalue()
    assert len(found) > 40
    assert is_harmless(written)
    lines = written.splitlines()
    assert not any(line.startswith("2026-01-01 [error]") for line in lines)
    assert style == "text" or all(is_harmless(text) for line in lines for _, text in texts(json.loads(line)))


def test_what_the_event_loop_has_to_say_goes_through_the_log(monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    configure_log(LogSettings(format="json"))
    import logging

    record = logging.LogRecord("asyncio", logging.ERROR, "", 0, "task failed: %s", (HOSTILE,), None)
    logging.lastResort.handle(record)

    entry = json.loads(said.getvalue())
    assert (entry["logger"], entry["level"]) == ("asyncio", "error")
    assert entry["event"].startswith("task failed: \\x1b]0;owned\\x07")
