"""What a node lets be asked for over its control socket, and the events that it tells of there.

Who may ask for what is none of its business: the socket is for the user that runs the switch, and what other people may
do is decided by the use cases, which ask on their behalf.
"""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from sipwright.control.events import TYPES
from sipwright.control.protocol import ControlError, Request
from sipwright.log_output import RECENT_ERRORS
from sipwright.services.guard import Deed
from sipwright.services.notifier import Summary
from sipwright.services.notifier.message_summary import MOST_WAITING
from sipwright.sip import Reject
from sipwright.store.history.trace_messages import pack

from .call_control import CallControl, settle
from .call_events import CallEvents
from .call_watches import BindingWatches, CallWatches
from .control_server import ControlServer, Handler
from .counts import Counted, read_counts, states_of
from .event_stream import EventStream
from .messages_waiting import MessagesWaiting
from .provider_test import ProviderTest
from .several.crew_status import together
from .watches import BindingEvents, DirectoryNames, ProviderEvents, ScriptEvents, SecurityEvents

if TYPE_CHECKING:
    from sipwright.config import Settings
    from sipwright.monitor.trace.recorder import Recorder
    from sipwright.services.authentication import Authenticator
    from sipwright.services.registrar import QuickWay
    from sipwright.steady_clock import SteadyClock

    from .monitoring import Monitoring
    from .provider_states import ProviderStates
    from .several.crew import Crew
    from .several.limit_shares import LimitShares
    from .several.neighbours import Neighbours
    from .unusual_calls import UnusualCalls

__all__ = ["Control", "Parts"]

log = structlog.get_logger(__name__)

EVENT_IDS = "sipwright.events"
"""The file in the data folder that says which ids of events may have been used."""


MOST_COUNTED = 2_000
"""Calls, and registrations at providers, that are looked at to count those of each state: no more fit into 1 ms."""


MOST_LOCKED, MOST_NAMED = 20, 3
"""Accounts under attack that are told of, and addresses of each."""

MOST_TESTS = 8
"""Providers that are tested at once."""


def _alone(request: Request) -> dict[str, Any]:
    """Refuse what only one of several nodes can do."""
    raise ControlError(
        "refused", "this switch has its database for itself: several nodes need PostgreSQL or MariaDB"
    )


class Parts(Counted, Protocol):
    """The parts of a node that can be watched and steered, beside those that count."""

    settings: Settings
    neighbours: Neighbours | None
    crew: Crew | None
    clock: SteadyClock
    authenticator: Authenticator
    limit_shares: LimitShares | None
    unusual_calls: UnusualCalls
    quick_way: QuickWay
    provider_states: ProviderStates
    monitoring: Monitoring
    recorder: Recorder
    call_watches: CallWatches
    binding_watches: BindingWatches
    messages_waiting: MessagesWaiting


