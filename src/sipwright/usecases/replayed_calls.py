"""Recorded calls through a draft: which of them would have gone elsewhere, in words and as JSON."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sipwright.services.dialplan import Entry
from sipwright.store.history.recordings import RecordedRun
from sipwright.store.schema.entities import Dialplan
from sipwright.testing.plans import InPlans, PretendedPlan
from sipwright.testing.replay import Recording, Replayed, replay
from sipwright.testing.stage import Stage

__all__ = ["json_of", "lines_of", "replay_runs"]


def replay_runs(
    script: PretendedPlan,
    plan: Dialplan,
    domain: str,
    runs: list[RecordedRun],
    in_plans: InPlans,
    progress: Callable[[int, int], None],
) -> tuple[list[Replayed], int]:
    """Run recorded calls through a script; return what came of them, and how many have no journal."""
    draft = PretendedPlan(script.source, plan.name, plan.id, plan.user_id, 0, script.modules)
    replayed = []
    with Stage() as stage:
        for run in runs:
            replayed.append(replay(stage, draft, _recording(run, domain), in_plans))
            progress(len(replayed), len(runs))
    found = [one for one in replayed if one is not None]
    return found, len(replayed) - len(found)


def _recording(run: RecordedRun, domain: str) -> Recording:
    return Recording(
        run.call_id or run.id, run.started_at, [Entry(*row) for row in run.journal], run.legs, run.source,
        run.messages[0].data if run.messages else None, domain, run.modules,
        [_recording(inner, domain) for inner in run.inner],
    )  # fmt: skip


def lines_of(one: Replayed) -> list[str]:
    """Return what a call did and would have done, for people."""
    request, call = one.inputs.request, one.inputs.call
    was, now = str(one.was), str(one.now)
    if was == now:
        # They differ in a target that never rang, such as one with a delay.
        was, now = (f"dial {' > '.join(way.dialled)}; {way}" for way in (one.was, one.now))
    lines = [
        "",
        f"{_clock(one.recording.started_at)}  {request.from_user} -> {request.user} ({call.direction})"
        f"  call {one.recording.call_id}",
        f"    was  {was}",
        f"    now  {now}",
    ]
    if one.failure is not None:
        lines.append(f"         the draft fails: {one.failure}")
    lines += [f"         nothing is recorded about {who}" for who in one.unknown]
    return lines


def json_of(one: Replayed) -> dict[str, Any]:
    """Return what a call did and would have done, for programs."""
    return {
        "call": one.recording.call_id,
        "started_at": one.recording.started_at,
        "from": one.inputs.request.from_user,
        "to": one.inputs.request.user,
        "direction": one.inputs.call.direction,
        **{
            name: {
                "dialled": list(way.dialled),
                "legs": list(way.legs),
                "answered_by": way.answered_by,
                "status": way.status,
                "reason": way.reason,
            }
            for name, way in (("was", one.was), ("now", one.now))
        },
        "failure": one.failure,
        "unknown": list(one.unknown),
    }


def _clock(instant: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(instant))
