"""Tried calls in words and as JSON: the way that one script went, and below it those that it led to."""

from __future__ import annotations

import time
from typing import Any

from sipwright.monitor.trace.wording import came_of, told
from sipwright.testing.plans import PretendedPlan
from sipwright.testing.result import CallResult
from sipwright.testing.stage import Setting

__all__ = ["failed_of", "json_of", "lines_of"]


def lines_of(result: CallResult, plan: PretendedPlan, setting: Setting, took: float) -> list[str]:
    """Return how a tried call went, for people."""
    moment = time.strftime("%a %Y-%m-%d %H:%M:%S UTC", time.gmtime(setting.at))
    lines = [f"{setting.from_} calls {setting.to} ({setting.direction}), {moment}, dialplan {plan.name}", ""]
    lines += _way(result, plan.listing)
    for who in dict.fromkeys(result.unknown):
        lines.append(f"{'':>17} (nothing was said about {who}: it rang and nobody answered)")
    for name in dict.fromkeys(result.no_provider):
        lines.append(
            f"{'':>17} (there is no provider {name!r}: unreachable; a host is named with --answer '{name}: ...')"
        )
    heard = f"{result.status} {result.reason}"
    lines += [
        "",
        f"The caller hears {heard} after {result.duration:g} s: {result.sentence}.  [{took * 1000:.1f} ms]",
    ]
    return lines


def _way(result: CallResult, text: str) -> list[str]:
    """Return what one script did, and indented below each `dial()` what the in dialplans that it led to did."""
    source = text.splitlines()
    lines: list[str] = []
    last, dials = None, 0
    for event in result.events:
        if event.line is not None and event.line != last and event.line <= len(source):
            lines.append(f"{event.line:>15} | {source[event.line - 1].rstrip()}")
            last = event.line
        is_log = event.function == "log"
        what = f"log: {event.result}" if is_log else told(event.function, event.arguments)
        lines.append(f"{result.started + event.at:>8.3f} s        {what}")
        if event.function == "dial":
            dials += 1
            for leg in result.legs:
                if leg.dial == dials and leg.inner is not None:
                    lines += _inner(leg.inner)
        came = None if is_log else came_of(event.function, event.result)
        if came is not None:
            lines.append(f"{'':>17} -> {came}")
    return lines


def _inner(result: CallResult) -> list[str]:
    end = f"{result.status} {result.reason} after {result.duration:g} s: {result.sentence}"
    inside = [f"dialplan {result.dialplan} of {result.account}", *_way(result, result.source), end]
    return [f"{'':>17} | {line}" for line in inside]


def json_of(result: CallResult) -> dict[str, Any]:
    """Return how a tried call went, for programs."""
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
        "no_provider": result.no_provider,
        "legs": [
            {
                "target": leg.target,
                "started": leg.started,
                "ended": leg.ended,
                "status": leg.status,
                "reason": leg.reason,
                "in_plan": None if leg.inner is None else _inner_json(leg.inner),
            }
            for leg in result.legs
        ],
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


def _inner_json(result: CallResult) -> dict[str, Any]:
    names = {"dialplan": result.dialplan, "account": result.account, "started": result.started}
    return names | json_of(result)


def failed_of(result: CallResult) -> CallResult | None:
    """Return the call whose script failed: this one, or one that it led to."""
    if result.failure is not None:
        return result
    return next((failed for inner in result.inner if (failed := failed_of(inner)) is not None), None)