class Control:
    """The control socket of a node, from `start` to `close`."""

    def __init__(self, parts: Parts, secret: bytes) -> None:
        """Get ready; the `secret` is the same in every process of the switch."""
        self._parts = parts
        self._tests = 0
        self._started_at = parts.clock()
        names = self._names = DirectoryNames(parts.store.directory)
        stack = parts.switch.ports.stack
        settings = parts.settings
        self.events = EventStream(
            settings.node, clock=parts.clock.__call__, call_later=stack.call_later, user_name=names.user,
            memory=settings.run_dir / EVENT_IDS,
        )  # fmt: skip
        self.events.on_heard = self._heard
        self._calls = CallEvents(self.events, names)
        self._bindings = BindingEvents(self.events, names)
        self._providers = ProviderEvents(self.events, names)
        self._scripts = ScriptEvents(self.events, self._in_turn)
        self._security = SecurityEvents(self.events, names)
        self._handlers: dict[str, Handler] = {
            "status": self._status if parts.crew is None else self._status_of_all,
            "changes.apply": self._apply_changes,
            "calls.messages": self._messages,
            "events.publish": self._publish,
            "bindings.remove": self._remove_binding,
            "messages.waiting": self._messages_waiting,
            "guard.suspect": self._suspect,
            "guard.reserved": self._reserved,
            "providers.test": self._test_provider,
            "nodes.takeover": _alone if parts.neighbours is None else parts.neighbours.take_over,
            "nodes.drain": _alone if parts.neighbours is None else parts.neighbours.drain,
            **CallControl(parts.switch, parts.store, secret, self._ready).handlers(),
        }
        if parts.crew is not None:
            parts.crew.status = self._status
        self._server = ControlServer(settings.run_dir, self._handlers, self.events)
        parts.guarding.watch = parts.call_guard.watch = parts.unusual_calls.watch = self._guards
        if parts.neighbours is not None:
            self._server.prepare = parts.neighbours.exchange_with(
                self.events, self._handlers
            ).from_others.ready

    def listen(self) -> None:
        """Let clients connect; they are answered from `start` on.

        Raises:
            OSError: Another switch listens there.
        """
        self._server.listen()

    async def start(self) -> None:
        """Answer them, as the switch is all there."""
        await self._server.start()

    async def close(self) -> None:
        """Tell whoever reads that the node stops, and listen no more."""
        if self.events.is_heard:
            self._tell_state("stopping")
        self.events.close()
        await self._server.close()

    # What is watched, while somebody reads.

    def _heard(self, is_heard: bool) -> None:
        parts = self._parts
        self._calls.clear()
        self._providers.clear()
        parts.call_watches.set("events", self._calls if is_heard else None)
        parts.binding_watches.set("events", self._bindings if is_heard else None)
        parts.agent.watch = self._providers.registered if is_heard else None
        parts.provider_states.watch = self._providers.reached if is_heard else None
        parts.scripts.executions.watch = self._scripts if is_heard else None
        parts.authenticator.failures.watch = self._security.failed if is_heard else None
        parts.refusals.watch = parts.refusals.limits.watch = self._security.refused if is_heard else None
        parts.outage.on_change = self._storage if is_heard else None
        if is_heard:
            self._tell_state("running")

    def _in_turn(self, call_id: str, tell_of: Callable[[str], None]) -> None:
        """Tell something of a call when it is its turn; of one that is over, at once."""
        call = self._parts.switch.calls.get(call_id)
        if call is None:
            tell_of(call_id)
        else:
            self._calls.in_turn(call, tell_of)

    async def _ready(self, user_id: int) -> None:
        """Wait until it is known what calls of a user may still use."""
        if self._parts.limit_shares is not None:
            await self._parts.limit_shares.ready(user_id)

    def _guards(self, kind: str, data: dict[str, Any]) -> None:
        """Tell what the guard has done; somebody may have to be woken for it, whether or not events are read."""
        self._parts.monitoring.happened(kind, data)
        if self.events.is_heard:
            self.events.tell(kind, data.get("user"), data.get("call"), data)

    def _storage(self, is_away: bool) -> None:
        self._tell_state("storage away" if is_away else "running")

    def _tell_state(self, state: str) -> None:
        data = {"state": state, "since": self._started_at, "version": metadata.version("sipwright")}
        self.events.tell("node.state", None, None, data)

    # What can be asked for.

    async def _status_of_all(self, request: Request) -> dict[str, Any]:
        """Return how the switch is doing, of which this node is one worker."""
        assert self._parts.crew is not None
        return together(self._status(request), await self._parts.crew.statuses())

    def _status(self, request: Request | None = None) -> dict[str, Any]:
        """Return how the node is doing: numbers alone, as many as they are, whatever it carries."""
        parts = self._parts
        agent, switch = parts.agent, parts.switch
        writer, refusals = parts.store.writer.snapshot(), parts.refusals
        sandbox = parts.scripts.executions.sandbox.snapshot()
        is_countable = len(switch.calls) <= MOST_COUNTED
        counts = read_counts(parts, len(self.events))
        registrations = agent.snapshot() if len(agent) <= MOST_COUNTED else None
        return {
            "node": parts.settings.node,
            "version": metadata.version("sipwright"),
            "pid": os.getpid(),
            "at": parts.clock(),
            "started_at": self._started_at,
            "calls": switch.table.count(),
            "call_states": switch.table.states() if is_countable else None,
            "legs": counts["legs"],
            "phones": counts["phones"],
            "registrations": None if registrations is None else registrations.states,
            "troubled": [] if registrations is None else [list(one) for one in registrations.troubled],
            "scripts": len(parts.scripts.executions),
            "refused": refusals.count,
            "quick_registers": parts.quick_way.taken,
            "activations": sandbox.activations,
            "activations_in_place": sandbox.in_place,
            "transactions": states_of(parts.stack.layer) if len(parts.stack.layer) <= MOST_COUNTED else None,
            "in_memory": asdict(parts.store.directory.snapshot()),
            "registrations_under_way": 0 if registrations is None else registrations.under_way,
            "registrations_leaving": 0 if registrations is None else registrations.leaving,
            "tables": {
                "tasks": len(asyncio.all_tasks()),
                "transactions": len(parts.stack.layer),
                "timers": len(parts.stack.layer.timers),
                "calls": switch.table.count(),
                "legs": len(switch.ports.legs),
            },
            "errors": list(RECENT_ERRORS),
            "locked": self._locked(),
            "readers": len(self.events),
            "clients": len(self._server),
            "parts": parts.monitoring.parts(),
            "alerts": parts.monitoring.alerts(),
            "counts": counts,
            "storage": {
                "is_away": parts.store.writer.is_away,
                "waiting": writer.waiting + writer.under_way,
                "free_bytes": parts.outage.free,
                "is_short": refusals.is_short,
                "is_behind": parts.store.behind_since is not None,
                "on_disk_bytes": parts.store.waiting_bytes,
                "key_fault": parts.store.keys.fault,
            },
        }

    def _locked(self) -> list[dict[str, Any]]:
        """Return the accounts of which passwords are not looked at for a while, and where they were wrong last."""
        parts, now = self._parts, self._parts.stack.clock()
        found = parts.authenticator.guesses.locked(now)
        return [
            {
                "account": self._names.account(one.account_id) or "",
                "from": list(one.sources[:MOST_NAMED]),
                "sources": len(one.sources),
                "until": round(parts.clock() + one.until - now, 1),
            }
            for one in found[:MOST_LOCKED]
        ]

    def _messages(self, request: Request) -> dict[str, str]:
        """Return what was said in a call within this second, which the database has yet to be told."""
        heard = self._parts.recorder.unwritten(request.text("call", longest=100))
        return {"messages": b64encode(pack(heard)).decode() if heard else ""}

    async def _apply_changes(self, request: Request) -> dict[str, Any]:
        """Take what was changed in the database; it is live when this is answered."""
        crew = self._parts.crew
        found = len(await self._parts.store.catch_up())
        if crew is not None:
            await crew.follow_changes()
        return {"changes": found}

    async def _remove_binding(self, request: Request) -> dict[str, Any]:
        """Forget where a phone can be reached, until it registers anew."""
        account_id, user_id = request.number_of("account_id") or 0, request.number_of("user_id")
        contact = request.text("contact", longest=2_000)
        removed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        is_theirs = user_id in (None, self._names.owner(account_id))
        try:
            found = is_theirs and self._parts.location_service.remove(
                account_id, contact, partial(settle, removed)
            )
        except Reject as refusal:
            raise ControlError(
                "unavailable", refusal.why or "nothing can be stored now", retry_after=10.0
            ) from None
        if not found:
            raise ControlError("not_found", "no phone is registered with that contact", field="contact")
        await removed
        return {"removed": True}

    def _suspect(self, request: Request) -> dict[str, Any]:
        """Take note that somebody was not let in at another face."""
        deed = Deed.LOG_IN if request.arguments.get("looked_at", True) else Deed.PERSISTENCE
        self._parts.guarding.suspect(
            request.text("address", longest=100), deed, request.text("face", longest=20)
        )
        return {}

    def _reserved(self, request: Request) -> dict[str, Any]:
        """Return the money that is set aside now for calls in progress, by the numbers of the users."""
        return {
            "reserved": {str(one): held for one, held in self._parts.call_guard.spending.reserved().items()}
        }

    def _messages_waiting(self, request: Request) -> dict[str, Any]:
        """Take how many messages wait for an account."""
        names = ("new", "old", "urgent_new", "urgent_old")
        new, old, urgent_new, urgent_old = (min(request.number_of(name) or 0, MOST_WAITING) for name in names)
        summary = Summary(new, old, urgent_new, urgent_old)
        try:
            self._parts.messages_waiting.put(request.number_of("account_id") or 0, summary)
        except Reject as refusal:
            raise ControlError(
                "unavailable", refusal.why or "nothing can be stored now", retry_after=10.0
            ) from None
        return {"set": True}

    async def _test_provider(self, request: Request) -> dict[str, Any]:
        """Register with a provider now, or ask it for OPTIONS, and answer with the whole exchange."""
        name, provider_id = request.text("provider", default=""), request.number_of("provider_id")
        user_id, directory = request.number_of("user_id"), self._parts.store.directory
        provider = directory.provider(user_id, name) if user_id is not None and name else None
        if provider_id is not None:
            provider = directory.provider_by_id(provider_id)
        if provider is None or user_id not in (None, provider.user_id):
            raise ControlError("not_found", f"there is no provider {name or provider_id}", field="provider")
        method = request.text("method", default="")
        if method not in ("", "REGISTER", "OPTIONS"):
            raise ControlError("invalid", "a provider is asked REGISTER or OPTIONS", field="method")
        if self._tests >= MOST_TESTS:
            raise ControlError(
                "unavailable", f"{MOST_TESTS} providers are being tested already", retry_after=5.0
            )
        self._tests += 1
        try:
            return await ProviderTest(self._parts.switch, provider, method or None).run()
        finally:
            self._tests -= 1

    def _publish(self, request: Request) -> dict[str, Any]:
        """Tell of an event that another process knows of, such as an audit row."""
        kind, data = request.text("type"), request.arguments.get("data", {})
        if kind not in TYPES:
            raise ControlError("invalid", f"there is no event {kind[:50]!r}", field="type")
        if not isinstance(data, dict):
            raise ControlError("invalid", "'data' is an object", field="data")
        if self.events.is_heard:
            user, call = request.text("user", default=""), request.text("call", default="")
            self.events.tell(kind, user or None, call or None, dict(list(data.items())[:30]))
        return {"is_heard": self.events.is_heard}
