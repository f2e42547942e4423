"""What there is: ``calls``, ``bindings``, ``providers``, ``cdrs``; what a user sees of it is theirs."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from sipwright.console.commands.command import Parser
from sipwright.console.commands.request import Request, UsageError
from sipwright.tables import age
from sipwright.usecases.cdrs import CdrFilter
from sipwright.usecases.errors import without_command
from sipwright.usecases.listed import BINDINGS, CALLS, CDRS, LEGS, PARTS, PROVIDERS, Listed
from sipwright.usecases.page import MOST, everything

__all__ = [
    "bindings",
    "call_arguments",
    "calls",
    "cdr_arguments",
    "cdrs",
    "listing_arguments",
    "provider_arguments",
    "providers",
]

T = TypeVar("T")

USUAL_CDRS = 50
_ON_SCREEN = 10_000
"""Rows of a table: it is made whole, since its columns are as wide as what stands in them. JSON has no such bound."""


def call_arguments(parser: Parser) -> None:
    """Take what narrows calls, and whether each of their parts is listed."""
    listing_arguments(parser)
    parser.add_argument("--legs", action="store_true")


def listing_arguments(parser: Parser) -> None:
    """Take what narrows calls and bindings."""
    parser.add_argument("--account", metavar="NAME")
    provider_arguments(parser)


def provider_arguments(parser: Parser) -> None:
    """Take what narrows providers."""
    parser.add_argument("--user", metavar="U")
    parser.add_argument("--json", action="store_true")


def cdr_arguments(parser: Parser) -> None:
    """Take what narrows CDRs."""
    call_arguments(parser)
    parser.add_argument("--limit", metavar="N", type=int, default=USUAL_CDRS)
    parser.add_argument("--since", metavar="AGE")


async def calls(request: Request, given: Namespace) -> None:
    """List the calls in progress, the oldest first."""
    await _expect(request, given)
    found = everything(
        lambda cursor: request.usecases.calls.list(
            request.actor, user=given.user, account=given.account, parts=given.legs, limit=MOST, cursor=cursor
        )
    )
    await _print(request, PARTS if given.legs else CALLS, found, as_json=given.json)


async def bindings(request: Request, given: Namespace) -> None:
    """List registered phones."""
    await _expect(request, given)
    found = everything(
        lambda cursor: request.usecases.bindings.list(
            request.actor, user=given.user, account=given.account, limit=MOST, cursor=cursor
        )
    )
    await _print(request, BINDINGS, found, as_json=given.json)


async def providers(request: Request, given: Namespace) -> None:
    """List providers with their states."""
    found = everything(
        lambda cursor: request.usecases.providers.list(
            request.actor, user=given.user, limit=MOST, cursor=cursor
        )
    )
    await _print(request, PROVIDERS, found, as_json=given.json)


async def cdrs(request: Request, given: Namespace) -> None:
    """List call detail records, the newest first."""
    await _expect(request, given)
    if given.limit < 1:
        raise UsageError(f"--limit takes a number from 1 on, not {given.limit}")
    since = None if given.since is None else time.time() - age(given.since)
    which = CdrFilter(from_=since, user=given.user, account=given.account, by_call=not given.legs)
    found = everything(
        lambda cursor: request.usecases.cdrs.list(
            request.actor, which, limit=min(MOST, given.limit), cursor=cursor
        ),
        given.limit,
    )
    await _print(request, LEGS if given.legs else CDRS, found, as_json=given.json)


async def _expect(request: Request, given: Namespace) -> None:
    if given.account is not None:
        await request.usecases.accounts.expect(request.actor, given.account)


async def _print(request: Request, listed: Listed[T], found: AsyncIterator[T], *, as_json: bool) -> None:
    if as_json:
        await request.json_list(listed.row(item) async for item in found)
        return
    rows: list[tuple[Any, ...]] = []
    async for item in found:
        if len(rows) == _ON_SCREEN:
            await request.say(
                f"only the first {_ON_SCREEN} are shown; narrow it, or take --json", is_error=True
            )
            break
        rows.append(listed.cells(item))
    await request.table(listed.heads, rows, without_command(listed.empty))
