"""``sipwright dialplan replay``."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest

from sipwright.testing.stage import PretendedPlan, Setting, world_of

SCRIPT = 'dial(f"{req.user}@blueface", ring=10)\nrespond(480, "Nobody")\n'
CDR = (
    "INSERT INTO cdrs (call_id, leg, direction, target, started_at, answered_at, ended_at, status, reason, hung_up_by)"
    " VALUES (?, ?, 'out', ?, ?, ?, ?, ?, ?, ?)"
)


@pytest.fixture
def script(command, tmp_path: Path) -> Path:
    path = tmp_path / "out.py"
    path.write_text(SCRIPT)
    command.ok("dialplan", "set", "out", str(path))
    return path


@pytest.fixture
def record(command, script, sipwright_stage):
    """Put calls into the database that `script` has decided."""
    database = sqlite3.connect(command.folder / "sipwright.db")

    def record(name: str, answer: str, *, to: str = "300", ago: float = 60.0, has_start: bool = True) -> None:
        at = time.time() - ago
        world = world_of([answer], [])
        result = sipwright_stage.run(PretendedPlan(SCRIPT), Setting("alice", to, at=at), world)
        database.execute(
            "INSERT INTO executions (id, call_id, dialplan_id, version, state, started_at)"
            " VALUES (?, ?, 1, 1, 'done', ?)",
            (f"run-{name}", name, at),
        )
        for entry in result.entries if has_start else []:
            row = entry._replace(execution_id=f"run-{name}")
            database.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", row)
        database.execute(
            CDR, (name, 0, None, at, None, at + result.duration, result.status, result.reason, "switch")
        )
        (leg,) = result.legs
        answered = at + leg.ended if leg.status == 200 else None
        database.execute(
            CDR, (name, 1, leg.target, at, answered, at + leg.ended, leg.status, leg.reason, "callee")
        )
        database.commit()

    yield record
    database.close()


def test_calls_that_would_have_gone_elsewhere_are_printed(command, script, record):
    record("c1", "blueface: rings 3 then busy")
    record("c2", "blueface: 200", to="0800123")
    record("c3", "blueface: busy", ago=30 * 86400.0)
    record("c4", "blueface: busy", has_start=False)
    draft = script.with_name("draft.py")
    draft.write_text('if req.user.startswith("0800"):\n    dial(f"{req.user}@free")\n' + SCRIPT)

    lines = command.ok("dialplan", "replay", "out", "--draft", str(draft), "--since", "7d").splitlines()
    assert lines[0].startswith("2 calls of out since ")
    assert lines[2].endswith("  alice -> 0800123 (out)  call c2")
    assert lines[3:6] == [
        "    was  0800123@blueface 200; the caller heard 200 OK",
        "    now  0800123@free 408 > 0800123@blueface 200; the caller heard 200 OK",
        "         nothing is recorded about 0800123@free",
    ]
    assert lines[7].startswith("1 as before, 1 would have gone elsewhere, 1 without a journal left out  [")


def test_two_ways_that_differ_in_a_target_that_never_rang_do_not_look_the_same(command, script, record):
    record("c1", "blueface: 200")
    draft = script.with_name("draft.py")
    draft.write_text(SCRIPT.replace("@blueface", "@blueface & bob@local[delay=5]"))

    out = command.ok("dialplan", "replay", "out", "--draft", str(draft), "--since", "7d")
    assert "    was  dial 300@blueface; 300@blueface 200; the caller" in out
    assert "    now  dial 300@blueface & bob@local; 300@blueface 200; the caller" in out


def test_without_a_draft_the_live_version_is_tried(command, script, record):
    record("c1", "blueface: busy")
    assert "1 as before, 0 would have gone elsewhere" in command.ok("dialplan", "replay", "out")

    script.write_text("respond(503)\nlog(broken)")
    script.write_text('respond(486, "New")\n')
    command.ok("dialplan", "set", "out", str(script))
    found = command.json("dialplan", "replay", "out", "--since", "1h")
    assert (found["calls"], found["replayed"]) == (1, 1)
    (moved,) = found["elsewhere"]
    assert (moved["from"], moved["to"], moved["was"]["status"], moved["now"]["status"]) == (
        "alice",
        "300",
        480,
        486,
    )
    assert json.dumps(moved["was"]["dialled"]) == '["300@blueface"]'


def test_a_draft_that_fails_says_where(command, script, record):
    record("c1", "blueface: busy")
    draft = script.with_name("draft.py")
    draft.write_text("log(nothing)\n")

    printed = command.ok("dialplan", "replay", "out", "--draft", str(draft))
    assert "    now  nobody dialled; the caller heard 500 Server Internal Error" in printed
    assert "the draft fails: line 1: NameError" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in"], "has no dialplan 'in'"),
        (["out", "--draft", "nowhere.py"], "there is no file nowhere.py"),
        (["out", "--since", "week"], "'week' is not an age"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(command, script, arguments, said):
    assert said in command.fails("dialplan", "replay", *arguments)
