"""The stack: transports below, transactions in the middle, the pipeline above, and the clock for all.

What comes in is in `receiver.py`, whether it has to wait in `intake.py`, time in `timer_heap.py`; here is how they
stand together, and what goes out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import structlog
from structlog.typing import FilteringBoundLogger

from sipwright.sip import transaction
from sipwright.sip.build import Written
from sipwright.sip.message import Request, Response
from sipwright.sip.transaction import (
    CALLING,
    BriefClientUser,
    ClientTransaction,
    ClientUser,
    ServerTransaction,
    ServerUser,
    TimerValues,
    TransactionLayer,
)
from sipwright.sip.transaction.base import TRANSPORT_ERROR
from sipwright.stack.addresses import Addresses
from sipwright.stack.backlog import Backlog
from sipwright.stack.failed_servers import Question
from sipwright.stack.intake import Intake
from sipwright.stack.outbound import Outbound
from sipwright.stack.own_network import IsKnown, OwnNetwork, nobody
from sipwright.stack.ping import ping
from sipwright.stack.pipeline import Pipeline
from sipwright.stack.receiver import BRANCH_COOKIE, OnAbsorbedAck, OnStrayResponse, Receiver
from sipwright.stack.reconnecting_flow import ReconnectingFlow
from sipwright.stack.timer_heap import CallLater, Ticker, TimerHandle
from sipwright.stack.tokens import RandomTokens, tag_of
from sipwright.transport import UdpTransport
from sipwright.transport.base import OnMessage, Transport, ignore_closed
from sipwright.transport.flow import Address, Flow, format_address, parse_flow_key
from sipwright.transport.networks import Network
from sipwright.transport.resolver import Resolver, Target
from sipwright.transport.tap import Tap

SECURE = ("tls", "wss")

Send = Callable[[bytes, transaction.Flow], None]


@dataclass(frozen=True, slots=True)
class StackSnapshot:
    """What a console shows of a stack."""

    requests: int
    responses: int
    malformed: int
    stray_responses: int
    failed: int
    waiting: int
    transports: tuple[object, ...]


class Stack:
    """One SIP element."""

    def __init__(  # noqa: PLR0913 (wiring: one argument for each neighbour)
        self,
        transports: Sequence[Transport],
        pipeline: Pipeline,
        resolver: Resolver | None = None,
        *,
        public_address: str | None = None,
        networks: Iterable[Network] = (),
        is_known: IsKnown = nobody,
        clock: Callable[[], float] = time.monotonic,
        call_later: CallLater | None = None,
        random_token: Callable[[], str] | None = None,
        timers: TimerValues | None = None,
        logger: FilteringBoundLogger | None = None,
        tap: Tap | None = None,
        on_stray_response: OnStrayResponse | None = None,
        on_absorbed_ack: OnAbsorbedAck | None = None,
    ) -> None:
        """Put the stack together; it is deaf until `start`.

        Args:
            transports: The sockets, in the order in which they are preferred.
            pipeline: Who is offered the requests.
            resolver: Who finds the way to a URI (RFC 3263).
            public_address: The address that peers outside see, where it is not the one that we listen on.
            networks: Those inside that anybody may have us send to.
            is_known: Whether somebody of ours is at an address inside, so that anybody may have us send there.
            clock: Monotonic time.
            call_later: As of the event loop.
            random_token: What makes branches.
            timers: T1 and its kin (RFC 3261 §17).
            logger: Where faults are logged.
            tap: Who hears every message.
            on_stray_response: Who hears of a response of no transaction.
            on_absorbed_ack: Who hears of an ACK that nobody needs.
        """
        self.transports = tuple(transports)
        self.pipeline = pipeline
        self.clock = clock
        self.random_token = (
            random_token or RandomTokens().__call__
        )  # the method, as that is called in half the time
        self.call_user: str | None = None
        """The user of the Contacts by which calls are made from here, where it says which worker that is."""
        self.tap = tap or Tap()
        # The core asks less of a flow than we do; it only ever gets ours.
        self.layer = TransactionLayer(cast(Send, self._transmit), timers)
        self.addresses = Addresses(self.transports, public_address)
        self.layer.is_own = self.addresses.is_own
        own_network = OwnNetwork(self.transports, self.addresses, networks, is_known)
        self._call_later = call_later
        self.outbound = Outbound(
            self.transports, self.addresses, own_network, resolver or Resolver(), clock, self.call_later,
            pipeline.spawn, self._ask,
        )  # fmt: skip
        self._log = log = logger or structlog.get_logger()
        self.ticker = Ticker(self.layer, clock, self.call_later, log)
        self.receiver = Receiver(
            self, pipeline, self.addresses, self.ticker, log, on_stray_response, on_absorbed_ack
        )
        udp = [transport for transport in self.transports if isinstance(transport, UdpTransport)]
        self.backlog = Backlog(self.receiver.receive, udp, self.call_later, clock, self.receiver.is_taken)
        self.intake = Intake(self.transports, self.receiver.receive, self.backlog, log)
        self.is_peer: Callable[[Address], bool] = _has_no_peers
        self.by_edge: Callable[[Flow], Flow | None] = _by_no_edge
        """Gives the way to a phone by the edge of its node, though that be this one."""
        """Whether an address is the edge of another node: who speaks from there is somewhere else."""
        self._on_flow_closed: Callable[[Flow], object] = _ignore
        self.on_connection_end: list[Callable[[Flow], object]] = []
        """Who is told of connections that have ended, once the requests that waited on them have been."""
        for transport in self.transports:
            transport.tap = self.tap
            transport.on_framing_error = self.receiver.malformed.refuse
            transport.on_flow_closed = self.flow_closed
            transport.on_undelivered = self.receiver.undelivered

    async def start(self, *, is_held: bool = False) -> None:
        """Open the transports.

        With `is_held` what comes in waits until the intake releases it: an earlier process may have left calls.

        Raises:
            OSError: An address cannot be had.
        """
        if is_held:
            self.intake.hold()
        started: list[Transport] = []
        try:
            for transport in self.transports:
                await transport.start()
                started.append(transport)
        except OSError:
            for transport in started:
                await transport.close()
            raise
        self.addresses.note_bound()

    async def close(self) -> None:
        """Stop the handlers that wait, and close the transports; connections that end now tell nobody."""
        for transport in self.transports:
            transport.on_flow_closed = ignore_closed
        await self.pipeline.close()
        self.outbound.failed.clear()
        self.ticker.stop()
        for transport in self.transports:
            await transport.close()

    def flow_to_edge(self, edge: Address) -> Flow | None:
        """Return the flow to the edge of another node."""
        return self.outbound.from_anywhere("udp", edge)

    def join(self, flow_elsewhere: Callable[[str], Flow | None], is_peer: Callable[[Address], bool]) -> None:
        """Reach flows at other nodes, by their keys; `is_peer` says whether an address is the edge of a node."""
        self.outbound.flow_elsewhere, self.outbound.has_peers = flow_elsewhere, True
        self.is_peer = is_peer

    def sent_by(self, local: Address, remote: Address) -> str:
        """Return `host:port` for the Via of a flow between two addresses."""
        return self.addresses.sent_by(Flow("udp", local, remote))

    def sort(
        self, receive: OnMessage, lent: Callable[[str, str], Flow | None], on_flow_closed: Callable[[Flow], object]
    ) -> None:  # fmt: skip
        """Share the ports with other workers; to be called before `start`.

        Args:
            receive: Takes what comes in to whoever it is for; what another worker hands on is given to the intake.
            lent: Gives the flow of a connection that another worker has.
            on_flow_closed: Is told of connections that have ended.
        """
        self.intake.hand_to(receive)
        self.outbound.lent, self._on_flow_closed = lent, on_flow_closed

    @property
    def messages(self) -> int:
        """How many requests and responses have come in."""
        return self.receiver.requests + self.receiver.responses

    def snapshot(self) -> StackSnapshot:
        """Return the counters of this stack and of what is below it."""
        receiver = self.receiver
        return StackSnapshot(
            requests=receiver.requests,
            responses=receiver.responses,
            malformed=receiver.malformed.count,
            stray_responses=receiver.strays,
            failed=receiver.failed + self.ticker.failed + self.pipeline.failed,
            waiting=self.pipeline.waiting,
            transports=tuple(transport.snapshot() for transport in self.transports),
        )

    # --- sending -------------------------------------------------------------------------------------

    def send_request(self, request: Request, to: Flow | Target, user: ClientUser | None) -> ClientTransaction:
        """Send a request in a transaction of its own, whose responses go to `user`.

        The request must have no Via of ours yet. Given a target, the flow is chosen here: TCP connects while
        the transaction waits, and a large request to a UDP target tries TCP first (RFC 3261 §18.1.1).

        Raises:
            OSError: There is no way to the target at all.
        """
        flow = self.outbound.put_via(request, to, self.new_branch())
        return self.start_client(request, flow, user)

    def start_client(
        self, request: Request | Written, flow: Flow, user: ClientUser | None
    ) -> ClientTransaction:
        """Send a request that has its Via already, over a flow that is known, in a transaction of its own."""
        tx = self.layer.client(request, flow, user, self.clock())
        if flow.is_reliable:
            self.outbound.watch(tx, flow)
        if self.ticker.timer is None:
            self.ticker.arm()
        return tx

    def send_brief(self, branch: str, wire: bytes, flow: Flow, user: BriefClientUser) -> None:
        """Send a request that is written already, over a flow that may lose it, in a transaction without an object."""
        self.layer.brief.send(branch, wire, flow, user, self.clock())
        if self.ticker.timer is None:
            self.ticker.arm()

    def send_stateless(self, request: Request, to: Flow | Target) -> None:
        """Send a request without a transaction: the ACK for a 2xx. Puts a Via on top if there is none.

        Raises:
            OSError: It cannot be sent.
        """
        flow = to if isinstance(to, Flow) else None
        if "Via" not in request.headers:
            flow = self.outbound.put_via(request, to, self.new_branch())
        (flow or self.outbound.flow_to(to)).send(bytes(request))  # type: ignore[arg-type]  # else it is a target

    def send_response(self, response: Response | bytes, flow: Flow) -> None:
        """Send a response without a transaction; one that cannot be sent is lost, as on a network."""
        try:
            self._transmit(bytes(response), flow)
        except OSError:
            pass

    def flow_from_key(self, key: str) -> Flow | None:
        """Return the flow that `Flow.key` described, perhaps in an earlier process; None when it is gone."""
        return self.outbound.from_key(key)

    def way_back(self, key: str, response: Response | None) -> Flow | None:
        """Return the flow with a key, or another one over which its peer gets a response (`Outbound.way_back`)."""
        return self.outbound.way_back(key, response)

    def reconnecting_flow(self, key: str) -> ReconnectingFlow | None:
        """Return a flow for a connection that is gone, which its peer may open again; None over UDP."""
        try:
            parts = parse_flow_key(key)
        except ValueError:
            return None
        if not any(each.is_reliable for each in self.transports if each.protocol == parts.protocol):
            return None
        self.receiver.has_lost_peers = True
        return ReconnectingFlow(parts, lambda flow: self.by_edge(flow), self.outbound.watch)

    def new_branch(self, mark: str = "") -> str:
        """Make a branch that nobody has used or can guess; `mark` says what it is of (`BRIEF`)."""
        return BRANCH_COOKIE + mark + self.random_token()

    def via_for(self, flow: Flow, branch: str) -> str:
        """Return the Via value for a request of ours on a flow."""
        return self.outbound.via_for(flow, branch)

    def new_via(self, flow: Flow, mark: str = "") -> str:
        """Return a Via for a new request on a flow; `mark` says what it is of (`BRIEF`)."""
        return self.outbound.via_for(flow, BRANCH_COOKIE + mark + self.random_token())

    def local_contact(self, flow: Flow, user: str | None = None, *, is_secure: bool = False) -> str:
        """Return the Contact value under which the peer of a flow reaches us; `user` is escaped already.

        With `is_secure` it is a sips URI, if the flow may promise that (RFC 3261 §8.1.1.8, §12.1.1).
        """
        sent_by, protocol = self.addresses.sent_by(flow), flow.protocol
        address = f"{user}@{sent_by}" if user else sent_by
        if protocol == "udp":
            return f"<sip:{address}>"
        if is_secure and protocol in SECURE:
            return f"<sips:{address}>" if protocol == "tls" else f"<sips:{address};transport=ws>"
        # A WebSocket is named without its TLS (RFC 7118 §5.2).
        return f"<sip:{address};transport={'ws' if protocol == 'wss' else protocol}>"

    def tag_for(self, request: Request) -> str:
        """Return our To tag for a request, the same one every time (RFC 3261 §8.2.7)."""
        via = request.top_via
        return tag_of(via.branch, via.host, request.call_id)

    def _transmit(self, data: bytes, flow: Flow) -> None:
        """Send for the transactions; a response whose connection has ended opens another one (§18.2.2)."""
        try:
            flow.send(data)
        except OSError:
            if not (flow.is_reliable and data.startswith(b"SIP/2.0 ")):
                raise
            flow_back = self.outbound.flow_for(data, flow)
            if flow_back is None:
                raise
            flow_back.send(data)

    def flow_closed(self, flow: Flow, error: OSError | None) -> None:
        """Tell whoever waits on a connection that it has ended."""
        self._on_flow_closed(flow)
        now = self.clock()
        for tx in self.outbound.flow_closed(flow):
            tx.handle(TRANSPORT_ERROR, None, now)
            self.layer.perform(tx, now)
        for told in self.on_connection_end:
            told(flow)

    # --- servers that have failed ----------------------------------------------------------------------

    def _ask(self, target: Target) -> None:
        """Ask a server that has failed whether it is back."""
        place = format_address((target.host, target.port))
        uri = f"sip:{place}" if target.protocol == "udp" else f"sip:{place};transport={target.protocol}"
        failed = self.outbound.failed
        try:
            flow = self.outbound.flow_to(target)
            ping(self, uri, flow, Question(failed, target))
        except OSError:
            failed.answered(target, is_there=False)

    # --- after a restart -------------------------------------------------------------------------------

    def restore_server(
        self, request: Request, flow: Flow, user: ServerUser | None, last_response: bytes | None = None
    ) -> ServerTransaction:
        """Go on with a server transaction of an earlier process."""
        tx = self.layer.restore_server(request, flow, user, self.clock(), last_response)
        self.ticker.arm()
        return tx

    def restore_answered(self, response: bytes, flow: Flow, user: ServerUser | None) -> ServerTransaction:
        """Go on with a server transaction of an earlier process that had sent its final response."""
        tx = self.layer.restore_answered(response, flow, user, self.clock())
        self.ticker.arm()
        return tx

    def restore_client(
        self, request: Request, flow: Flow, user: ClientUser | None, state: str = CALLING
    ) -> ClientTransaction:
        """Go on with a client transaction of an earlier process."""
        tx = self.layer.restore_client(request, flow, user, self.clock(), state)
        if flow.is_reliable:
            self.outbound.watch(tx, flow)
        self.ticker.arm()
        return tx

    def call_later(self, delay: float, callback: Callable[[], None]) -> TimerHandle:
        """Call `callback` after `delay` seconds of this stack's clock."""
        if self._call_later is None:
            self._call_later = asyncio.get_running_loop().call_later
        return self._call_later(delay, callback)


def _has_no_peers(address: Address) -> bool:
    return False


def _by_no_edge(flow: Flow) -> Flow | None:
    """Return no way: there is no edge where a node is alone."""
    return None


def _ignore(flow: Flow) -> None:
    """Take no notice: nobody else has used it."""
