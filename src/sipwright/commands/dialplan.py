"""``sipwright dialplan``: the Python scripts that decide where calls go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import (
    CommandError,
    Data,
    Json,
    Owner,
    OwnerFilter,
    clock,
    data_dir,
    group,
    print_json,
    print_script,
    print_table,
    say,
)
from sipwright.commands.dialplan_replay import replay_
from sipwright.commands.dialplan_rules import app as rules
from sipwright.commands.dialplan_try import try_
from sipwright.commands.script_files import Plan, is_file, plan_of, read_text
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.dialplans import DialplanDetail, DialplanView, VersionView

__all__ = ["app"]

app = group("dialplan", "Python scripts that decide where calls go.")
app.command(name="try")(try_)
app.add_typer(rules)
app.command(name="replay")(replay_)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The dialplan.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The script, or - for standard input.")]


@app.command(name="set")
def set_(name: Name, file: File, user: Owner = None, data: Data = None) -> None:
    """Save a script as a dialplan, live at once.

    It becomes the next version of the dialplan. It is checked first, and is not saved when something is wrong with
    it. Calls that run already stay with the version they began with.

    It may import other dialplans of its owner ('from plans.common import groups'). Where one that others import lacks
    now what they use, that is said, and it is saved all the same.

    \b
    Examples:
      sipwright dialplan set main main.py
      sipwright dialplan show main --version 3 | sipwright dialplan set main -
    """
    source = read_text(file)

    async def work(usecases: UseCases, actor: Actor) -> DialplanDetail:
        whose = user or actor.name
        problems = await usecases.dialplans.check(actor, source, name=name, user=whose)
        _refuse(_shown(str(file), [one for one in problems if one.certain]))
        return await usecases.dialplans.put(actor, name, source, user=whose)

    saved = with_usecases(data, work)
    say(f"dialplan {name} is at version {saved.version} now")
    _warn(saved.warnings)


@app.command()
def check(plan: Plan, user: Owner = None, as_json: Json = False, data: Data = None) -> None:
    """Check a script, without saving it.

    Its syntax is checked, the types and names that it uses, and the dial strings, headers, statuses and times that
    it writes out; nothing of it is run. So are headers that it reads though nobody has to send them: such a script
    can be saved, with a warning. PLAN is a file (- for standard
    input, .toml for rules), or the name of a stored dialplan, such as one that was saved by an older release. What a
    file imports stands beside it, or else among the stored dialplans.

    Exit status: 0 if nothing is wrong with it, 1 otherwise.

    \b
    Examples:
      sipwright dialplan check main.py
      sipwright dialplan check main --data /srv/sipwright
    """
    problems = _shown(plan, _problems(plan, user, data))
    if as_json:
        print_json({"plan": plan, "problems": problems}, {"message"})
        if problems:
            raise CommandError(f"{plan} has {len(problems)} mistake{'s' if len(problems) > 1 else ''}")
    else:
        _refuse(problems)
        say(f"{plan}: nothing wrong")


@app.command(name="list")
def list_(user: OwnerFilter = None, as_json: Json = False, data: Data = None) -> None:
    """List dialplans with their live versions.

    \b
    Example:
      sipwright dialplan list --user carol --json
    """

    async def work(usecases: UseCases, actor: Actor) -> list[DialplanView]:
        pages = everything(
            lambda cursor: usecases.dialplans.list(actor, user=user, limit=MOST, cursor=cursor)
        )
        return [one async for one in pages]

    names = ("dialplan", "user", "version", "lines")
    rows = [{name: getattr(one, name) for name in names} for one in with_usecases(data, work)]
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
    """Print the script of a dialplan.

    \b
    Examples:
      sipwright dialplan show main > main.py
      sipwright dialplan show main --versions
    """

    async def work(usecases: UseCases, actor: Actor) -> tuple[DialplanDetail, list[VersionView]]:
        whose = user or actor.name
        pages = everything(
            lambda cursor: usecases.dialplans.versions(actor, name, user=whose, limit=MOST, cursor=cursor)
        )
        history = [one async for one in pages]
        return await usecases.dialplans.get(actor, name, version=version, user=whose), history[::-1]

    plan, history = with_usecases(data, work)
    if as_json:
        saved = [{"version": one.version, "created_at": one.saved_at, "live": one.live} for one in history]
        print_json(
            {"dialplan": name, "version": plan.version, "source": plan.source, "versions": saved}, {"source"}
        )
    elif versions:
        rows = ((one.version, clock(one.saved_at), "live" if one.live else "") for one in history)
        print_table(("version", "saved", ""), rows, "")
    else:
        print_script(plan.source)


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
    """Make an older version live again.

    Calls that run already stay with the version they began with, and no version is lost: the next script that is
    saved gets the next number.

    \b
    Examples:
      sipwright dialplan rollback main
      sipwright dialplan rollback main 3
    """

    async def work(usecases: UseCases, actor: Actor) -> tuple[DialplanView, tuple[str, ...]]:
        whose = user or actor.name
        live = await usecases.dialplans.rollback(actor, name, version, user=whose)
        return live, await usecases.dialplans.warnings(actor, name, user=whose)

    live, warnings = with_usecases(data, work)
    say(f"dialplan {name} is at version {live.version} again")
    _warn(warnings)


@app.command()
def remove(name: Name, user: Owner = None, data: Data = None) -> None:
    """Remove a dialplan and its versions.

    A dialplan that an account or a provider still names, or that another one imports, stays.

    \b
    Example:
      sipwright dialplan remove main
    """

    async def work(usecases: UseCases, actor: Actor) -> DialplanView:
        return await usecases.dialplans.remove(actor, name, user=user or actor.name)

    say(f"removed {with_usecases(data, work).dialplan}")


def _problems(plan: str, user: str | None, data: Path | None) -> Iterable[Any]:
    """Return what is wrong with a script, among what it lives among; a file needs no data folder."""
    from sipwright.services.dialplan.checking.check import check_script
    from sipwright.services.dialplan.checking.doubts import doubts
    from sipwright.testing.scripts import beside

    found = plan_of(plan, user, data)
    source, name = found.plan.source, found.plan.name
    find = beside([Path(plan).parent] if is_file(plan) else [])
    if is_file(plan) and data is None and not (data_dir(data) / "sipwright.toml").is_file():
        return check_script(source, find=find, name=name) or doubts(source)

    async def work(usecases: UseCases, actor: Actor) -> Iterable[Any]:
        whose = user or actor.name
        wanted = name if name in found.drafts else None
        return await usecases.dialplans.check(actor, source, name=wanted, user=whose, beside=find)

    return with_usecases(data, work)


def _shown(file: str, problems: Iterable[Any]) -> list[dict[str, Any]]:
    return [
        {"file": file, "line": one.line, "column": one.column, "message": one.message} for one in problems
    ]


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        say(f"sipwright: warning: {warning}", is_error=True)


def _refuse(problems: list[dict[str, Any]]) -> None:
    if not problems:
        return
    first, *others = ("{file}:{line}:{column}: {message}".format(**one) for one in problems)
    for other in others:
        say(other)
    raise CommandError(first + (f" (and {len(others)} more, listed above)" if others else ""))
