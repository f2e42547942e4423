"""``sipwright dialplan``."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "main.py"
    path.write_text('respond(486, "Busy Here")\n')
    return path


def test_a_dialplan_gets_a_version_with_every_new_text(command, file: Path):
    assert command.ok("dialplan", "set", "main", str(file)) == "dialplan main is at version 1 now\n"
    file.write_bytes(b"\xef\xbb\xbfrespond(480)\r\n")
    assert command.ok("dialplan", "set", "main", str(file)) == "dialplan main is at version 2 now\n"
    assert command.ok("dialplan", "show", "main") == "respond(480)\n"
    assert command.ok("dialplan", "show", "main", "--version", "1") == 'respond(486, "Busy Here")\n'
    assert [
        line.split()[-1] for line in command.ok("dialplan", "show", "main", "--versions").splitlines()[2:]
    ] == ["live"]
    shown = command.json("dialplan", "show", "main")
    assert (shown["version"], [one["live"] for one in shown["versions"]]) == (2, [False, True])
    assert command.json("dialplan", "list") == [
        {"dialplan": "main", "user": "admin", "version": 2, "lines": 1}
    ]
    assert command.ok("dialplan", "list").splitlines()[1].split() == ["main", "admin", "2", "1"]

    assert command.ok("dialplan", "remove", "main") == "removed main\n"
    assert "'sipwright dialplan list'" in command.fails("dialplan", "show", "main")
    assert command("dialplan", "list") == 0
    assert "makes one" in command.err


def test_a_script_with_a_mistake_is_not_saved(command, file: Path):
    file.write_text("respond(486\n")

    assert f"{file}:" in command.fails("dialplan", "set", "main", str(file))
    assert command.json("dialplan", "list") == []
    assert "'(' was never closed" in command.fails("dialplan", "check", str(file))


def test_several_mistakes_are_listed_and_the_first_is_the_error(command, file: Path):
    file.write_text("respond(nothing)\nrespond(nobody)\n")

    said = command.fails("dialplan", "check", str(file))
    assert said.startswith(f"{file}:1:")
    assert said.endswith("(and 1 more, listed above)")
    assert command.out.startswith(f"{file}:2:")


def test_a_right_script_passes_the_check(command, file: Path):
    assert command.ok("dialplan", "check", str(file)) == f"{file}: nothing wrong\n"


def test_a_stored_dialplan_is_checked_by_its_name(command, file: Path, monkeypatch: pytest.MonkeyPatch):
    command.ok("dialplan", "set", "main", str(file))
    monkeypatch.delenv("SIPWRIGHT_DATA")

    assert command.ok("dialplan", "check", "main", "--data", str(command.folder)) == "main: nothing wrong\n"
    assert "no dialplan 'other'" in command.fails("dialplan", "check", "other", "--data", str(command.folder))


def test_mistakes_are_listed_as_json(command, file: Path):
    assert command.json("dialplan", "check", str(file)) == {"plan": str(file), "problems": []}
    file.write_text("respond(nothing)\n")

    assert command.fails("dialplan", "check", str(file), "--json") == f"{file} has 1 mistake"
    (problem,) = json.loads(command.out)["problems"]
    assert (problem["file"], problem["line"]) == (str(file), 1)


def test_rules_are_checked_as_the_script_that_they_become(command, tmp_path: Path):
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\naction = "sing"\n')

    assert "rule 1: action" in command.fails("dialplan", "check", str(rules))


def test_a_script_may_come_from_standard_input(command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"respond(480)\n")))
    command.ok("dialplan", "set", "main", "-")

    assert command.ok("dialplan", "show", "main") == "respond(480)\n"


def test_files_that_cannot_be_read(command, file: Path, tmp_path: Path):
    file.write_bytes(b"\xff\xfe")

    assert "save it as UTF-8" in command.fails("dialplan", "check", str(file))
    assert "is a folder" in command.fails("dialplan", "check", str(tmp_path))
    assert command.fails("dialplan", "check", "nowhere.py") == "there is no file nowhere.py"


def test_an_older_version_is_made_live_again(command, file: Path):
    for number in (1, 2, 3):
        file.write_text(f'dial("{number}@local")\n')
        command.ok("dialplan", "set", "main", str(file))

    assert command.ok("dialplan", "rollback", "main") == "dialplan main is at version 2 again\n"
    assert command.ok("dialplan", "show", "main") == 'dial("2@local")\n'
    assert command.ok("dialplan", "rollback", "main", "3") == "dialplan main is at version 3 again\n"
    command.ok("dialplan", "rollback", "main", "1")
    assert "no version before 1" in command.fails("dialplan", "rollback", "main")
    assert "no version 9" in command.fails("dialplan", "rollback", "main", "9")
    file.write_text('dial("4@local")\n')
    assert command.ok("dialplan", "set", "main", str(file)) == "dialplan main is at version 4 now\n"


def test_rules_become_a_dialplan(command, tmp_path: Path):
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\npattern = "300"\naction = "dial"\nto = "bob@local"\n')

    said = command.ok("dialplan", "rules", "set", "main", str(rules))
    shown = command.ok("dialplan", "show", "main")
    assert said == "dialplan main is at version 1 now\n"
    assert "if req.user == '300':\n    dial(\"bob@local\")\n" in shown
    assert command.ok("dialplan", "rules", "show", str(rules)) == shown


def test_rules_that_are_wrong_are_not_saved(command, tmp_path: Path):
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\naction = "sing"\n')

    assert "rule 1: action" in command.fails("dialplan", "rules", "set", "main", str(rules))
    assert "there is no file" in command.fails("dialplan", "rules", "set", "main", "nowhere.toml")
    assert command.json("dialplan", "list") == []


def test_what_a_script_writes_out_is_checked_with_the_budgets_of_the_data_folder(command, tmp_path):
    script = tmp_path / "main.py"
    script.write_text('sleep(400)\ndial(f"{req.user}@local[dely=5]")\n')
    settings = command.folder / "sipwright.toml"

    assert "main.py:1:1: sleep(400) is longer than what is left of 300 s" in command.fails(
        "dialplan", "set", "main", str(script)
    )
    assert "main.py:2:1: dial(): unknown option 'dely'" in command.out

    settings.write_text(settings.read_text().replace("# total_seconds = 300.0", "total_seconds = 500.0"))
    assert "main.py:2:1: dial(): unknown option 'dely'" in command.fails("dialplan", "check", str(script))
    assert command.out == ""


def test_dialplans_share_code(command, tmp_path):
    common, out = tmp_path / "common.py", tmp_path / "out.py"
    common.write_text("def ring(name):\n    dial(f'{name}@local')\n")
    out.write_text("from plans.common import ring\nring('bob')\n")

    assert "nothing wrong" in command.ok("dialplan", "check", str(out))  # beside it
    assert "no dialplan 'common'" in command.fails("dialplan", "set", "out", str(out))
    command.ok("dialplan", "set", "common", str(common))
    assert command.ok("dialplan", "set", "out", str(out)) == "dialplan out is at version 1 now\n"
    assert "bob@local" in command.ok("dialplan", "try", "out", "--answer", "bob: busy")
    common.write_text("def rings(name):\n    pass\n")
    command.ok("dialplan", "set", "common", str(common))
    assert "warning: dialplan out, line 1: dialplan common has no 'ring'; did you mean rings?" in command.err
    assert "did you mean rings?" in command.fails("dialplan", "check", "out")
    command.ok("dialplan", "rollback", "common")
    assert command.err == ""
    assert "imported by 'out'" in command.fails("dialplan", "remove", "common")


def test_what_fails_in_some_calls_is_told_and_may_be_saved(command, file: Path):
    file.write_text('log(req.headers["X-None"])\n')

    assert f"{file}:1:5: req.headers[" in command.fails("dialplan", "check", str(file))
    assert 'write req.headers.get("X-None", "")' in command.err
    assert command("dialplan", "check", str(file), "--json") == 1
    command.ok("dialplan", "set", "main", str(file))
    assert "warning: line 1: req.headers['X-None'] fails where a caller sends no X-None" in command.err
    assert "main:1:5: " in command.fails("dialplan", "check", "main", "--data", str(command.folder))
