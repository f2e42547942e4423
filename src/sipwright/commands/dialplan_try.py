"""``sipwright dialplan try``: run a script against pretended outcomes, and print the way it goes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.common import CommandError, Data, Json, Owner, print_json
from sipwright.commands.scripts import Plan, plan_of

if TYPE_CHECKING:
    from sipwright.testing.result import CallResult
    from sipwright.testing.stage import PretendedPlan, Setting

__all__ = ["try_"]


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
    user: Owner = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Try a script without a phone.

    It runs against pretended outcomes, and the way it goes is printed.

    WHO is bob (a phone, or a provider of that name), bob@local, 353*@blueface or *. WHAT is a status or a word:
    busy, declines, answers, unavailable, not found, unreachable, unregistered, silent; before it 'rings 5 then' or
    'after 5'; 'answers talks 60' hangs up after a minute; 'redirects to sip:x@y'. 'busy; answers' are the first
    call and all later ones. Who is not named rings and never answers. Time is virtual, no message is sent.

    \b
    Examples:
      sipwright dialplan try out --to 300 --answer 'blueface: busy' --answer 'bob: rings 5 then 200'
      sipwright dialplan try draft.py --to 300 --at 'sat 23:10' --effect 'http_get: {"name": "Bob"}'
    """
    from sipwright.testing.scripts import instant
    from sipwright.testing.stage import Setting, Stage, world_of

    if direction not in ("out", "in"):
        raise CommandError(f"--direction is out or in, not {direction!r}")
    chosen, owner, timezone, domain = plan_of(plan, user, data)
    now = time.time()
    setting = Setting(
        from_, to, direction, instant(now if at is None else at, timezone, now), domain or "example.org",
        headers=dict(map(_header, header or [])), active=active, user=owner, timezone=timezone, gives_up_after=gives_up,
    )  # fmt: skip
    world = world_of(answer or [], effect or [], domain=setting.domain)
    with Stage() as stage:
        stage.open()
        before = time.perf_counter()
        result = stage.run(chosen, setting, world)
        took = time.perf_counter() - before
    if as_json:
        print_json(_json(result))
    else:
        typer.echo("\n".join(_lines(result, chosen, setting, took)))


def _lines(result: CallResult, plan: PretendedPlan, setting: Setting, took: float) -> list[str]:
    from sipwright.commands.tracing.telling import came_of, told

    source = plan.source.splitlines()
    moment = time.strftime("%a %Y-%m-%d %H:%M:%S UTC", time.gmtime(setting.at))
    lines = [f"{setting.from_} calls {setting.to} ({setting.direction}), {moment}, dialplan {plan.name}", ""]
    last = None
    for event in result.events:
        if event.line is not None and event.line != last and event.line <= len(source):
            lines.append(f"{event.line:>15} | {source[event.line - 1].rstrip()}")
            last = event.line
        is_log = event.function == "log"
        what = f"log: {event.result}" if is_log else told(event.function, event.arguments)
        lines.append(f"{event.at:>8.3f} s        {what}")
        came = None if is_log else came_of(event.function, event.result)
        if came is not None:
            lines.append(f"{'':>17} -> {came}")
    for who in dict.fromkeys(result.unknown):
        lines.append(f"{'':>17} (nothing was said about {who}: it rang and nobody answered)")
    heard = f"{result.status} {result.reason}"
    lines += [
        "",
        f"The caller hears {heard} after {result.duration:g} s: {result.sentence}.  [{took * 1000:.1f} ms]",
    ]
    return lines


def _json(result: CallResult) -> dict[str, Any]:
    return {
        "status": result.status,
        "reason": result.reason,
        "headers": result.headers,
        "answered_by": result.answered_by,
        "seconds": result.duration,
        "why": result.sentence,
        "path": result.path,
        "log": result.log,
        "unknown": result.unknown,
        "effects": [
            {
                "at": one.at,
                "line": one.line,
                "function": one.function,
                "arguments": one.arguments,
                "result": one.result,
            }
            for one in result.effects
        ],
    }


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise CommandError(f"{text!r} is not a header; write NAME: VALUE")
    return name.strip(), value.strip()
