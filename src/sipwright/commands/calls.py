"""``sipwright calls``: the calls in progress, and what can be done about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
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

app = group("calls", "The calls in progress; 'hangup', 'transfer' and others steer one.", is_command=True)

CallId = Annotated[str, typer.Argument(metavar="CALL", help="The call, as 'sipwright calls' names it.")]
Target = Annotated[str, typer.Argument(metavar="TO", help="A number, a name, or NAME@HOST.")]


@app.command()
def hangup(call: CallId, data: Data = None) -> None:
    """End a call.

    \b
    Example:
      sipwright calls hangup 63b1ce60722bea7896c3fa3d9
    """
    _steer(data, call, lambda usecases, actor: usecases.calls.hangup(actor, call))
    say(f"call {call} is over")


@app.command()
def transfer(call: CallId, target: Target, data: Data = None) -> None:
    """Connect the other end with somebody else.

    The call has been answered. The account's own phone leaves it when the two others talk; where they do not come to
    that, everything stays as it is.

    \b
    Example:
      sipwright calls transfer 63b1ce60722bea7896c3fa3d9 bob
    """
    _steer(data, call, lambda usecases, actor: usecases.calls.transfer(actor, call, target))
    say(f"call {call} is being transferred: {target} rings; 'sipwright trace {call}' shows what comes of it")


@app.command()
def redirect(call: CallId, target: Target, data: Data = None) -> None:
    """Let a call that rings ring elsewhere.

    Whoever rings now is cancelled, once the dialplan of the account lets it go there.

    \b
    Example:
      sipwright calls redirect 63b1ce60722bea7896c3fa3d9 bob
    """
    _steer(data, call, lambda usecases, actor: usecases.calls.redirect(actor, call, target))
    say(f"call {call} goes to {target} now; 'sipwright trace {call}' shows what comes of it")


@app.command()
def pickup(
    call: CallId,
    taker: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account whose phones take it.")],
    data: Data = None,
) -> None:
    """Let an account take a call that rings.

    Its phones answer by themselves where they can; whoever rings goes on until one has answered.

    \b
    Example:
      sipwright calls pickup 63b1ce60722bea7896c3fa3d9 alice
    """
    _steer(data, call, lambda usecases, actor: usecases.calls.pickup(actor, call, taker.removeprefix("sip:")))
    say(f"call {call} rings at {taker} now")


def _steer(data: Path | None, call: str, what: Callable[[UseCases, Actor], Awaitable[None]]) -> None:
    require_switch(data)

    async def work(usecases: UseCases, actor: Actor) -> None:
        from sipwright.usecases.errors import NotFound

        try:
            await what(usecases, actor)
        except NotFound:
            raise CommandError(f"there is no call {call} in progress") from None

    with_usecases(data, work)


@app.callback(invoke_without_command=True)
def calls(
    context: typer.Context,
    user: OwnerFilter = None,
    account: AccountFilter = None,
    legs: Annotated[
        bool, typer.Option("--legs", help="Each part of a call on its own line, with its legs.")
    ] = False,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """List the calls in progress, the oldest first.

    A call is one line, from whoever called to whoever answered, also where it passes several dialplans of this switch:
    those are its parts. 'sipwright trace CALL' shows what one of them does.

    \b
    Examples:
      sipwright calls --user carol
      sipwright calls --legs
      sipwright calls hangup 63b1ce60722bea7896c3fa3d9
      sipwright calls transfer 63b1ce60722bea7896c3fa3d9 bob
    """

    async def work(usecases: UseCases, actor: Actor) -> list[CallView]:
        if account is not None:
            await usecases.accounts.expect(actor, account)
        pages = everything(
            lambda cursor: usecases.calls.list(
                actor, user=user, account=account, parts=legs, limit=MOST, cursor=cursor
            )
        )
        return [one async for one in pages]

    if context.invoked_subcommand is not None:
        return
    found = with_usecases(data, work)
    say_when_away(data)
    if as_json:
        print_json([_described(one, with_legs=legs) for one in found])
        return
    from sipwright.usecases.listed import CALLS, PARTS

    listed = PARTS if legs else CALLS
    print_table(listed.heads, map(listed.cells, found), listed.empty)


def _described(call: CallView, *, with_legs: bool) -> dict[str, Any]:
    described = {
        "id": call.id,
        "call": call.call,
        "node": call.node,
        "account": call.account,
        "direction": call.direction,
        "state": call.state,
        "held": call.held,
        "from": call.from_,
        "to": call.to,
        "answered_by": call.answered_by,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
    }
    return described | {"legs": [asdict(leg) for leg in call.legs]} if with_legs else described
