"""``guard``: calls that were held back as they are unlike all others of a user, to be confirmed by them."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from sipwright.console.commands.command import Parser
from sipwright.console.commands.request import Request, UsageError
from sipwright.tables import clock
from sipwright.usecases.page import MOST, everything

__all__ = ["arguments", "guard"]

_HEADS = ("id", "user", "to", "place", "why", "times", "last", "state", "code")


def arguments(parser: Parser) -> None:
    """Take what is to be done, and which call it is about."""
    parser.add_argument(
        "action", metavar="ACTION", nargs="?", choices=("list", "confirm", "undo"), default="list"
    )
    parser.add_argument("number", metavar="ID", nargs="?", type=int)
    parser.add_argument("--user", metavar="U")
    parser.add_argument("--json", action="store_true")


async def guard(request: Request, given: Namespace) -> None:
    """List what was held back, let calls there leave, or hold them back again."""
    uses, actor = request.usecases.unusual_calls, request.actor
    if given.action == "list":
        await _list(request, given)
        return
    if given.number is None:
        raise UsageError(f"which one? type 'guard {given.action} ID', as 'guard' shows it")
    if given.action == "confirm":
        view = await uses.confirm(actor, given.number)
        await request.say(f"calls of {view.user} to {view.place} leave until {clock(view.until_at)}")
    else:
        view = await uses.undo(actor, given.number)
        await request.say(f"calls of {view.user} to {view.place} are held back again")


async def _list(request: Request, given: Namespace) -> None:
    uses = request.usecases.unusual_calls
    found = everything(lambda cursor: uses.list(request.actor, user=given.user, limit=MOST, cursor=cursor))
    if given.json:
        await request.json_list(asdict(view) async for view in found)
        return
    rows = [
        (
            view.id, view.user, view.number, view.place, view.why, view.times, clock(view.last_at), view.state,
            view.code or "",
        )
        async for view in found
    ]  # fmt: skip
    await request.table(_HEADS, rows, "no call was held back")
