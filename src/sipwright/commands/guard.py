"""``sipwright guard``: where calls may lead, what they may cost, and which were held back as they are unusual."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import CommandError, Data, Json, group, print_json, print_table, say
from sipwright.tables import clock
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.guard import GuardView
    from sipwright.usecases.unusual_calls import UnusualCallView, UsualView

__all__ = ["app"]

app = group("guard", "Where calls may lead, how many, and what they may cost.")

User = Annotated[str, typer.Argument(metavar="USER", help="Whose calls.")]
MaybeUser = Annotated[
    str | None, typer.Argument(metavar="USER", help="Of this user alone. [default: of everybody]")
]
Destinations = Annotated[
    list[str],
    typer.Argument(
        metavar="WHERE...", help="premium, satellite, high-risk, abroad, unusual, or countries such as SO."
    ),
]


def _number(text: str | None, name: str, none: float | None = None) -> float | None:
    """Read a limit; ``default`` is what the settings say, ``none`` no limit where there is such a thing."""
    if text is None or text == "default":
        return None
    if text == "none" and none is not None:
        return none
    try:
        return float(text)
    except ValueError:
        raise CommandError(f"--{name} takes a number, or 'default', not {text!r}") from None


def _told(data: Path | None, work: Callable[[UseCases, Actor], Awaitable[GuardView]]) -> None:
    view = with_usecases(data, work)
    say(f"changed {view.scope} {view.name}")


@app.command()
def show(
    user: MaybeUser = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Show what users may use, and have used in the last day.

    \b
    Example:
      sipwright guard show alice
    """

    async def work(usecases: UseCases, actor: Actor) -> list[GuardView]:
        if user is not None:
            return [await usecases.guard.show(actor, user)]
        pages = everything(lambda cursor: usecases.guard.list(actor, limit=MOST, cursor=cursor))
        return [one async for one in pages]

    found = with_usecases(data, work)
    if as_json:
        print_json([asdict(view) for view in found])
        return
    heads = (
        "user",
        "open",
        "at once",
        "an hour",
        "minutes",
        "money",
        "calls today",
        "minutes today",
        "spent today",
        "reserved",
    )
    rows = [
        (
            view.name, _where(view), _shown(view.calls_at_once),
            _shown(view.calls_per_hour), _shown(view.minutes_per_day), _shown(view.money_per_day), view.calls,
            view.minutes, view.money, view.reserved,
        )
        for view in found
    ]  # fmt: skip
    print_table(heads, rows, "there are no users")


def _shown(value: Any) -> Any:
    return "default" if value is None else value


@app.command(name="open")
def open_(user: User, where: Destinations, data: Data = None) -> None:
    """Let a user call what is closed at first.

    \b
    Examples:
      sipwright guard open alice premium
      sipwright guard open alice SO satellite
    """
    _say_where(with_usecases(data, lambda usecases, actor: usecases.guard.open(actor, user, where)))


@app.command()
def close(user: User, where: Destinations, data: Data = None) -> None:
    """Let a user call there no more.

    Abroad is all but their own country.

    \b
    Example:
      sipwright guard close alice abroad
    """
    _say_where(with_usecases(data, lambda usecases, actor: usecases.guard.close(actor, user, where)))


def _say_where(view: GuardView) -> None:
    say(f"{view.name} may call: {_where(view)}")


def _where(view: GuardView) -> str:
    """Say where calls of a user may lead; ordinary numbers are open anyway."""
    opened = [name for name in view.destinations if not name.startswith("-")]
    closed = [name.removeprefix("-") for name in view.destinations if name.startswith("-")]
    said = ", ".join(["ordinary numbers", *opened])
    return f"{said}, but not {', '.join(closed)}" if closed else said


