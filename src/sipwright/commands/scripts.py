"""The scripts that commands name: a file, rules in ``.toml``, standard input, or a stored dialplan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from sipwright.commands.common import CommandError, with_store

if TYPE_CHECKING:
    from sipwright.store import Administration
    from sipwright.testing.stage import PretendedPlan

__all__ = ["Plan", "Script", "is_file", "plan_of", "read_script", "read_text"]

Plan = Annotated[str, typer.Argument(metavar="PLAN", help="A dialplan by name, or a file.")]


class Script(NamedTuple):
    """A script with whose it is; `domain` is empty when it came from a file."""

    plan: PretendedPlan
    owner: str
    timezone: str
    domain: str


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
    if file.suffix != ".toml":
        return read_text(file)
    from sipwright.services.dialplan.rules import RulesError, compile_rules, read_rules

    try:
        return compile_rules(read_rules(read_text(file, "rules")))
    except RulesError as error:
        raise CommandError(f"{file}: {error}") from None


def is_file(plan: str) -> bool:
    """Claim that what was named is a file, there or not, and no stored dialplan."""
    path = Path(plan)
    return plan == "-" or path.suffix in (".py", ".toml") or "/" in plan or path.exists()


def plan_of(plan: str, user: str | None, data: Path | None, version: int | None = None) -> Script:
    """Return a script with its owner, the owner's time zone and the domain: a file, or a stored dialplan."""
    from sipwright.testing.stage import PretendedPlan

    if is_file(plan):
        return Script(PretendedPlan(read_script(Path(plan)), Path(plan).stem), "admin", "UTC", "")

    async def work(store: Administration) -> Script:
        found = await store.find_dialplan(plan, user, version)
        owner = next(one for one in await store.list_users() if one.id == found.user_id)
        domain = next((one.name for one in await store.list_domains() if one.is_default), "")
        stored = PretendedPlan(found.source, found.name, found.id, found.user_id, found.version)
        return Script(stored, owner.name, owner.timezone, domain)

    return with_store(data, work)
