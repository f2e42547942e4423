"""``sipwright dialplan try``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SCRIPT = """\
log(f"{req.from_user} calls {req.user}")
dial(f"{req.user}@blueface", ring=10)
log("nobody yet")
dial("bob@local", ring=20)
respond(480, "Nobody")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "out.py"
    path.write_text(SCRIPT)
    return path


def test_the_way_is_printed_line_by_line(command, file):
    printed = command.ok(
        "dialplan", "try", str(file), "--from", "alice", "--to", "300", "--at", "2026-11-20 18:30",
        "--answer", "blueface: rings 3 then busy", "--answer", "bob: rings 5 then 200",
    )  # fmt: skip
    lines = printed.splitlines()

    assert lines[:-1] == [
        "alice calls 300 (out), Fri 2026-11-20 18:30:00 UTC, dialplan out",
        "",
        '              1 | log(f"{req.from_user} calls {req.user}")',
        "   0.000 s        log: alice calls 300",
        '              2 | dial(f"{req.user}@blueface", ring=10)',
        "   0.000 s        dial 300@blueface, ringing for 10 s",
        "                  -> 486 Busy Here after 3 s",
        '              3 | log("nobody yet")',
        "   3.000 s        log: nobody yet",
        '              4 | dial("bob@local", ring=20)',
        "   3.000 s        dial bob@local, ringing for 20 s",
        "                  -> answered by bob@local",
        "",
    ]
    assert lines[-1].startswith("The caller hears 200 OK after 8 s: answered by bob@local.  [")


def add_provider(command, name):
    settings = ("--server", "sip.blueface.example", "--username", "me", "--password", "x")
    command.ok("provider", "add", name, *settings)


def test_json_has_the_effects(command, file):
    add_provider(command, "blueface")
    tried = command.json("dialplan", "try", str(file), "--answer", "bob: 200", "--gives-up", "60")

    assert (tried["status"], tried["answered_by"], tried["path"]) == (200, "bob", ["blueface 408", "bob 200"])
    assert tried["unknown"] == ["300@blueface"]
    assert [(one["line"], one["function"], one["at"]) for one in tried["effects"]] == [
        (2, "dial", 0.0),
        (4, "dial", 10.0),
    ]


def test_a_stored_dialplan_is_tried_in_its_owners_time_zone_and_domain(command, tmp_path):
    script = tmp_path / "in.py"
    script.write_text('log(req.host, call.user, call.active, f"{now():%H:%M}", req.headers["x-a"])\n')
    command.ok("dialplan", "set", "in", str(script))
    tried = command.json(
        "dialplan", "try", "in", "--direction", "in", "--from", "+3531", "--to", "bob", "--at", "sat 23:10",
        "--active", "3", "--header", "X-A: red",
    )  # fmt: skip

    assert tried["log"] == ["example.org admin 3 23:10 red"]


def test_a_call_that_a_provider_brings_is_for_a_number(command, tmp_path):
    script = tmp_path / "in.py"
    script.write_text("log(call.provider, req.user)\n")
    tried = command.json(
        "dialplan", "try", str(script), "--direction", "in", "--to", "35315550100", "--provider", "carrier"
    )

    assert tried["log"] == ["carrier 35315550100"]
    assert command.err == ""


