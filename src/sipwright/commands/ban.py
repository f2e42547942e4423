"""``sipwright ban``: who may not come any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import Data, Json, clock, group, print_json, print_table, say
from sipwright.tables import age
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.bans import BanView

__all__ = ["app"]

app = group("ban", "Who may not come any more.")

Address = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="An address or a network: 198.51.100.7, 2001:db8::/48.")
]
For = Annotated[
    str | None, typer.Option("--for", metavar="AGE", help="For how long: 30m, 12h, 7d. [default: for ever]")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for whoever reads the list.")]


@app.command(name="list")
def list_(as_json: Json = False, data: Data = None) -> None:
    """List who is banned now, the newest first.

    \b
    Example:
      sipwright ban list --json
    """

    async def work(usecases: UseCases, actor: Actor) -> list[BanView]:
        pages = everything(lambda cursor: usecases.bans.list(actor, limit=MOST, cursor=cursor))
        return [one async for one in pages]

    found = with_usecases(data, work)
    if as_json:
        print_json([_as_json(ban) for ban in found])
        return
    rows = (
        (ban.address, ban.reason, ban.by, clock(ban.since), clock(ban.until) or "for ever", ban.times)
        for ban in found
    )
    print_table(("address", "why", "by", "since", "until", "times"), rows, "nobody is banned")


@app.command()
def add(
    address: Address, for_: For = None, reason: Reason = "", as_json: Json = False, data: Data = None
) -> None:
    """Ban an address or a network.

    It gets no answer any more, not even where phones are registered.

    \b
    Examples:
      sipwright ban add 198.51.100.7 --for 12h
      sipwright ban add 198.51.100.0/24 --reason "calls at night"
    """
    seconds = None if for_ is None else age(for_)

    async def work(usecases: UseCases, actor: Actor) -> BanView:
        return await usecases.bans.add(actor, address, reason=reason, seconds=seconds)

    ban = with_usecases(data, work)
    if as_json:
        print_json(_as_json(ban))
        return
    say(f"banned {ban.address}")
    if ban.phones:
        say(f"{ban.phones} phones are registered there, and are cut off with it", is_error=True)


@app.command()
def remove(address: Address, data: Data = None) -> None:
    """Let an address or a network come again.

    \b
    Example:
      sipwright ban remove 198.51.100.7
    """

    async def work(usecases: UseCases, actor: Actor) -> BanView:
        return await usecases.bans.remove(actor, address)

    say(f"removed the ban of {with_usecases(data, work).address}")


def _as_json(ban: BanView) -> dict[str, Any]:
    return {
        "address": ban.address, "reason": ban.reason, "by": ban.by, "since": ban.since, "until": ban.until,
        "times": ban.times,
    }  # fmt: skip
