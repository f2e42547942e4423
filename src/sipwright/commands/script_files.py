"""The scripts that commands name: a file, rules in ``.toml``, standard input, or a stored dialplan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import CommandError, data_dir

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.rehearsals import Script

__all__ = ["Plan", "compile_file", "is_file", "plan_of", "read_script", "read_text"]

Plan = Annotated[str, typer.Argument(metavar="PLAN", help="A dialplan by name, or a file.")]


def read_text(file: Path, what: str = "script") -> str:
    """Read a text file, or standard input for ``-``."""
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except FileNotFoundError:
        raise CommandError(f"there is no file {file}") from None
    except IsADirectoryError:
        raise CommandError(f"{file} is a folder; name the {what} in it") from None
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not UTF-8 text; save it as UTF-8") from None


def read_script(file: Path) -> str:
    """Read a script, or the script that rules (``.toml``) become."""
    return compile_file(file) if file.suffix == ".toml" else read_text(file)


def compile_file(file: Path) -> str:
    """Read rules, and return the script that they become."""
    from sipwright.services.dialplan.language.rules import RulesError, compile_rules, read_rules

    try:
        return compile_rules(read_rules(read_text(file, "rules")))
    except RulesError as error:
        raise CommandError(f"{file}: {error}") from None


def is_file(plan: str) -> bool:
    """Return whether what was named is a file, there or not, and no stored dialplan."""
    path = Path(plan)
    return plan == "-" or path.suffix in (".py", ".toml") or "/" in plan or path.exists()


def plan_of(plan: str, user: str | None, data: Path | None) -> Script:
    """Return a script, and what it lives among: a file is tried like a dialplan of that user in the data folder.

    A file needs no data folder: without one, its owner is called admin and no account has an in dialplan.
    """
    from sipwright.store.admin import dialplans
    from sipwright.testing.plans import InPlans, PretendedPlan
    from sipwright.testing.scripts import beside
    from sipwright.usecases import rehearsals
    from sipwright.usecases.rehearsals import Script

    path = Path(plan) if is_file(plan) else None
    source = None if path is None else read_script(path)
    if (
        path is not None
        and source is not None
        and data is None
        and not (data_dir(data) / "sipwright.toml").is_file()
    ):
        draft = PretendedPlan.of_text(source, path.stem, beside([path.parent]))
        return Script(draft, user or "admin", "UTC", "", InPlans(), frozenset(), {}, {})

    async def work(usecases: UseCases, actor: Actor) -> Script:
        def read(connection: Connection) -> Script:
            found = dialplans.find(connection, whose, plan) if path is None else None
            name = plan if path is None else path.stem
            folders = [] if path is None else [path.parent]
            return rehearsals.read_script(
                connection, keys, actor, found, source, name, whose, beside(folders)
            )

        whose, keys = user or actor.name, usecases.ground.keys
        return await usecases.ground.read(read)

    return with_usecases(data, work)
