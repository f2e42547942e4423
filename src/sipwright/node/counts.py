"""Reads off what a node counts: levels, and how often things have happened since it was started."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from sipwright.monitor.counts import COUNTS
from sipwright.services.own_probes import NODE_USER
from sipwright.transport.tcp import TcpSnapshot
from sipwright.transport.udp_socket import UdpSnapshot

if TYPE_CHECKING:
    from sipwright.services.agent import Agent
    from sipwright.services.dialplan.execution.runner import ExecutionsSnapshot
    from sipwright.services.notifier import Notifier, NotifierSnapshot
    from sipwright.services.registrar import LocationService
    from sipwright.services.stun import StunServer, StunSnapshot
    from sipwright.services.switch import Switch
    from sipwright.sip.transaction import TransactionLayer
    from sipwright.stack import Stack
    from sipwright.store import Store
    from sipwright.transport import Transport

    from .call_guard import CallGuard
    from .guarding import Guarding
    from .outage import Outage
    from .refusals import Refusals
    from .script_bridge import Scripts

__all__ = ["Changes", "Counted", "read_counts", "states_of"]

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
    notifier: Notifier
    stun: StunServer


def read_counts(parts: Counted, readers: int = 0) -> dict[str, float]:
    """Return all of `monitor/counts.py`."""
    switch, tally, guarding = parts.switch, parts.switch.table.tally, parts.guarding
    registrar, done, writer = (
        parts.location_service.snapshot(),
        parts.agent.done,
        parts.store.writer.snapshot(),
    )
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
        **_of_scripts(parts.scripts.executions.snapshot()),
        **_of_stack(parts.stack),
        **_of_sockets(parts.stack.transports),
        **_of_others(parts.notifier.snapshot(), parts.stun.snapshot()),
        "provider_requests": done[0],
        "provider_failures": done[1],
        "dropped_over_budget": guarding.sources.over,
        "dropped_banned": guarding.sources.banned,
        "scanners_silenced": guarding.silenced,
        "bans": len(parts.store.directory.bans),
        "calls_not_let_out": parts.call_guard.refused,
        "calls_held_back": parts.call_guard.held_back,
        "queue_rows": writer.waiting + writer.under_way,
        "rows_stored": writer.rows,
        "commits": writer.commits,
        "rows_refused": writer.refused,
        "cpu_seconds": round(time.process_time(), 3),
        "memory_bytes": _memory(),
        "open_files": _open_files(),
        "free_bytes": parts.outage.free,
        "readers": readers,
    }


def _of_scripts(runs: ExecutionsSnapshot) -> dict[str, float]:
    sandbox, count = runs.sandbox, runs.running + runs.waiting
    return {
        "scripts": count,
        "scripts_waiting": max(0, count - sandbox.busy - sandbox.waiting),  # all that compute nothing
        "scripts_started": runs.started,
        "scripts_failed": runs.failed,
        "queue_scripts": sandbox.waiting,
        "activations": sandbox.activations,
        "activations_in_place": sandbox.in_place,
        "activations_left": sandbox.fallbacks,
        "fast_path_faults": sandbox.faults,
        "workers": sandbox.workers,
        "workers_busy": sandbox.busy,
        "worker_crashes": sandbox.crashes,
    }


def _of_stack(stack: Stack) -> dict[str, float]:
    found = stack.snapshot()
    return {
        "requests": found.requests,
        "responses": found.responses,
        "malformed": found.malformed,
        "stray_responses": found.stray_responses,
        "faults": found.failed,
        "send_errors": stack.layer.transport_errors,
        "retransmissions_sent": stack.layer.resent,
        "retransmissions_received": stack.layer.repeated,
        "lag_seconds": round(stack.backlog.lag, 3),
        "queue_datagrams": len(stack.backlog),
        "queue_requests": found.waiting,
    }


def _of_sockets(transports: Iterable[Transport]) -> dict[str, float]:
    """Return what all sockets have counted; what goes from one part of the switch to another is not theirs."""
    found = [transport.snapshot() for transport in transports]
    udp = [one for one in found if isinstance(one, UdpSnapshot)]
    tcp = [one for one in found if isinstance(one, TcpSnapshot)]
    return {
        "socket_messages_in": sum(one.received for one in udp) + sum(one.received for one in tcp),
        "socket_messages_out": sum(one.sent for one in udp) + sum(one.sent for one in tcp),
        "socket_errors": sum(one.errors for one in udp),
        "unsent": sum(one.dropped for one in udp),
        "queue_unsent": sum(one.queued for one in udp),
        "keep_alives": sum(one.keepalives for one in udp) + sum(one.pings for one in tcp),
        "flows": sum(one.flows for one in udp),
        "connections": sum(one.connections for one in tcp),
        "connections_accepted": sum(one.accepted for one in tcp),
        "connections_refused": sum(one.refused for one in tcp),
        "connections_slow": sum(one.slow for one in tcp),
        "connections_idle": sum(one.idle for one in tcp),
        "connections_unreadable": sum(one.framing_errors for one in tcp),
        "unfinished_bytes": sum(one.unfinished_bytes for one in tcp),
    }


def _of_others(notifier: NotifierSnapshot, stun: StunSnapshot) -> dict[str, float]:
    return {
        "subscriptions": sum(notifier.subscriptions.values()),
        "notifications": notifier.notified,
        "stun_answered": stun.answered,
        "stun_refused": stun.refused,
        "stun_unusable": stun.unusable,
    }


def states_of(layer: TransactionLayer) -> dict[str, int]:
    """Return how many transactions there are of each kind in each state; looks at them all."""
    return {
        f"{kind} {state}": count for (kind, state), count in sorted(layer.snapshot().transactions.items())
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
