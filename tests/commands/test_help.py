"""How commands describe themselves: as manual pages do."""

from __future__ import annotations

import re
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from commands.test_main import commands
from sipwright.commands import __main__ as command_line
from sipwright.commands.help import Command, as_manual

COMMANDS = commands()


def say(
    word: Annotated[str, typer.Argument(metavar="WORD", help="What is said.")],
    often: Annotated[int | None, typer.Argument(metavar="N", help="How often. [default: once]")] = None,
    loud: Annotated[bool, typer.Option("--loud", help="Say it loudly.")] = False,
) -> None:
    """Say a word."""


def test_arguments_stand_there_as_they_are_typed():
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command()(say)

    assert CliRunner().invoke(as_manual(app), ["--help"], prog_name="say").output == (
        "Usage: say [OPTIONS] WORD [N]\n\n  Say a word.\n\n"
        "Arguments:\n  WORD  What is said.\n  N     How often. [default: once]\n\n"
        "Options:\n  --loud  Say it loudly.\n  --help  Show this message and exit.\n"
    )


def test_the_commands_of_groups_are_described_so_too():
    outer, inner = typer.Typer(), typer.Typer(name="inner")
    inner.command()(say)
    outer.add_typer(inner)

    as_manual(outer)

    assert inner.registered_commands[0].cls is Command


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_no_command_shows_the_types_and_defaults_of_python(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
):
    command_line.run([*path, "--help"])

    out = capsys.readouterr().out
    usage = out.partition("\n")[0]
    assert not re.search(r"[{}<>]|\[\[", usage)
    assert not re.search(r"<(str|int|float|path|list)", out)
    assert not re.search(r"\[default:[^\]]*\]\s+\[default:", out)
