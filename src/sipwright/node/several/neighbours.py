"""What a node has to do with the others of its database.

It joins them, goes on with the calls of one that is lost, and ends when it was taken for lost itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from sipwright.cluster.bus import Bus, NatsBus
from sipwright.cluster.clock import ClockComparison
from sipwright.cluster.membership import Membership
from sipwright.cluster.sharing import chosen
from sipwright.control.protocol import ControlError, Request
from sipwright.services.edge import Edge
from sipwright.services.leases import LeaseRow
from sipwright.services.ports import Writer
from sipwright.services.rows import CallRow, ExecutionRow, JournalRow
from sipwright.sip import Request as SipRequest
from sipwright.stack import MarkedTokens, RandomTokens
from sipwright.store.errors import StoreError
from sipwright.store.live.node_register import Adopted, NodeRegister
from sipwright.transport import TcpTransport, UdpTransport
from sipwright.transport.flow import parse_address
from sipwright.transport.flow_token import FlowTokens

from ..control_server import Handler
from ..script_bridge import Scripts, StoredRun
from .exchange import Exchange
from .joining import join
from .moved_calls import MovedCalls
from .pick_ups import PickUps
from .shared_bindings import NamedWriter, SharedBindings
from .shared_states import SharedStates
from .stall_watch import Held

if TYPE_CHECKING:
    from sipwright.config import Settings
    from sipwright.services.agent import Agent
    from sipwright.services.authentication import Authenticator
    from sipwright.services.notifier import MessageSummary, Notifier
    from sipwright.services.registrar import LocationService, LocationTable
    from sipwright.services.registrar.bindings import Binding
    from sipwright.services.switch import Switch
    from sipwright.stack import Pipeline, Stack
    from sipwright.steady_clock import SteadyClock
    from sipwright.store import Store

    from ..dialog_watch import DialogWatch
    from ..event_stream import EventStream
    from ..registration_watch import RegistrationWatch
    from .limit_shares import LimitShares

__all__ = ["Neighbours", "Parts"]

log = structlog.get_logger(__name__)

ANSWERED_WITHIN = 0.1
"""Seconds that whoever has a node drained is given to hear of it before the node ends."""

SEEN_EVERY = 0.1
"""Seconds after which a node that has handed everything over looks again whether another one has it."""

PATIENCE = 3.0
"""For how many seconds a node that stops tries to say so."""


TakeUp = Callable[[Sequence[CallRow], Iterable[StoredRun]], Awaitable[None]]


class Parts(Protocol):
    """The parts of a node that go on with what another one has left."""

    settings: Settings
    store: Store
    clock: SteadyClock
    stack: Stack
    pipeline: Pipeline
    locations: LocationTable
    location_service: LocationService
    switch: Switch
    scripts: Scripts
    notifier: Notifier
    dialog_watch: DialogWatch
    registrations: RegistrationWatch
    summaries: MessageSummary
    limit_shares: LimitShares | None
    agent: Agent
    authenticator: Authenticator


class Neighbours:
    """The other nodes, as one sees them; what cannot be asked of them is a `ControlError`."""

    registrations: NamedWriter
    """The writer as the registrar has it."""

    def __init__(self, membership: Membership, register: NodeRegister, held: Held) -> None:
        self.membership = membership
        self.lost = asyncio.Event()
        """Set when another node has taken over from this one: it has to end, without another word."""
        self.drained = asyncio.Event()
        """Set when this node is to give its calls to another one, and to end."""
        self.on_drain: Callable[[], object] = lambda: None
        """Is told that this node is drained; the workers beside it are, too."""
        self.hint: Callable[[str], object] = bool
        """Lets a worker beside this one look at once for what it is asked."""
        self.remember: Callable[[bytes, str], object] = lambda invite, node: None
        """Is told of an INVITE that a worker beside this one has from now on."""
        self.spread_tags: Callable[[list[str], int], object] = lambda tags, boot: None
        """Tells the workers beside this one of calls that have come here from another one."""
        self.held = held
        """The timers of the stack, and what all that is sent passes."""
        self._register = register
        self._edge: Edge | None = None
        self._taken = 0

    @classmethod
    async def join(cls, settings: Settings, store: Store) -> Neighbours:
        """Take this node's place among the others.

        Raises:
            NameTaken: Another node of this name lives.
            StoreError: The database is away.
        """
        membership, register = await join(settings, store)
        return cls(membership, register, Held(asyncio.get_running_loop().call_later, store.is_shared))

    def token(self) -> Callable[[], str]:
        """Return what makes tags and the ids of calls: whose they are can be seen, now and later."""
        return MarkedTokens(self.membership.boot_number).__call__

    def branches(self, mark: str) -> Callable[[], str]:
        """Return what makes branches, by which other workers, and the kernel by the `mark`, see whose they are."""
        return MarkedTokens(self.membership.boot_number, RandomTokens().__call__, mark).__call__

    def writer(self, writer: Writer, locations: LocationTable, unix_time: Callable[[], float]) -> Writer:
        """Return the writer as the registrar is to have it."""
        self.registrations = NamedWriter(writer, locations, self.membership.name, unix_time)
        return self.registrations

    def is_share(self, provider_id: int) -> bool:
        """Return whether it is this node that is to register with a provider, of those that live."""
        living = self.membership.living()
        return chosen(f"registration:{provider_id}", living) in (None, self.membership.name)

    def learns_of(self, user_id: int) -> bool:
        """Return whether it is this node that is to learn what calls are usual for a user, of those that live."""
        living = self.membership.living()
        return chosen(f"baseline:{user_id}", living) in (None, self.membership.name)

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """Return what goes on while the node runs; from now on it goes on with what others leave."""
        self.membership.on_stall = self._stalled
        self.membership.relieve = self._relieve
        watch = self.held.watch([each.sources for each in self._sockets()], self.membership)
        followed = [self.bindings.follow(), self.states.follow(), self.moved.keep_forgetting()]
        return [*watch, *followed, *self.exchange.tasks()]

    def _sockets(self) -> list[UdpTransport | TcpTransport]:
        transports = self._parts.stack.transports
        return [each for each in transports if isinstance(each, (UdpTransport, TcpTransport))]

    def exchange_with(self, stream: EventStream, handlers: dict[str, Handler]) -> Exchange:
        """Let other nodes ask for what this one lets be asked for, and read its events."""
        parts = self._parts
        self.exchange = Exchange(
            parts.store.database,
            self.membership,
            stream,
            handlers,
            parts.dialog_watch,
            self._bus(parts.settings),
        )
        self.exchange.on_hint = self.hint
        self.pick_ups = PickUps(
            parts.switch.handing, self.membership.name, self._living_others, self.exchange.asker.ask,
            parts.stack.flow_from_key, self._caller_moved,
        )  # fmt: skip
        handlers |= self.pick_ups.handlers
        parts.scripts.effects.elsewhere = self.pick_ups
        self.moved = MovedCalls(
            parts.switch, self.membership, parts.store.database, self.exchange.asker.ask, self._go_on_with,
            parts.stack.intake.take, lambda tags, boot: self.spread_tags(tags, boot),
        )  # fmt: skip
        handlers |= self.moved.handlers
        return self.exchange

    def _living_others(self) -> list[str]:
        return [name for name in self.membership.living() if name != self.membership.name]

    def _caller_moved(self, invite: SipRequest, node: str) -> None:
        """Hand on what is still said of an INVITE that another node has now."""
        if node in self.membership.beside:
            self.remember(bytes(invite), node)
        elif self._edge is not None:
            self._edge.remember(invite, node)

    def serve(self, parts: Parts, take_up: TakeUp, secret: bytes) -> None:
        """Get ready to go on with what others leave; `take_up` goes on with calls and runs."""
        self._parts, self._take_up, self._secret = parts, take_up, secret
        self.bindings = SharedBindings(
            parts.store, parts.locations, self.membership.name, parts.clock.__call__
        )
        self.bindings.on_merged = self._merged
        self.states = SharedStates(
            parts.store, self.membership.name, parts.registrations.presence, parts.summaries, parts.notifier
        )
        self._open_edge(parts, secret)
        for transport in self._sockets():
            transport.guard = self.held.guard
        self.membership.on_lost = self._was_lost
        self.membership.on_moved = self._has_moved
        self.membership.comparison = ClockComparison(parts.clock.__call__)

    def _merged(self, account_id: int, before: Sequence[Binding], after: Sequence[Binding], why: str) -> None:
        """Tell whoever waits for the phones of an account that they have come, or gone, at another node."""
        parts = self._parts
        parts.registrations.changed(account_id, before, after, why)
        parts.switch.reconnects.registered(account_id)
        parts.notifier.registered(account_id)

    def _open_edge(self, parts: Parts, secret: bytes) -> None:
        """Let what comes from other nodes get to the phones here, and calls from here to phones there."""
        membership, stack = self.membership, parts.stack
        if not membership.itself.edge:
            log.warning(
                "other nodes cannot reach the phones of this one",
                what_to_do='write [cluster] edge = "HOST:PORT", the address of this machine that they see',
            )
            stack.join(lambda key: None, membership.is_peer)
            return
        edge = Edge(stack, membership, FlowTokens(secret), parse_address(membership.itself.edge))
        stack.join(edge.flows.flow, membership.is_peer)
        stack.by_edge, stack.receiver.is_of_node = edge.flows.by_edge, edge.is_of_node
        stack.outbound.instead = edge.flows.instead
        self._edge = edge
        stack.receiver.take_cancel, stack.receiver.take_copy = edge.take_cancel, edge.take_copy
        edge.on_ack, stack.receiver.on_ack = stack.receiver.on_ack, edge.take_ack
        edge.others = stack.receiver.on_stray_response
        edge.expects_for = parts.switch.reconnects.expects_for
        stack.receiver.on_stray_response = edge.take_response
        parts.pipeline.steps = (edge, *parts.pipeline.steps)
        parts.authenticator.hand_over = edge.hand_over
        parts.location_service.on_expired_elsewhere = self.bindings.expired

    def _bus(self, settings: Settings) -> Bus | None:
        if not settings.cluster.nats:
            return None
        servers = [one.strip() for one in settings.cluster.nats.split(",")]
        return NatsBus(servers, self._secret, self.membership.name)

    async def leave(self) -> None:
        """Say that this node stops: its calls are its own for as long as its lease lasts, or another one's at once."""
        with suppress(StoreError, OSError, TimeoutError):  # nothing depends on it
            async with asyncio.timeout(PATIENCE):
                if self.drained.is_set():
                    await self._parts.store.caught_up()  # the other one goes on with what is in the database
                    await self.membership.hand_over()
                else:
                    await self.membership.say("stopped")
            if self.drained.is_set():
                async with asyncio.timeout(self.membership.lost_after + PATIENCE):
                    await self._see_off()

    async def _see_off(self) -> None:
        """Wait until another node has what was handed over, and hand on to it what has come in meanwhile."""
        owner: str | None = self.membership.name
        while owner == self.membership.name:
            await asyncio.sleep(SEEN_EVERY)
            owner = await self._register.owner(self.membership.boot_number)
        if owner is None or self._edge is None:
            return
        self.membership.handed_to(owner)
        parts = self._parts
        # New calls and registrations are repeated to whoever has the address then.
        parts.stack.receiver.quick_way = None
        # A 2xx that is acknowledged here would never be heard of where its call is now.
        parts.stack.layer.let_go()
        self._edge.is_leaving = True
        parts.pipeline.steps = (self._edge, lambda incoming: True)
        parts.stack.intake.release()
        await asyncio.sleep(SEEN_EVERY)

    # What can be asked for over the control socket.

    async def take_over(self, request: Request) -> dict[str, Any]:
        """Take over from a node at once: whoever asks says that it is no more."""
        await self._look()
        name = request.text("node", default="") or self._only_other()
        if name == self.membership.name:
            raise ControlError("invalid", "a node does not take over from itself", field="node")
        if name not in self.membership.nodes:
            raise ControlError("not_found", f"there is no node {name!r}", field="node")
        self._taken = 0
        if not await self.membership.take_over(name):
            raise ControlError("conflict", f"{name} lives here, or another node has it by now")
        return {"node": name, "calls": self._taken}

    async def drain(self, request: Request) -> dict[str, Any]:
        """Give all that is in progress to the other nodes, and end."""
        await self._look()
        others = [name for name in self.membership.living() if not self.membership.is_here(name)]
        if not others:
            raise ControlError(
                "refused",
                "no other node lives that could go on with the calls; stop this one, and they wait for it",
            )
        await self.membership.say("draining")
        self.on_drain()
        asyncio.get_running_loop().call_later(ANSWERED_WITHIN, self.drained.set)
        return {"node": self.membership.name, "to": others}

    async def _look(self) -> None:
        try:
            await self.membership.beat()
        except (StoreError, OSError, TimeoutError) as error:
            raise ControlError("unavailable", f"the database is away: {error}", retry_after=5.0) from None

    def _only_other(self) -> str:
        others = [
            row.name
            for row in self.membership.nodes.values()
            if not self.membership.is_here(row.name) and row.state in ("up", "draining")
        ]
        if len(others) != 1:
            names = ", ".join(others) or "there is none"
            raise ControlError("invalid", f"say which node is no more: {names}", field="node")
        return others[0]

    def _was_lost(self) -> None:
        self.held.stop()
        self._parts.stack.intake.stop()
        self.lost.set()

    def _has_moved(self) -> None:
        """Wait for the phones of a node that is no more, and ask the one that acts for it what was asked of it."""
        self._parts.switch.reconnects.began()
        if self._edge is not None:
            self._edge.moved()

    def _stalled(self, is_in_doubt: bool) -> None:
        """Look at nothing that comes in, and say nothing, until it is known whether our calls are still ours."""
        if is_in_doubt and self.held.hold():
            self._parts.stack.intake.hold()
        elif not is_in_doubt and self.held.release():
            self._parts.stack.intake.release()

    async def _relieve(self, name: str, seen: LeaseRow | None) -> bool:
        """Take over from a node, in the database first."""
        membership, parts = self.membership, self._parts
        # As at a start, nothing that comes in is looked at before every call is there.
        parts.stack.intake.hold()
        try:
            adopted = await self._register.adopt(
                membership.fence, membership.owner, membership.itself.name, name, seen
            )
            if adopted is None:
                return False
            membership.took_over(name)
            runs = await parts.scripts.with_plans(adopted.executions, adopted.journals)
            await self._go_on(adopted, runs)
            await self.moved.note_strays()
        finally:
            parts.stack.intake.release()
        self._taken = len(adopted.calls)
        log.warning(
            "the calls of another node are taken over",
            from_node=name, calls=len(adopted.calls), scripts=len(adopted.executions),
            registrations=len(adopted.registrations),
        )  # fmt: skip
        return True

    async def _go_on_with(
        self, calls: Sequence[CallRow], executions: Sequence[ExecutionRow], journals: dict[str, list[JournalRow]]
    ) -> None:  # fmt: skip
        """Go on with calls and runs of another node that lives."""
        runs = await self._parts.scripts.with_plans(executions, journals)
        await self._take_up(calls, runs)
        if self._parts.limit_shares is not None:
            await self._parts.limit_shares.adopted()

    async def _go_on(self, adopted: Adopted, runs: list[StoredRun]) -> None:
        parts = self._parts
        parts.dialog_watch.hold()
        subscribers = parts.notifier.recover(adopted.subscriptions)
        try:
            await self._take_up(adopted.calls, runs)
        finally:
            parts.dialog_watch.fill()
        parts.notifier.resume(subscribers)
        parts.agent.adopt(adopted.registrations)
        if parts.limit_shares is not None:
            await parts.limit_shares.adopted()
