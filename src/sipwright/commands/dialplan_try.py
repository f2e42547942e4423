"""``sipwright dialplan try``: run a script against pretended outcomes, and print the way it goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.common import CommandError, Data, Json, Owner, print_json, say
from sipwright.commands.script_files import Plan, plan_of

if TYPE_CHECKING:
    from sipwright.testing.plans import InPlan

__all__ = ["try_"]

_WHOLE = frozenset({"arguments", "log", "result", "why"})
"""What is not cut in JSON: what the script said and was told."""


def try_(
    plan: Plan,
    from_: Annotated[
        str, typer.Option("--from", metavar="WHO", help="Who calls: an account, or a number from outside.")
    ] = "alice",
    to: Annotated[str, typer.Option("--to", metavar="WHOM", help="What was dialled.")] = "300",
    answer: Annotated[
        list[str] | None,
        typer.Option("--answer", metavar="'WHO: WHAT'", help="What a phone or a provider does; repeatable."),
    ] = None,
    effect: Annotated[
        list[str] | None,
        typer.Option(
            "--effect", metavar="'FUNCTION: VALUE'", help="What a function returns, as JSON; repeatable."
        ),
    ] = None,
    in_plan: Annotated[
        list[str] | None,
        typer.Option(
            "--in",
            metavar="'ACCOUNT: PLAN'",
            help="Give an account this in dialplan, a name or a file, or 'none'; repeatable. "
            "[default: those that the accounts in the data folder have]",
        ),
    ] = None,
    direction: Annotated[
        str, typer.Option("--direction", metavar="out|in", help="A call of the account, or to it.")
    ] = "out",
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="'2026-11-20 18:30', 18:30 or 'sat 18:30'. [default: now]"),
    ] = None,
    gives_up: Annotated[
        float | None, typer.Option("--gives-up", metavar="SECONDS", help="When the caller hangs up.")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="'NAME: VALUE'", help="A header of the INVITE; repeatable."),
    ] = None,
    active: Annotated[
        int, typer.Option("--active", metavar="N", min=0, help="Calls that the owner has already.")
    ] = 0,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="NAME", help="The provider that brings the call (in).")
    ] = None,
    user: Owner = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Try a script without a phone.

    It runs against pretended outcomes, and the way it goes is printed.

    WHO is bob (a phone, or a provider of that name), bob@local, 353*@blueface or *. WHAT is a status or a word:
    busy, declines, answers, unavailable, not found, unreachable, unregistered, silent; before it 'rings 5 then' or
    'after 5'; 'answers talks 60' hangs up after a minute; 'redirects to sip:x@y'. 'busy; answers' are the first
    call and all later ones. Who is not named rings and never answers, but a
    provider that does not exist is unreachable. Time is virtual, no message is sent.

    Where an account here is called that has an in dialplan, that runs too, as in the switch; its way is printed
    indented. Its phones do what is said of them when it rings them.

    Exit status: 1 if a script failed (a mistake in it, or a budget that it used up), 0 otherwise, whatever the caller
    heard.

    \b
    Examples:
      sipwright dialplan try out --to 300 --answer 'blueface: busy' --answer 'bob: rings 5 then 200'
      sipwright dialplan try draft.py --to 300 --at 'sat 23:10' --effect 'http_get: {"name": "Bob"}'
      sipwright dialplan try out --to bob --in 'bob: reception.py' --answer 'bob: busy'
    """
    from sipwright.usecases.rehearsals import TryWish, pretend
    from sipwright.usecases.tried_calls import failed_of, json_of, lines_of

    if direction not in ("out", "in"):
        raise CommandError(f"--direction is out or in, not {direction!r}")
    script = plan_of(plan, user, data)
    for text in in_plan or ():
        script.in_plans.set(*_in_plan(text, user, data))
    wish = TryWish(
        from_, to, direction, answer or (), effect or (), at=at, gives_up=gives_up,
        headers=[_header(text) for text in header or ()], active=active, provider=provider,
    )  # fmt: skip
    result, setting, took, remarks = pretend(script, wish)
    for remark in remarks:
        say(f"sipwright: {remark}", is_error=True)
    if as_json:
        print_json(json_of(result), _WHOLE)
    else:
        say(*lines_of(result, script.plan, setting, took))
    if (failed := failed_of(result)) is not None:
        assert failed.failure is not None
        raise CommandError(f"dialplan {failed.dialplan} failed: {failed.failure.message}")


def _in_plan(text: str, user: str | None, data: Path | None) -> tuple[str, InPlan | None]:
    from sipwright.testing.plans import InPlan

    account, colon, plan = (part.strip() for part in text.partition(":"))
    if not colon or not account or not plan:
        raise CommandError(f"{text!r} gives no account a dialplan; write ACCOUNT: PLAN, or ACCOUNT: none")
    if plan == "none":
        return account, None
    found = plan_of(plan, user, data)
    return account, InPlan(account, found.plan, found.user, found.timezone)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise CommandError(f"{text!r} is not a header; write NAME: VALUE")
    return name.strip(), value.strip()
