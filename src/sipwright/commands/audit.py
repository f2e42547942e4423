"""``sipwright audit``: who has changed what."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import Data, Json, clock, print_json, print_table
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.audit import AuditRow

__all__ = ["audit"]


def audit(
    user: Annotated[str | None, typer.Option("--user", metavar="U", help="Only what this user did.")] = None,
    action: Annotated[
        str | None,
        typer.Option("--action", metavar="A", help="Only what begins so: accounts. or users.remove."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many of the newest.")] = 50,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Who has changed what, the newest first.

    Each row says when, who, by which face and from where, to what, and what is different now.

    \b
    Examples:
      sipwright audit --user carol
      sipwright audit --action accounts. --limit 500 --json
    """

    async def work(usecases: UseCases, actor: Actor) -> list[AuditRow]:
        most = min(limit, MOST)
        pages = everything(
            lambda cursor: usecases.audit.list(actor, user=user, action=action, limit=most, cursor=cursor),
            limit,
        )
        return [row async for row in pages]

    rows = with_usecases(data, work)
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    lines = (
        (clock(row.at), row.user, row.face, row.address, row.action, row.subject, _change(row))
        for row in rows
    )
    heads = ("at", "user", "face", "address", "action", "what", "change")
    is_narrowed = user is not None or action is not None
    print_table(heads, lines, "no change fits that" if is_narrowed else "nobody has changed anything yet")


def _change(row: AuditRow) -> str:
    """Say what differs, or what there is now."""
    before, after = row.before or {}, row.after or {}
    if before and after:
        return ", ".join(f"{name}: {before.get(name)} -> {after.get(name)}" for name in after)
    return ", ".join(f"{name}: {value}" for name, value in (after or before).items() if value is not None)
