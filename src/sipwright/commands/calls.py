"""``sipwright calls``: the calls in progress, and their end."""

from __future__ import annotations

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
from sipwright.commands.control import require_switch, say_when_away
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.calls import CallView

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
    require_switch(data)

    async def work(usecases: UseCases, actor: Actor) -> None:
        from sipwright.usecases.errors import NotFound

        try:
            await usecases.calls.hangup(actor, call)
        except NotFound:
            raise CommandError(f"there is no call {call} in progress") from None

    with_usecases(data, work)
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

    async def work(usecases: UseCases, actor: Actor) -> list[CallView]:
        pages = everything(
            lambda cursor: usecases.calls.list(actor, user=user, account=account, limit=MOST, cursor=cursor)
        )
        return [one async for one in pages]

    if context.invoked_subcommand is not None:
        return
    found = with_usecases(data, work)
    say_when_away(data)
    if as_json:
        print_json([_described(one) for one in found])
        return
    from sipwright.usecases.listed import CALLS

    print_table(CALLS.heads, map(CALLS.cells, found), CALLS.empty)


def _described(call: CallView) -> dict[str, Any]:
    return {
        "id": call.id,
        "node": call.node,
        "account": call.account,
        "direction": call.direction,
        "state": call.state,
        "from": call.from_,
        "to": call.to,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
    }
