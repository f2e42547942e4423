"""``members``: the accounts that an account is a list of, for phones that watch lists."""

from __future__ import annotations

from argparse import Namespace

from sipwright.console.commands.command import Parser
from sipwright.console.commands.request import Request, UsageError

__all__ = ["arguments", "members"]


def arguments(parser: Parser) -> None:
    """Take the account, and its members if they are to change."""
    parser.add_argument("account", metavar="ACCOUNT")
    parser.add_argument("members", metavar="MEMBER", nargs="*")
    parser.add_argument("--none", action="store_true")
    parser.add_argument("--json", action="store_true")


async def members(request: Request, given: Namespace) -> None:
    """Show, or set, the accounts that an account is a list of."""
    if given.members and given.none:
        raise UsageError("name members or --none, not both")
    accounts, actor = request.usecases.accounts, request.actor
    if given.members or given.none:
        found = await accounts.set_members(actor, given.account, given.members)
    else:
        found = (await accounts.get(actor, given.account)).account.members
    if given.json:
        await request.json([{"account": each} for each in found])
    elif found:
        await request.say(*found)
    else:
        await request.say("it is no list", is_error=True)
