"""``sipwright dialplan try``: run a script against pretended outcomes, and print the way it goes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.common import CommandError, Data, Json, Owner, print_json, with_store

if TYPE_CHECKING:
    from sipwright.store import Administration, Dialplan
    from sipwright.testing.result import CallResult
    from sipwright.testing.stage import PretendedPlan, Setting

__all__ = ["Plan", "plan_of", "read_script", "try_"]

Plan = Annotated[str, typer.Argument(metavar="PLAN", help="A dialplan by name, or a file.")]


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
    """Run a script against pretended outcomes, without a phone, and print the way it goes.

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


def plan_of(
    plan: str, user: str | None, data: Path | None, version: int | None = None
) -> tuple[PretendedPlan, str, str, str]:
    """Return a script with its owner, the owner's time zone and the domain: a file, or a stored dialplan."""
    from sipwright.testing.stage import PretendedPlan

    path = Path(plan)
    if path.suffix in (".py", ".toml") or "/" in plan or path.is_file():
        return PretendedPlan(read_script(path), path.stem), "admin", "UTC", ""

    async def work(store: Administration) -> tuple[Dialplan, str, str, str]:
        found = await store.find_dialplan(plan, user, version)
        owner = next(one for one in await store.list_users() if one.id == found.user_id)
        domains = await store.list_domains()
        default = next((domain.name for domain in domains if domain.is_default), "")
        return found, owner.name, owner.timezone, default

    found, owner, timezone, domain = with_store(data, work)
    return (
        PretendedPlan(found.source, found.name, found.id, found.user_id, found.version),
        owner,
        timezone,
        domain,
    )


def read_script(path: Path) -> str:
    """Read a script from a file, or the script that rules (``.toml``) become."""
    from sipwright.services.dialplan import RulesError, compile_rules, read_rules

    try:
        text = path.read_text("utf-8-sig").replace("\r\n", "\n")
        return compile_rules(read_rules(text)) if path.suffix == ".toml" else text
    except FileNotFoundError:
        raise CommandError(f"there is no file {path}") from None
    except IsADirectoryError:
        raise CommandError(f"{path} is a folder; name the script in it") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    except RulesError as error:
        raise CommandError(f"{path}: {error}") from None


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
