"""``sipwright dialplan``: the Python scripts that decide where calls go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.common import (
    CommandError,
    Data,
    Json,
    Owner,
    OwnerFilter,
    clock,
    group,
    print_json,
    print_table,
    with_store,
)
from sipwright.commands.dialplan_replay import replay_
from sipwright.commands.dialplan_rules import app as rules
from sipwright.commands.dialplan_try import try_

if TYPE_CHECKING:
    from sipwright.store import Administration, Dialplan

__all__ = ["app"]

app = group("dialplan", "Dialplans: Python scripts that decide where calls go.")
app.command(name="try")(try_)
app.add_typer(rules)
app.command(name="replay")(replay_)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The dialplan.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The script, or - for standard input.")]


@app.command(name="set")
def set_(name: Name, file: File, user: Owner = None, data: Data = None) -> None:
    """Save a script as the next version of a dialplan, and make it live.

    The script is checked first, and is not saved when something is wrong with it. Calls that run already
    stay with the version they began with.

    \b
    Examples:
      sipwright dialplan set main main.py
      sipwright dialplan show main --version 3 | sipwright dialplan set main -
    """
    source = _read(file)
    _refuse_problems(file, source)

    async def work(store: Administration) -> int:
        return await store.set_dialplan(user, name, source)

    typer.echo(f"dialplan {name} is at version {with_store(data, work)} now")


@app.command()
def check(file: File) -> None:
    """Check a script, without saving it: its syntax, and the types and names that it uses."""
    source = _read(file)
    _refuse_problems(file, source)
    typer.echo(f"{file}: nothing wrong")


@app.command(name="list")
def list_(user: OwnerFilter = None, as_json: Json = False, data: Data = None) -> None:
    """List dialplans with their live versions."""

    async def work(store: Administration) -> list[dict[str, Any]]:
        users = {found.id: found.name for found in await store.list_users()}
        return [
            {
                "dialplan": plan.name,
                "user": users.get(plan.user_id),
                "version": plan.version,
                "lines": plan.source.count("\n") + (not plan.source.endswith("\n")),
            }
            for plan in await store.list_dialplans(user)
        ]

    rows = with_store(data, work)
    if as_json:
        print_json(rows)
        return
    heads = ("dialplan", "user", "version", "lines")
    empty = "no dialplans yet; 'sipwright dialplan set NAME FILE' makes one"
    print_table(heads, (list(row.values()) for row in rows), empty)


@app.command()
def show(
    name: Name,
    user: Owner = None,
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", help="An older version. [default: the live one]")
    ] = None,
    versions: Annotated[bool, typer.Option("--versions", help="List the versions instead.")] = False,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Print the script of a dialplan."""

    async def work(store: Administration) -> tuple[Dialplan, list[dict[str, Any]]]:
        live = await store.find_dialplan(name, user)
        history = [
            {"version": one.version, "created_at": one.created_at, "live": one.is_live}
            for one in await store.list_dialplan_versions(live)
        ]
        return await store.find_dialplan(name, user, version), history

    plan, history = with_store(data, work)
    if as_json:
        print_json(
            {"dialplan": plan.name, "version": plan.version, "source": plan.source, "versions": history}
        )
    elif versions:
        rows = ((one["version"], clock(one["created_at"]), "live" if one["live"] else "") for one in history)
        print_table(("version", "saved", ""), rows, "")
    else:
        typer.echo(plan.source, nl=False)


@app.command()
def rollback(
    name: Name,
    version: Annotated[
        int | None,
        typer.Argument(metavar="VERSION", help="Which one. [default: the one before the live one]"),
    ] = None,
    user: Owner = None,
    data: Data = None,
) -> None:
    """Make an older version of a dialplan live again.

    Calls that run already stay with the version they began with, and no version is lost: the next script that is
    saved gets the next number.
    """

    async def work(store: Administration) -> Dialplan:
        return await store.roll_back_dialplan(user, name, version)

    typer.echo(f"dialplan {name} is at version {with_store(data, work).version} again")


@app.command()
def remove(name: Name, user: Owner = None, data: Data = None) -> None:
    """Remove a dialplan that no account runs, with all its versions."""

    async def work(store: Administration) -> Dialplan:
        return await store.remove_dialplan(name, user)

    typer.echo(f"removed {with_store(data, work).name}")


def _read(file: Path) -> str:
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except FileNotFoundError:
        raise CommandError(f"there is no file {file}") from None
    except IsADirectoryError:
        raise CommandError(f"{file} is a folder; name the script in it") from None
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not UTF-8 text; save it as UTF-8") from None


def _refuse_problems(file: Path, source: str) -> None:
    from sipwright.services.dialplan.check import check_script

    problems = check_script(source)
    if not problems:
        return
    for problem in problems[1:]:
        typer.echo(f"{file}:{problem.line}:{problem.column}: {problem.message}")
    first = problems[0]
    more = f" (and {len(problems) - 1} more, listed above)" if len(problems) > 1 else ""
    raise CommandError(f"{file}:{first.line}:{first.column}: {first.message}{more}")
