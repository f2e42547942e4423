"""Every command that is written somewhere is there, with the options that stand beside it."""

from __future__ import annotations

import re
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import typer

from sipwright.commands import __main__ as command_line

ROOT = Path(__file__).parents[2]
TEXTS = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "src").rglob("*.py"),
    ]
)

WRITTEN = re.compile(r"(?:`+|'|\"|^ +(?:\$ )?|\bPATH )sipwright ((?:--)?[a-z][^`'\"\n#;&<>{]*)", re.MULTILINE)
"""A command as it is written: in quotes of some kind, or on a line of its own."""


@cache
def table() -> Any:
    return typer.main.get_command(command_line.make_app())


def names_of(command: Any) -> set[str]:
    return {"--help", *(name for one in command.params for name in (*one.opts, *one.secondary_opts))}


def wrong_in(text: str, group: Any) -> list[str]:
    """Return what a text writes that is not there."""
    wrong = []
    for written in WRITTEN.findall(text):
        words = written.replace("\\\n", " ").split()
        for chosen in product(*(word.strip(",.:)").split("|") for word in words[:3])):
            command, left = group, [*chosen, *words[3:]]
            while left and hasattr(command, "commands") and left[0] in command.commands:
                command = command.commands[left.pop(0)]
            if command is group and not left[0].startswith("--"):
                wrong.append(f"{written}: no command {left[0]}")
            options = re.findall(r"(?<![\w-])--[a-z][a-z-]*", " ".join(left))
            wrong += [f"{written}: no option {name}" for name in options if name not in names_of(command)]
    return wrong


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_command_that_is_written_is_there(path: Path):
    text = path.read_text()
    if "sipwright " not in text:
        return

    assert wrong_in(text, table()) == []


def test_what_is_not_there_is_seen():
    group = table()

    assert wrong_in("type `sipwright fly --high`", group) == [
        "fly --high: no command fly",
        "fly --high: no option --high",
    ]
    assert wrong_in("    sipwright provider add x --sever y\n", group) == [
        "provider add x --sever y: no option --sever"
    ]
    assert wrong_in("`sipwright account add|set --in PLAN`, 'sipwright --version'", group) == []


def all_commands(group: Any = None, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the commands by what is typed."""
    found = {}
    for name, command in (group or table()).commands.items():
        inner = hasattr(command, "commands")
        found |= all_commands(command, (*path, name)) if inner else {" ".join((*path, name)): command}
    return found


COMMANDS = all_commands()


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_says_what_it_does_and_takes(words: str):
    said_nothing = [
        one.name
        for one in COMMANDS[words].params
        if one.name != "help"
        and (not one.help or not (one.metavar or getattr(one, "is_flag", False)) or one.help[-1] not in ".])")
    ]

    assert said_nothing == []
