"""``sipwright call``: places a call from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import Data, Json, print_json, say
from sipwright.commands.control import require_switch

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases

__all__ = ["call"]


def call(
    sender: Annotated[str, typer.Argument(metavar="FROM", help="The account whose phones ring first.")],
    target: Annotated[
        str, typer.Argument(metavar="TO", help="Whom it calls: a number, a name, or NAME@HOST.")
    ],
    key: Annotated[
        str,
        typer.Option(
            "--key",
            metavar="TEXT",
            help="Place the call once, however often this is repeated with the same key.",
        ),
    ] = "",
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Place a call: FROM's phones ring first, then TO.

    The out dialplan of FROM decides about TO, as if its phone had dialled.

    \b
    Examples:
      sipwright call alice bob
      sipwright call alice +4930123456
    """
    require_switch(data)

    async def work(usecases: UseCases, actor: Actor) -> str:
        return await usecases.calls.place(actor, sender.removeprefix("sip:"), target, key=key or None)

    placed = with_usecases(data, work)
    if as_json:
        print_json({"call": placed})
    else:
        say(f"call {placed}: the phones of {sender} ring; 'sipwright trace {placed}' shows it")
