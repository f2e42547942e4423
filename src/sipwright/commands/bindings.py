"""``sipwright bindings``: where phones can be reached now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import (
    AccountFilter,
    Data,
    Json,
    OwnerFilter,
    print_json,
    print_table,
)
from sipwright.commands.control import say_when_away
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.bindings import BindingView

__all__ = ["bindings", "shown"]


_SHOWN = (
    "account", "contact", "q", "source", "path", "expires_at", "user_agent", "instance", "updated_at",
)  # fmt: skip


def bindings(
    user: OwnerFilter = None,
    account: AccountFilter = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """List registered phones.

    Shown are the contact of each, the socket that it registered from, and the seconds left.

    \b
    Examples:
      sipwright bindings --account alice
      sipwright bindings --json | jq length
    """

    async def work(usecases: UseCases, actor: Actor) -> list[BindingView]:
        if account is not None:
            await usecases.accounts.expect(actor, account)
        pages = everything(
            lambda cursor: usecases.bindings.list(
                actor, user=user, account=account, limit=MOST, cursor=cursor
            )
        )
        found = [one async for one in pages]
        return sorted(found, key=lambda one: (one.account, one.updated_at))

    found = with_usecases(data, work)
    say_when_away(data)
    if as_json:
        print_json(shown(found))
        return
    from sipwright.usecases.listed import BINDINGS

    print_table(BINDINGS.heads, map(BINDINGS.cells, found), BINDINGS.empty)


def shown(found: Iterable[BindingView]) -> list[dict[str, Any]]:
    """Return bindings for other programs."""
    return [
        {name: getattr(one, name) for name in _SHOWN}
        | ({} if one.push is None else {"push": asdict(one.push)})
        for one in found
    ]