@app.command()
def limit(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A user, or with an option an account or a provider.")
    ],
    of_account: Annotated[bool, typer.Option("--account", help="NAME is an account.")] = False,
    of_provider: Annotated[
        bool, typer.Option("--provider", help="NAME is a provider: NAME, or USER/NAME.")
    ] = False,
    at_once: Annotated[
        str | None, typer.Option("--calls-at-once", metavar="N", help="Calls out at once, or default.")
    ] = None,
    per_hour: Annotated[
        str | None,
        typer.Option("--calls-per-hour", metavar="N", help="Calls out begun within an hour, or default."),
    ] = None,
    minutes: Annotated[
        str | None,
        typer.Option("--minutes-per-day", metavar="N", help="Minutes talked within 24 hours, or default."),
    ] = None,
    money: Annotated[
        str | None,
        typer.Option(
            "--money-per-day",
            metavar="X",
            help="What calls may cost within 24 hours, in the money of 'sipwright provider rates': an amount, none "
            "for no limit, or default.",
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Limit the calls that leave; 'default' takes a limit away.

    \b
    Examples:
      sipwright guard limit alice --money-per-day 20 --calls-per-hour 60
      sipwright guard limit blueface --provider --calls-at-once 8
    """
    limits: dict[str, Any] = {}
    for text, option in ((at_once, "calls-at-once"), (per_hour, "calls-per-hour")):
        if text is not None:
            value = _number(text, option)
            limits[option.replace("-", "_")] = None if value is None else int(value)
    if minutes is not None:
        limits["minutes_per_day"] = _number(minutes, "minutes-per-day")
    if money is not None:
        limits["money_per_day"] = _number(money, "money-per-day", -1.0)
    scope = "account" if of_account else "provider" if of_provider else "user"
    _told(data, lambda usecases, actor: usecases.guard.limit(actor, scope, name, limits))


@app.command()
def forgive(user: User, data: Data = None) -> None:
    """Count no more what a user has used today.

    \b
    Example:
      sipwright guard forgive alice
    """
    view = with_usecases(data, lambda usecases, actor: usecases.guard.forgive(actor, user))
    say(f"{view.name} begins anew")


Number = Annotated[int, typer.Argument(metavar="ID", help="As 'sipwright guard unusual' shows it.")]


@app.command()
def unusual(
    user: MaybeUser = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """List calls that were held back, being unusual.

    \b
    Example:
      sipwright guard unusual alice
    """

    async def work(usecases: UseCases, actor: Actor) -> list[UnusualCallView]:
        calls = usecases.unusual_calls
        pages = everything(lambda cursor: calls.list(actor, user=user, limit=MOST, cursor=cursor))
        return [one async for one in pages]

    found = with_usecases(data, work)
    if as_json:
        print_json([asdict(view) for view in found])
        return
    heads = ("id", "user", "to", "place", "why", "times", "last", "state", "code")
    rows = [
        (
            view.id, view.user, view.number, view.place, view.why, view.times, clock(view.last_at), view.state,
            view.code or "",
        )
        for view in found
    ]  # fmt: skip
    print_table(heads, rows, "no call was held back")


@app.command()
def confirm(number: Number, data: Data = None) -> None:
    """Let calls leave that were held back.

    \b
    Example:
      sipwright guard confirm 7
    """
    view = with_usecases(data, lambda usecases, actor: usecases.unusual_calls.confirm(actor, number))
    say(f"calls of {view.user} to {view.place} leave until {clock(view.until_at)}")


@app.command()
def undo(number: Number, data: Data = None) -> None:
    """Hold calls back again that were confirmed.

    \b
    Example:
      sipwright guard undo 7
    """
    view = with_usecases(data, lambda usecases, actor: usecases.unusual_calls.undo(actor, number))
    say(f"calls of {view.user} to {view.place} are held back again")


@app.command()
def usual(
    user: MaybeUser = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Show what is usual for a user.

    \b
    Example:
      sipwright guard usual alice
    """
    view = with_usecases(data, lambda usecases, actor: usecases.unusual_calls.usual(actor, user))
    _print_usual(view, as_json=as_json)


@app.command()
def learn(user: User, as_json: Json = False, data: Data = None) -> None:
    """Learn now what is usual for a user.

    \b
    Example:
      sipwright guard learn alice
    """
    view = with_usecases(data, lambda usecases, actor: usecases.unusual_calls.learn(actor, user))
    _print_usual(view, as_json=as_json)


def _print_usual(view: UsualView, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(view))
    elif not view.calls:
        say(f"nothing is usual for {view.user} yet: that takes 20 calls on 3 days")
    else:
        hours = " ".join(str(hour) for hour, calls in enumerate(view.hours) if calls)
        rows = [
            ("calls", f"{view.calls} on {view.days} days"), ("hours", hours), ("places", ", ".join(view.places)),
            ("at once", view.calls_at_once), ("an hour", view.calls_per_hour),
            ("minutes a day", view.minutes_per_day), ("money a day", view.money_per_day),
            ("longest, s", view.longest_call),
        ]  # fmt: skip
        print_table(("what", f"of {view.user}"), rows, "")
