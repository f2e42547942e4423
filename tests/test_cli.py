"""The command line as a whole: help, exit statuses, one line for every error."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sipwright import cli


def test_help_is_given_at_once_and_without_the_heavy_libraries():
    code = (
        "import sys; from sipwright.cli import run; status = run(['--help']);"
        "heavy = {'sqlalchemy', 'pydantic', 'alembic', 'asyncpg', 'uvloop', 'rich'} & set(sys.modules);"
        "sys.exit(status or bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "call detail records" in done.stdout


@pytest.mark.parametrize(
    "path",
    [
        [],
        ["init"],
        ["bindings"],
        ["calls"],
        ["cdrs"],
        *(["account", name] for name in ("add", "set", "list", "show", "remove", "import")),
        *(["dialplan", name] for name in ("set", "list", "show", "check", "remove")),
        *(["provider", name] for name in ("add", "list", "show", "remove")),
        *(["user", name] for name in ("add", "list", "password", "remove")),
        *(["domain", name] for name in ("add", "set", "list", "remove")),
        *(["key", name] for name in ("rotate", "forget")),
    ],
    ids=" ".join,
)
def test_every_command_has_help(path: list[str], capsys: pytest.CaptureFixture[str]):
    assert cli.run([*path, "--help"]) == 0

    out = capsys.readouterr().out
    assert out.startswith(f"Usage: {' '.join(['sipwright', *path])} ")
    assert path[:1] == [] or path == ["dialplan", "check"] or "--data DIR" in out


def test_nothing_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]):
    assert cli.run([]) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (
            RuntimeError("bad\nluck"),
            1,
            "internal error, RuntimeError: bad luck; SIPWRIGHT_TRACEBACK=1 shows where",
        ),
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device"), 1, "input or output: No space left on device"),
        (PermissionError(13, "Permission denied", "/data"), 1, "/data: Permission denied"),
    ],
)
def test_any_error_is_one_line(
    error: BaseException,
    status: int,
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)

    assert cli.run(["calls"]) == status
    said = capsys.readouterr().err
    assert said.startswith(f"sipwright: {line}")
    assert said.count("\n") == 1


def test_a_traceback_is_there_for_who_asks(monkeypatch: pytest.MonkeyPatch):
    def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("bad luck")

    monkeypatch.setattr(cli, "app", fail)
    monkeypatch.setenv("SIPWRIGHT_TRACEBACK", "1")

    with pytest.raises(RuntimeError, match="bad luck"):
        cli.run(["calls"])


def test_the_exit_status_is_that_of_the_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cli, "app", lambda **options: 3)
    monkeypatch.setattr("sys.argv", ["sipwright", "calls"])

    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3
