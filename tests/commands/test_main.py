"""The command line as a whole: help, exit statuses, one line for every error."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest
import typer

from sipwright.commands import __main__ as command_line


def test_help_is_given_at_once_and_without_the_heavy_libraries():
    code = (
        "import sys; from sipwright.commands.__main__ import run; status = run(['--help']);"
        "heavy = {'sqlalchemy', 'pydantic', 'alembic', 'asyncpg', 'uvloop', 'rich'} & set(sys.modules);"
        "sys.exit(status or bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "call detail records" in done.stdout


def test_a_command_does_not_load_the_others():
    code = (
        "import sys; from sipwright.commands.__main__ import run; status = run(['calls', '--help']);"
        "sys.exit(status or 'sipwright.commands.provider' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def commands(group=None, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    group = group or typer.main.get_command(command_line.make_app())
    return [
        found
        for name, command in group.commands.items()
        for found in (commands(command, (*path, name)) if hasattr(command, "commands") else [(*path, name)])
    ]


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_takes_a_data_folder_and_shows_an_example(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
):
    assert command_line.run([*path, "--help"]) == 0

    out = capsys.readouterr().out
    assert out.startswith(f"Usage: {' '.join(['sipwright', *path])} ")
    assert "--data DIR" in out
    assert "\n  Example:\n" in out or "\n  Examples:\n" in out
    if path[-1] in ("list", "show", "check", "bindings", "calls", "cdrs", "trace") and "rules" not in path:
        assert "--json" in out


@pytest.mark.parametrize("name", ["bindings", "calls"])
def test_a_group_that_does_something_by_itself_says_what(name: str, capsys: pytest.CaptureFixture[str]):
    assert command_line.run([name, "--help"]) == 0

    out = capsys.readouterr().out
    assert out.startswith(f"Usage: sipwright {name} [OPTIONS] [COMMAND [ARGS]...]\n\n  List ")
    assert "\n  Examples:\n" in out
    assert "\nCommands:\n" in out


@pytest.mark.parametrize("path", sorted({path[:-1] for path in commands()}), ids=" ".join)
def test_the_list_of_commands_says_everything_in_one_line_each(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
):
    assert command_line.run([*path, "--help"]) == 0

    assert "..." not in capsys.readouterr().out.partition("Commands:")[2]


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]):
    assert command_line.run(["--version"]) == 0

    assert capsys.readouterr().out == f"sipwright {metadata.version('sipwright')}\n"


def test_nothing_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]):
    assert command_line.run([]) == 2
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

    monkeypatch.setattr(command_line, "make_app", lambda names: fail)

    assert command_line.run(["calls"]) == status
    said = capsys.readouterr().err
    assert said.startswith(f"sipwright: {line}")
    assert said.count("\n") == 1


def test_a_traceback_is_there_for_who_asks(monkeypatch: pytest.MonkeyPatch):
    def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("bad luck")

    monkeypatch.setattr(command_line, "make_app", lambda names: fail)
    monkeypatch.setenv("SIPWRIGHT_TRACEBACK", "1")

    with pytest.raises(RuntimeError, match="bad luck"):
        command_line.run(["calls"])


def test_the_exit_status_is_that_of_the_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(command_line, "make_app", lambda names: lambda **options: 3)
    monkeypatch.setattr("sys.argv", ["sipwright", "calls"])

    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 3