def test_rules_are_tried_as_the_script_that_they_become(command, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\npattern = "300"\naction = "reject"\nstatus = 486\n')
    tried = command.json("dialplan", "try", str(rules), "--to", "300")

    assert tried["status"] == 486


def test_the_in_dialplan_of_an_account_runs_too_and_is_printed_indented(command, tmp_path):
    script = tmp_path / "reception.py"
    script.write_text('dial("bob@local", ring=5)\nrespond(486, "All Busy")\n')
    command.ok("dialplan", "set", "reception", str(script))
    command.ok("account", "add", "bob", "--password", "x", "--in", "reception")
    out = tmp_path / "out.py"
    out.write_text('dial("bob@local")\n')
    arguments = ("dialplan", "try", str(out), "--answer", "bob: rings 2 then 480")

    assert command.ok(*arguments).splitlines()[2:-2] == [
        '              1 | dial("bob@local")',
        "   0.000 s        dial bob@local, ringing for 180 s",
        "                  | dialplan reception of bob",
        '                  |               1 | dial("bob@local", ring=5)',
        "                  |    0.000 s        dial bob@local, ringing for 5 s",
        "                  |                   -> 480 Temporarily Unavailable after 2 s",
        '                  |               2 | respond(486, "All Busy")',
        "                  |    2.000 s        respond 486 All Busy",
        "                  | 486 All Busy after 2 s: line 2 answered 486 All Busy",
        "                  -> 486 All Busy after 2 s",
    ]
    (leg,) = command.json(*arguments)["legs"]
    inner = leg["in_plan"]
    assert (inner["dialplan"], inner["account"], inner["path"]) == ("reception", "bob", ["bob 480"])

    other = tmp_path / "other.py"
    other.write_text("respond(603)\n")
    assert command.json(*arguments, "--in", f"bob: {other}")["path"] == ["bob 603"]
    assert command.json(*arguments, "--in", "bob: none")["path"] == ["bob 480"]
    assert command.json(*arguments, "--in", "bob: reception")["path"] == ["bob 486"]
    assert "write ACCOUNT: PLAN" in command.fails(*arguments, "--in", "bob")


def test_a_file_needs_no_data_folder(command, file, monkeypatch):
    monkeypatch.delenv("SIPWRIGHT_DATA")
    monkeypatch.chdir(file.parent / "..")

    assert command.json("dialplan", "try", str(file), "--answer", "bob: 200")["status"] == 200


def test_who_nobody_spoke_of_is_named(command, file):
    assert "(nothing was said about bob@local: it rang and nobody answered)" in command.ok(
        "dialplan", "try", str(file)
    )


def test_a_provider_that_there_is_not_is_told_from_one_that_does_not_answer(command, file):
    """The providers of the data folder, those of `--answer`, and names with a dot, which are hosts."""
    trying = ("dialplan", "try", str(file))
    missing = "there is no provider 'blueface': unreachable"
    tried = command.json(*trying)

    assert missing in command.ok(*trying)
    assert (tried["no_provider"], tried["unknown"]) == (["blueface"], ["bob@local"])
    assert tried["legs"][0]["reason"] == 'No Provider Or Host "blueface"'
    assert missing not in command.ok(*trying, "--answer", "300@blueface: busy")
    add_provider(command, "BlueFace")
    assert missing not in command.ok(*trying)
    file.write_text('dial("300@sip.blueface.example")\ndial("300@example.org & bluface")\n')
    assert command.json(*trying)["no_provider"] == ["bluface"]


def test_effects_are_pretended(command, tmp_path):
    script = tmp_path / "out.py"
    script.write_text('log(http_get("https://x.org/").json["name"])\n')
    printed = command.ok("dialplan", "try", str(script), "--effect", 'http_get: {"name": "Ann"}')

    assert "log: Ann" in printed
    assert "http_get(https://x.org/)" in printed
    assert '-> 200 {"name": "Ann"}' in printed


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("log(1)\nlog(2)[0]\n", "line 2: TypeError: "),
        ("log(1\n", "dialplan draft failed: line"),
        ("sleep(400)\n", "line 1: sleep(400) is longer than what is left of 300 s"),
        ('dial("carol@local", wait=True)\nfail()\n', "line 2: NameError: "),
    ],
)
def test_a_script_that_fails_fails_the_command_too(command, tmp_path, source, said):
    script = tmp_path / "draft.py"
    script.write_text(source)
    answer = ("--answer", "carol: answers talks 5")

    assert said in command.fails("dialplan", "try", str(script), *answer)
    assert "The caller hears" in command.out
    assert said in command.fails("dialplan", "try", str(script), *answer, "--json")
    assert json.loads(command.out)["status"] in (200, 500)

    outer = tmp_path / "outer.py"
    outer.write_text('dial("bob@local")\n')
    assert "dialplan draft failed: " in command.fails(
        "dialplan", "try", str(outer), *answer, "--in", f"bob: {script}"
    )


def test_a_caller_who_hears_busy_is_no_failure(command, tmp_path):
    script = tmp_path / "busy.py"
    script.write_text("respond(486)\n")

    assert command.json("dialplan", "try", str(script))["status"] == 486


def test_a_call_to_an_account_that_does_not_exist_is_told(command, tmp_path):
    script = tmp_path / "in.py"
    script.write_text("respond(486)\n")
    command.ok("account", "add", "bob", "--password", "x")

    def told(*arguments: str) -> str:
        command.ok("dialplan", "try", str(script), "--direction", "in", *arguments)
        return command.err

    assert told("--to", "nobody") == (
        "sipwright: there is no account 'nobody': in a real call no dialplan would run\n"
    )
    assert "'bob@nowhere.example'" in told("--to", "bob@nowhere.example")
    assert told("--to", "bob") == ""
    assert told("--to", "bob@example.org") == ""
    assert "'provider.bob'" in told("--to", "provider.bob")
    assert told("--to", "carol", "--in", f"carol: {script}") == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["out.py", "--answer", "bob"], "write WHO: WHAT"),
        (["out.py", "--answer", "bob: sleeps"], "'sleeps' is no outcome"),
        (["out.py", "--effect", "fly: 1"], "'fly' cannot be pretended"),
        (["out.py", "--direction", "up"], "--direction is out or in"),
        (["out.py", "--at", "soon"], "'soon' is no time"),
        (["out.py", "--header", "red"], "'red' is not a header"),
        (["nowhere.py"], "there is no file nowhere.py"),
        (["nothing"], "has no dialplan 'nothing'"),
        (["./"], "is a folder"),
        (["bad.toml"], "bad.toml: "),
        (["binary.py"], "save it as UTF-8"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(command, file, monkeypatch, arguments, said):
    file.with_name("bad.toml").write_text("[[rule]]\n")
    file.with_name("binary.py").write_bytes(b"\xff")
    monkeypatch.chdir(file.parent)

    assert said in command.fails("dialplan", "try", *arguments)
