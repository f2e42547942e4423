"""``sipwright provider rates``: what a provider takes for calls."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import CommandError, Data, Json, Owner, print_json, print_table, say
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.guard import RateView

__all__ = ["rates"]


def rates(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The provider.")],
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE.csv", help="Lines of prefix,per_minute,connection.")
    ] = None,
    user: Owner = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Say what a provider takes for calls, or show it.

    The file replaces what was there; an empty one takes it away. The longest prefix counts, * is all others.

    \b
    Example:
      sipwright provider rates blueface rates.csv
    """
    if file is not None:
        lines = _read(file)
        number = with_usecases(
            data, lambda usecases, actor: usecases.guard.set_rates(actor, name, lines, user)
        )
        say(f"{name} has rates for {number} prefixes")
        return

    async def work(usecases: UseCases, actor: Actor) -> list[RateView]:
        pages = everything(lambda cursor: usecases.guard.rates(actor, name, user, limit=MOST, cursor=cursor))
        return [one async for one in pages]

    found = with_usecases(data, work)
    if as_json:
        print_json(
            [
                {"prefix": rate.prefix, "per_minute": rate.per_minute, "connection": rate.connection}
                for rate in found
            ]
        )
        return
    rows = [(rate.prefix or "*", rate.per_minute, rate.connection) for rate in found]
    print_table(("prefix", "per minute", "connection"), rows, f"no rates of {name} are known")


def _read(file: Path) -> list[tuple[str, str, str]]:
    """Read a file of rates; a head that names the columns may come first."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not UTF-8 text") from None
    delimiter = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    lines: list[tuple[str, str, str]] = []
    for number, parts in enumerate(csv.reader(text.splitlines(), delimiter=delimiter), 1):
        cells = [part.strip() for part in parts]
        if not any(cells) or cells[0].startswith("#") or (not lines and cells[0].lower() == "prefix"):
            continue
        if len(cells) not in (2, 3):
            raise CommandError(f"{file}, line {number}: write prefix,per_minute,connection")
        lines.append((cells[0], cells[1], cells[2] if len(cells) == 3 else "0"))
    return lines
