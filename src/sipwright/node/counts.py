"""Reads off what a node counts: levels, and how often things have happened since it was started."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Protocol

from sipwright.monitor.counts import COUNTS
from sipwright.services.own_probes import NODE_USER

if TYPE_CHECKING:
    from sipwright.services.agent import Agent
    from sipwright.services.registrar import LocationService
    from sipwright.services.switch import Switch
    from sipwright.stack import Stack
    from sipwright.store import Store

    from .call_guard import CallGuard
    from .guarding import Guarding
    from .outage import Outage
    from .refusals import Refusals
    from .script_bridge import Scripts

__all__ = ["Changes", "Counted", "read_counts"]

PAGE = os.sysconf("SC_PAGESIZE")


class Counted(Protocol):
    """The parts of a node that count."""

    store: Store
    stack: Stack
    switch: Switch
    location_service: LocationService
    agent: Agent
    scripts: Scripts
    guarding: Guarding
    call_guard: CallGuard
    refusals: Refusals
    outage: Outage


def read_counts(parts: Counted, readers: int = 0) -> dict[str, float]:
    """Return all of `monitor/counts.py`."""
    switch, stack, tally = parts.switch, parts.stack, parts.switch.table.tally
    registrar, runs = parts.location_service.snapshot(), parts.scripts.executions
    sandbox, (started, failed) = runs.sandbox.snapshot(), runs.totals
    guarding = parts.guarding
    writer, receiver, done = parts.store.writer.snapshot(), parts.stack.receiver, parts.agent.done
    own = switch.table.active(NODE_USER)
    locations = parts.location_service.locations
    has_own_phone = any(account_id < 0 for account_id in locations.accounts_between(-2, -1))
    return {
        "calls": switch.table.count(),
        "legs": max(0, len(switch.ports.legs) - 2 * own),
        "calls_started": tally.started,
        "calls_answered": tally.answered,
        **{f"calls_failed_{number}xx": count for number, count in tally.failed.items()},
        "calls_busy": tally.busy,
        "refused": parts.refusals.count,
        "refused_without_cdr": parts.refusals.without_cdr,
        "phones": registrar.accounts - has_own_phone,
        "bindings": registrar.bindings - has_own_phone,
        "registrations_accepted": registrar.accepted,
        "bindings_added": registrar.added,
        "bindings_expired": registrar.expired,
        "scripts": len(runs),
        "scripts_waiting": max(0, len(runs) - sandbox.busy - sandbox.waiting),  # all that compute nothing
        "scripts_started": started,
        "scripts_failed": failed,
        "requests": receiver.requests,
        "responses": receiver.responses,
        "malformed": receiver.malformed.count,
        "retransmissions_sent": stack.layer.resent,
        "retransmissions_received": stack.layer.repeated,
        "provider_requests": done[0],
        "provider_failures": done[1],
        "dropped_over_budget": guarding.sources.over,
        "dropped_banned": guarding.sources.banned,
        "scanners_silenced": guarding.silenced,
        "bans": len(parts.store.directory.bans),
        "calls_not_let_out": parts.call_guard.refused,
        "calls_held_back": parts.call_guard.held_back,
        "lag_seconds": round(stack.backlog.lag, 3),
        "queue_datagrams": len(stack.backlog),
        "queue_requests": stack.pipeline.waiting,
        "queue_scripts": sandbox.waiting,
        "queue_rows": writer.waiting + writer.under_way,
        "cpu_seconds": round(time.process_time(), 3),
        "memory_bytes": _memory(),
        "open_files": _open_files(),
        "free_bytes": parts.outage.free,
        "readers": readers,
    }


class Changes:
    """Turns what rises since the start into how much it has risen since the last look."""

    def __init__(self) -> None:
        self._before: dict[str, float] = {}

    def since_last(self, counts: dict[str, float]) -> dict[str, float]:
        """Return the counts, those that rise as their increase; at the first look these are left out."""
        before, self._before = self._before, counts
        return {
            name: value - before[name] if COUNTS[name].rises else value
            for name, value in counts.items()
            if not COUNTS[name].rises or name in before
        }


def _memory() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, ValueError, IndexError):
        return 0


def _open_files() -> int:
    try:
        # Since Linux 6.2 the folder says how many it has; before, they have to be gone through.
        return os.stat("/proc/self/fd").st_size or len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0
