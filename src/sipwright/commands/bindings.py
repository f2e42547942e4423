"""``sipwright bindings``: where phones can be reached now, and how one is forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import (
    AccountFilter,
    CommandError,
    Data,
    Json,
    OwnerFilter,
    group,
    print_json,
    print_table,
    say,
)
from sipwright.commands.control import say_when_away
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.bindings import BindingView

__all__ = ["app", "shown"]

app = group("bindings", "The phones that are registered; 'remove' forgets one.", is_command=True)

_SHOWN = (
    "account", "contact", "q", "source", "path", "expires_at", "user_agent", "instance", "updated_at",
)  # fmt: skip


@app.command()
def remove(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Whose phone it is.")],
    contact: Annotated[
        str | None,
        typer.Argument(
            metavar="CONTACT", help="A part of its contact, as 'sipwright bindings' shows it. [default: all]"
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Forget where a phone can be reached, until it registers again.

    \b
    Examples:
      sipwright bindings remove alice
      sipwright bindings remove alice 192.0.2.7
    """

    async def work(usecases: UseCases, actor: Actor) -> list[BindingView]:
        await usecases.accounts.expect(actor, account)
        found = [one for one in await _all(usecases, actor, None, account) if (contact or "") in one.contact]
        return [await usecases.bindings.remove(actor, one.id) for one in found]

    removed = with_usecases(data, work)
    if not removed:
        raise CommandError(f"no such phone of {account} is registered; 'sipwright bindings' lists them")
    say(*(f"{one.account}: {one.contact} is forgotten" for one in removed))


@app.callback(invoke_without_command=True)
def bindings(
    context: typer.Context,
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
      sipwright bindings remove alice
    """
    if context.invoked_subcommand is not None:
        return

    async def work(usecases: UseCases, actor: Actor) -> list[BindingView]:
        if account is not None:
            await usecases.accounts.expect(actor, account)
        found = await _all(usecases, actor, user, account)
        return sorted(found, key=lambda one: (one.account, one.updated_at))

    found = with_usecases(data, work)
    say_when_away(data)
    if as_json:
        print_json(shown(found))
        return
    from sipwright.usecases.listed import BINDINGS

    print_table(BINDINGS.heads, map(BINDINGS.cells, found), BINDINGS.empty)


async def _all(usecases: UseCases, actor: Actor, user: str | None, account: str | None) -> list[BindingView]:
    pages = everything(
        lambda cursor: usecases.bindings.list(actor, user=user, account=account, limit=MOST, cursor=cursor)
    )
    return [one async for one in pages]


def shown(found: Iterable[BindingView]) -> list[dict[str, Any]]:
    """Return bindings for other programs."""
    return [
        {name: getattr(one, name) for name in _SHOWN}
        | ({} if one.push is None else {"push": asdict(one.push)})
        for one in found
    ]
