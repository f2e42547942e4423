"""``bans``: who may not come any more; an admin's."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from sipwright.console.commands.command import Parser
from sipwright.console.commands.request import Request, UsageError
from sipwright.tables import age, clock
from sipwright.usecases.bans import BanView
from sipwright.usecases.page import MOST, everything

__all__ = ["arguments", "bans"]

_HEADS = ("address", "why", "by", "since", "until", "times")


def arguments(parser: Parser) -> None:
    """Take what is to be done, and whom it is about."""
    parser.add_argument(
        "action", metavar="ACTION", nargs="?", choices=("list", "add", "remove"), default="list"
    )
    parser.add_argument("address", metavar="ADDRESS", nargs="?")
    parser.add_argument("--for", metavar="AGE", dest="for_")
    parser.add_argument("--reason", metavar="TEXT", default="")
    parser.add_argument("--json", action="store_true")


async def bans(request: Request, given: Namespace) -> None:
    """List who is banned, ban somebody, or let them come again."""
    uses, actor = request.usecases.bans, request.actor
    if given.action == "list":
        await _list(request, given)
        return
    if given.address is None:
        raise UsageError(f"whom? type 'bans {given.action} ADDRESS'")
    if given.action == "add":
        seconds = None if given.for_ is None else age(given.for_)
        ban = await uses.add(actor, given.address, reason=given.reason, seconds=seconds)
        await request.say(f"banned {ban.address}")
        if ban.phones:
            await request.say(
                f"{ban.phones} phones are registered there, and are cut off with it", is_error=True
            )
    else:
        ban = await uses.remove(actor, given.address)
        await request.say(f"removed the ban of {ban.address}")


async def _list(request: Request, given: Namespace) -> None:
    found = everything(lambda cursor: request.usecases.bans.list(request.actor, limit=MOST, cursor=cursor))
    if given.json:
        await request.json_list(_as_json(ban) async for ban in found)
        return
    rows = [
        (ban.address, ban.reason, ban.by, clock(ban.since), clock(ban.until) or "for ever", ban.times)
        async for ban in found
    ]
    await request.table(_HEADS, rows, "nobody is banned")


def _as_json(ban: BanView) -> dict[str, Any]:
    return {
        "address": ban.address, "reason": ban.reason, "by": ban.by, "since": ban.since, "until": ban.until,
        "times": ban.times,
    }  # fmt: skip
