"""``sipwright token``: what programs show to REST in place of a name and a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import Data, Json, Owner, clock, group, print_json, print_table, say
from sipwright.usecases.page import everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.tokens import IssuedToken, TokenView

__all__ = ["app"]

app = group("token", "API tokens: what programs log in with.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the token is called.")]


@app.command()
def add(
    name: Name,
    user: Owner = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="S", help="read, write or call; may be repeated. [default: all]"),
    ] = None,
    days: Annotated[
        float | None, typer.Option("--days", metavar="N", help="It is good for so long. [default: for ever]")
    ] = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Make a token, and print it once.

    \b
    Examples:
      sipwright token add backup --scope read --days 365
      sipwright token add switchboard --user carol --json
    """

    async def work(usecases: UseCases, actor: Actor) -> IssuedToken:
        return await usecases.tokens.create(actor, name, scopes=scope or None, days=days, user=user)

    made = with_usecases(data, work)
    if as_json:
        print_json({"name": made.name, "token": made.token, "expires_at": made.expires_at}, whole=("token",))
        return
    until = f", good until {clock(made.expires_at)}" if made.expires_at is not None else ""
    say(f"{made.token}   (token {made.name}: shown only now{until})")


@app.command(name="list")
def list_(user: Owner = None, as_json: Json = False, data: Data = None) -> None:
    """List the tokens of a user.

    \b
    Example:
      sipwright token list --user carol
    """

    async def work(usecases: UseCases, actor: Actor) -> list[TokenView]:
        return [
            one
            async for one in everything(lambda cursor: usecases.tokens.list(actor, user=user, cursor=cursor))
        ]

    tokens = with_usecases(data, work)
    if as_json:
        names = ("name", "user", "scopes", "created_at", "expires_at", "used_at")
        print_json([{name: getattr(token, name) for name in names} for token in tokens])
        return
    rows = (
        (one.name, one.user, " ".join(one.scopes), clock(one.created_at), clock(one.expires_at), clock(one.used_at))
        for one in tokens
    )  # fmt: skip
    heads = ("token", "user", "scopes", "since", "until", "last used")
    print_table(heads, rows, "no tokens yet; make one with 'sipwright token add NAME'")


@app.command()
def remove(name: Name, user: Owner = None, data: Data = None) -> None:
    """Revoke a token: within 2 seconds it is good for nothing.

    \b
    Example:
      sipwright token remove backup
    """

    async def work(usecases: UseCases, actor: Actor) -> TokenView:
        return await usecases.tokens.remove(actor, name, user=user)

    say(f"removed token {with_usecases(data, work).name}")
