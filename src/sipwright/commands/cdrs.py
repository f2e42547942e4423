"""``sipwright cdrs``: what became of calls, one line for each, or a record for each leg."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import (
    AccountFilter,
    CommandError,
    Data,
    Json,
    OwnerFilter,
    print_csv,
    print_json,
    print_table,
)
from sipwright.printable import printable
from sipwright.tables import moment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.cdrs import CdrView

__all__ = ["cdrs"]

USUAL = 50

_SHOWN = (
    "id", "call", "call_id", "leg", "direction", "account_id", "user_id", "from_uri", "to_uri", "target", "dialplan",
    "dialplan_version", "started_at", "rang_at", "answered_at", "ended_at", "status", "reason", "hung_up_by",
    "sip_call_id", "execution_id", "account", "user",
)  # fmt: skip


def cdrs(
    user: OwnerFilter = None,
    account: AccountFilter = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", metavar="N", min=1, help="How many, the newest first. [default: 50, with --csv all]"
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="WHEN", help="Only those begun since then: 30m, 12h or 7d ago, or 2026-11-01."
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="WHEN", help="Only those begun before then, likewise."),
    ] = None,
    find: Annotated[
        str | None,
        typer.Option(
            "--find", metavar="TEXT", help="Only those with this in an address: 0871234567, @line1, 101@."
        ),
    ] = None,
    legs: Annotated[
        bool, typer.Option("--legs", help="The record of each leg of a call; number 0 is the caller.")
    ] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, as the pages and the REST API export it.")
    ] = False,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """List the call detail records, the newest first.

    They say what became of calls. A call is one line: who called whom, who answered, and for how long they talked.
    With --legs it is one for each end that it had, also between the dialplans of this switch that it has passed;
    'call' is the id that they have in common. 'sipwright trace CALL' shows what a call did.

    \b
    Examples:
      sipwright cdrs --limit 10
      sipwright cdrs --account alice --since 1h
      sipwright cdrs --limit 100000 --json > cdrs.json
      sipwright cdrs --since 2026-11-01 --until 2026-12-01 --csv > november.csv
      sipwright cdrs --legs --find @line1 --since 2026-11-01 --until 2026-12-01
    """
    if as_csv and as_json:
        raise CommandError("--csv or --json: one of them")
    now = time.time()
    earliest, latest = (None if when is None else moment(when, now) for when in (since, until))

    most = limit or (None if as_csv else USUAL)

    async def chosen(usecases: UseCases, actor: Actor) -> AsyncIterator[CdrView]:
        from sipwright.usecases.cdrs import CdrFilter

        if account is not None:
            await usecases.accounts.expect(actor, account)
        which = CdrFilter(from_=earliest, to=latest, user=user, account=account, q=find, by_call=not legs)
        count = 0
        async for one in usecases.cdrs.rows(actor, which):
            yield one
            count += 1
            if count == most:
                return

    async def work(usecases: UseCases, actor: Actor) -> list[CdrView]:
        if not as_csv:
            return [one async for one in chosen(usecases, actor)]
        from sipwright.usecases.cdr_csv import csv_lines

        async for part in csv_lines(chosen(usecases, actor), printable):
            print_csv(part)
        return []

    found = with_usecases(data, work)
    if as_csv:
        return
    if as_json:
        shown = _SHOWN if legs else (*_SHOWN, "answered_by", "talked")
        print_json([{name: getattr(one, name) for name in shown} for one in found])
        return
    from sipwright.usecases.listed import CDRS, LEGS

    listed = LEGS if legs else CDRS
    print_table(listed.heads, map(listed.cells, found), listed.empty)
