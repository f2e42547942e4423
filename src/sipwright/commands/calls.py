"""``sipwright calls``: the calls in progress, and their end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.common import (
    AccountFilter,
    Data,
    Json,
    OwnerFilter,
    group,
    print_json,
    print_table,
    say,
    with_store,
)
from sipwright.commands.control import ask, say_when_away

if TYPE_CHECKING:
    from sipwright.store import Administration

__all__ = ["app"]

app = group("calls", "The calls in progress; 'hangup' ends one.")
app.info.no_args_is_help = False


@app.command()
def hangup(
    call: Annotated[str, typer.Argument(metavar="CALL", help="The call, as 'sipwright calls' names it.")],
    data: Data = None,
) -> None:
    """End a call.

    \b
    Example:
      sipwright calls hangup 63b1ce60722bea7896c3fa3d9
    """
    ask(data, "calls.hangup", call=call)
    say(f"call {call} is over")


@app.callback(invoke_without_command=True)
def calls(
    context: typer.Context,
    user: OwnerFilter = None,
    account: AccountFilter = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """List the calls in progress, the oldest first.

    'sipwright trace CALL' shows what one of them does.

    \b
    Examples:
      sipwright calls --user carol
      sipwright calls hangup 63b1ce60722bea7896c3fa3d9
    """

    async def work(store: Administration) -> list[dict[str, Any]]:
        return await store.list_calls(user, account)

    if context.invoked_subcommand is not None:
        return
    rows = with_store(data, work)
    say_when_away(data)
    if as_json:
        print_json(rows)
        return
    now = time.time()
    cells = (
        (
            row["from"],
            row["to"],
            row["direction"],
            row["state"],
            round(now - (row["answered_at"] or row["started_at"])),
            row["id"],
        )
        for row in rows
    )
    print_table(("from", "to", "direction", "state", "seconds", "call"), cells, "no calls now")
