"""``sipwright dialplan replay``: recorded calls through a draft, and which of them would have gone elsewhere."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import Data, Json, Owner, Progress, clock, print_json, say
from sipwright.commands.script_files import read_script
from sipwright.tables import age

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from sipwright.store import Dialplan
    from sipwright.store.history.recordings import RecordedRun
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.rehearsals import Script

__all__ = ["replay_"]


def replay_(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The dialplan whose calls are replayed.")],
    draft: Annotated[
        Path | None,
        typer.Option(
            "--draft", metavar="FILE", help="The script to try. [default: the live version of the dialplan]"
        ),
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="AGE", help="Calls begun since then, such as 12h or 7d ago.")
    ] = "7d",
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="At most so many, the newest.")
    ] = 10_000,
    user: Owner = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Run recorded calls through a draft.

    Those that would have gone elsewhere are printed.

    Nothing is sent: phones, providers and everything else that the script asked do again what they did then. Where
    a draft asks for what was not recorded, the output says so, and the phone in question rings and never answers.

    \b
    Examples:
      sipwright dialplan replay out --draft new.py --since 7d
      sipwright dialplan replay out --since 30d          # older calls, through the version that is live now
    """
    from sipwright.usecases.replayed_calls import json_of, lines_of, replay_runs

    earliest = time.time() - age(since)
    source = None if draft is None else read_script(draft)

    async def work(usecases: UseCases, actor: Actor) -> tuple[Dialplan, Script, list[RecordedRun]]:
        from sipwright.store.admin import dialplans
        from sipwright.testing.scripts import beside
        from sipwright.usecases import rehearsals

        def read(connection: Connection) -> tuple[Dialplan, Script]:
            found = dialplans.find(connection, whose, plan)
            return found, rehearsals.read_script(
                connection, keys, actor, found, source, plan, whose, beside_file
            )

        whose, keys = user or actor.name, usecases.ground.keys
        beside_file = beside([] if draft is None else [draft.parent])
        found, script = await usecases.ground.read(read)
        wish = rehearsals.ReplayWish(earliest, limit)
        return found, script, await rehearsals.read_runs(usecases.ground, found, script.plan.listing, wish)

    found, script, runs = with_usecases(data, work)
    started = time.perf_counter()
    replayed, skipped = replay_runs(
        script.plan, found, script.domain, runs, script.in_plans, Progress("replayed")
    )
    took = time.perf_counter() - started
    moved = [one for one in replayed if not one.is_same]
    if as_json:
        print_json(
            {"calls": len(runs), "replayed": len(replayed), "elsewhere": [json_of(one) for one in moved]},
            {"failure"},
        )
        return
    calls = "1 call" if len(replayed) == 1 else f"{len(replayed)} calls"
    say(f"{calls} of {plan} since {clock(earliest)}, through {draft or 'the live version'}")
    for one in moved:
        say(*lines_of(one))
    same = len(replayed) - len(moved)
    left_out = f", {skipped} without a journal left out" if skipped else ""
    say("", f"{same} as before, {len(moved)} would have gone elsewhere{left_out}  [{took:.2f} s]")
