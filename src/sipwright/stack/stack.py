"""The stack: transports below, transactions in the middle, the pipeline above, and the clock for all.

A message goes from the socket to its handler and back in one call stack. Time is one timer for all
transactions. What cannot be read is answered 400 where RFC 3261 allows it, and costs one log line at most.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import structlog
from structlog.typing import FilteringBoundLogger

from sipwright.sip import transaction
from sipwright.sip.errors import ParseError, Reject
from sipwright.sip.message import Request, Response
from sipwright.sip.parser import parse
from sipwright.sip.transaction import (
    CALLING,
    ClientTransaction,
    ClientUser,
    LayerSnapshot,
    ServerTransaction,
    ServerUser,
    TimerValues,
    TransactionLayer,
)
from sipwright.sip.transaction.base import TRANSPORT_ERROR
from sipwright.sip.uri import Uri
from sipwright.stack.addresses import Addresses
from sipwright.stack.incoming import Incoming
from sipwright.stack.malformed import Malformed
from sipwright.stack.outbound import OnWay, Outbound
from sipwright.stack.pipeline import Pipeline
from sipwright.stack.reconnecting_flow import ReconnectingFlow
from sipwright.stack.source import return_address, stamp_source
from sipwright.stack.timer_heap import CallLater, TimerHandle
from sipwright.stack.tokens import RandomTokens
from sipwright.transport.base import Transport, ignore_closed
from sipwright.transport.flow import Flow, parse_flow_key
from sipwright.transport.resolver import Resolver, Target
from sipwright.transport.tap import Tap

BRANCH_COOKIE = "z9hG4bK"
_BRANCH = re.compile(rb"branch=([!-:<-~]+)")
SHORTEST_TICK, LONGEST_TICK = 0.01, 0.1

Send = Callable[[bytes, transaction.Flow], None]
OnStrayResponse = Callable[[Response, Flow], None]


@dataclass(frozen=True, slots=True)
class StackSnapshot:
    """What a console shows of a stack."""

    requests: int
    responses: int
    malformed: int
    stray_responses: int
    failed: int
    waiting: int
    transactions: LayerSnapshot
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
        clock: Callable[[], float] = time.monotonic,
        call_later: CallLater | None = None,
        random_token: Callable[[], str] | None = None,
        timers: TimerValues | None = None,
        logger: FilteringBoundLogger | None = None,
        tap: Tap | None = None,
        on_stray_response: OnStrayResponse | None = None,
        on_absorbed_ack: Callable[[Incoming], None] | None = None,
    ) -> None:
        """Put the stack together; it is deaf until `start`.

        Args:
            transports: The sockets, in the order in which they are preferred.
            pipeline: Who is offered the requests.
            resolver: Who finds the way to a URI (RFC 3263).
            public_address: The address that peers outside see, where it is not the one that we listen on.
            clock: Monotonic time.
            call_later: As of the event loop.
            random_token: What makes branches.
            timers: T1 and its kin (RFC 3261 §17).
            logger: Where faults are logged.
            tap: Who hears every message.
            on_stray_response: Called with a response of no transaction, such as a 2xx that comes again
                (RFC 3261 §13.2.2.4).
            on_absorbed_ack: Called with an ACK to a failure that was answered statelessly: nobody needs it, a trace
                may show it.
        """
        self.transports = tuple(transports)
        self.pipeline = pipeline
        self.clock = clock
        self.random_token = random_token or RandomTokens()
        self.tap = tap or Tap()
        # The core asks less of a flow than we do; it only ever gets ours.
        self.layer = TransactionLayer(cast(Send, self._transmit), timers)
        self.layer.timers.on_first = self._arm
        self._on_stray_response = on_stray_response
        self._on_absorbed_ack = on_absorbed_ack
        self.addresses = Addresses(self.transports, public_address)
        self._call_later = call_later
        self._outbound = Outbound(
            self.transports, self.addresses, resolver or Resolver(), clock, self.call_later, pipeline.spawn
        )
        self._log = logger or structlog.get_logger()
        self._malformed = Malformed(self, self._log)
        self._timer: TimerHandle | None = None
        self._held: list[tuple[bytes, Flow]] = []
        self._requests = self._responses = self._strays = self._failed = 0
        for transport in self.transports:
            transport.tap = self.tap
            transport.on_message = self.receive
            transport.on_framing_error = self._malformed.refuse
            transport.on_flow_closed = self._flow_closed
            transport.on_undelivered = self._undelivered

    async def start(self, *, is_held: bool = False) -> None:
        """Open the transports.

        With `is_held` what comes in waits until `release`: an earlier process's calls are to be there first.

        Raises:
            OSError: An address cannot be had.
        """
        if is_held:
            self.hold()
        started: list[Transport] = []
        try:
            for transport in self.transports:
                await transport.start()
                started.append(transport)
        except OSError:
            for transport in started:
                await transport.close()
            raise

    def hold(self) -> None:
        """Let what comes in wait until `release`."""
        for transport in self.transports:
            transport.on_message = self._hold

    def release(self) -> None:
        """Take what has come in while it was held, and from now on whatever comes."""
        for transport in self.transports:
            transport.on_message = self.receive
        held, self._held = self._held, []
        for data, flow in held:
            self.receive(data, flow)

    def _hold(self, data: bytes, flow: Flow) -> None:
        self._held.append((data, flow))

    def stop_listening(self) -> None:
        """Take nothing more that comes in, as nobody could be told any more that it has come; sending goes on."""
        for transport in self.transports:
            transport.on_message = _drop

    async def close(self) -> None:
        """Stop the handlers that wait, and close the transports; connections that end now tell nobody."""
        for transport in self.transports:
            transport.on_flow_closed = ignore_closed
        await self.pipeline.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for transport in self.transports:
            await transport.close()

    @property
    def messages(self) -> int:
        """How many requests and responses have come in."""
        return self._requests + self._responses

    @property
    def resolver(self) -> Resolver:
        """Who finds the way to a URI."""
        return self._outbound.resolver

    def snapshot(self) -> StackSnapshot:
        """Return the counters of this stack and of what is below it."""
        return StackSnapshot(
            requests=self._requests,
            responses=self._responses,
            malformed=self._malformed.count,
            stray_responses=self._strays,
            failed=self._failed + self.pipeline.failed,
            waiting=self.pipeline.waiting,
            transactions=self.layer.snapshot(),
            transports=tuple(transport.snapshot() for transport in self.transports),
        )

    # --- receiving -----------------------------------------------------------------------------------

    def receive(self, data: bytes, flow: Flow) -> None:
        """Take one message from the wire to whoever handles it."""
        try:
            message = parse(data)
            if isinstance(message, Request):
                self._receive_request(message, flow, self.clock())
            else:
                self._responses += 1
                if not self.layer.match_response(message, self.clock()):
                    self._receive_stray(message, flow)
        except ParseError as error:
            self._malformed.refuse(error, flow)
        except Exception:
            # The root of everything that a socket or a connection starts.
            self._failed += 1
            self._log.exception("message failed", source=flow.key)
        if self._timer is None:
            self._arm()

    def _receive_request(self, request: Request, flow: Flow, now: float) -> None:
        self._requests += 1
        method = request.method
        # Nobody answers an ACK.
        reply_flow = flow if method == "ACK" else stamp_source(request, flow)
        layer = self.layer
        if layer.match_request(request, now, reply_flow):
            return
        incoming = Incoming(self, request, flow, reply_flow, now)
        if method == "ACK":
            if request.to_tag == self.tag_for(request):
                # It acknowledges a failure that we answered statelessly.
                if self._on_absorbed_ack is not None:
                    self._on_absorbed_ack(incoming)
                return
        elif method == "CANCEL":
            incoming.reply_statelessly(481)
            return
        elif request.to_tag is None and layer.is_merged(request):
            self.pipeline.refuse(incoming, Reject(482, "Loop Detected"))
            return
        self.pipeline(incoming)

    def _receive_stray(self, response: Response, flow: Flow) -> None:
        self._strays += 1
        if self._on_stray_response is not None and self._is_sent_by_us(response, flow):
            self._on_stray_response(response, flow)

    def _is_sent_by_us(self, response: Response, flow: Flow) -> bool:
        """RFC 3261 §18.1.2: a response to a Via that is not ours is silently discarded."""
        via = response.top_via
        return via.sent_by == self.addresses.sent_by(flow) or self.addresses.is_own(via.host, via.port)

    # --- sending -------------------------------------------------------------------------------------

    def send_request(self, request: Request, to: Flow | Target, user: ClientUser | None) -> ClientTransaction:
        """Send a request in a transaction of its own, whose responses go to `user`.

        The request must have no Via of ours yet. Given a target, the flow is chosen here: TCP connects while
        the transaction waits, and a large request to a UDP target tries TCP first (RFC 3261 §18.1.1).

        Raises:
            OSError: There is no way to the target at all.
        """
        flow = self._outbound.put_via(request, to, self.new_branch())
        return self.start_client(request, flow, user)

    def start_client(self, request: Request, flow: Flow, user: ClientUser | None) -> ClientTransaction:
        """Send a request that has its Via already, over a flow that is known, in a transaction of its own."""
        tx = self.layer.client(request, flow, user, self.clock())
        if flow.is_reliable and not isinstance(flow, ReconnectingFlow):
            self._outbound.watch(tx, flow)
        if self._timer is None:
            self._arm()
        return tx

    def send_stateless(self, request: Request, to: Flow | Target) -> None:
        """Send a request without a transaction: the ACK for a 2xx. Puts a Via on top if there is none.

        Raises:
            OSError: It cannot be sent.
        """
        flow = to if isinstance(to, Flow) else None
        if "Via" not in request.headers:
            flow = self._outbound.put_via(request, to, self.new_branch())
        (flow or self._outbound.flow_to(to)).send(bytes(request))  # type: ignore[arg-type]

    def send_response(self, response: Response | bytes, flow: Flow) -> None:
        """Send a response without a transaction; one that cannot be sent is lost, as on a network."""
        try:
            self._transmit(bytes(response), flow)
        except OSError:
            pass

    def flow_for(self, target: Target) -> Flow | None:
        """Return the flow to a target if one can be used at once: over TCP, a known connection."""
        return self._outbound.find(target)

    def flow_from_key(self, key: str) -> Flow | None:
        """Return the flow that `Flow.key` described, perhaps in an earlier process; None when it is gone."""
        return self._outbound.from_key(key)

    def reconnecting_flow(self, key: str) -> ReconnectingFlow | None:
        """Return a flow for a connection that is gone, which its peer may open again; None over UDP."""
        try:
            parts = parse_flow_key(key)
        except ValueError:
            return None
        is_reliable = any(each.is_reliable for each in self.transports if each.protocol == parts.protocol)
        return ReconnectingFlow(parts) if is_reliable else None

    def larger_flow(self, target: Target, flow: Flow) -> Flow | None:
        """Return the flow for a request that is too large for UDP, if the target may take TCP (RFC 3261 §18.1.1)."""
        return self._outbound.flow_for_large(target, flow)

    def reach(self, uri: Uri, then: OnWay) -> None:
        """Find the way to a URI (RFC 3263) and call `then` with it: at once where nothing must be looked up."""
        self._outbound.reach(uri, then)

    async def connect(self, target: Target) -> Flow:
        """Return an open flow to a target. Raises OSError."""
        transport = self._outbound.transport_for(target.protocol, target.host)
        return await transport.connect((target.host, target.port))

    def new_branch(self) -> str:
        """Make a branch that nobody has used or can guess."""
        return BRANCH_COOKIE + self.random_token()

    def via_for(self, flow: Flow, branch: str) -> str:
        """Return the Via value for a request of ours on a flow."""
        return self._outbound.via_for(flow, branch)

    def local_contact(self, flow: Flow, user: str | None = None) -> str:
        """Return the Contact value under which the peer of a flow reaches us; `user` is escaped already."""
        sent_by = self.addresses.sent_by(flow)
        address = f"{user}@{sent_by}" if user else sent_by
        return f"<sip:{address}>" if flow.protocol == "udp" else f"<sip:{address};transport={flow.protocol}>"

    def is_own_address(self, host: str, port: int | None = None) -> bool:
        """Return whether an IP address with a port (5060 when it is None) is where this stack listens."""
        return self.addresses.is_own(host, port)

    def is_own_host(self, host: str) -> bool:
        """Return whether an IP address is one that this stack listens on, on whatever port."""
        return self.addresses.is_own_host(host)

    def tag_for(self, request: Request) -> str:
        """Return our To tag for a request, the same one every time (RFC 3261 §8.2.7)."""
        via = request.top_via
        # Keyed by the random hash seed of this process, so nobody outside can guess it.
        number = hash((via.branch, via.host, request.call_id))
        return f"{number & 0xFFFF_FFFF_FFFF_FFFF:016x}"

    def _transmit(self, data: bytes, flow: Flow) -> None:
        """Send for the transactions; a response whose connection has ended opens another one (§18.2.2)."""
        try:
            flow.send(data)
        except OSError:
            if not (flow.is_reliable and data.startswith(b"SIP/2.0 ")):
                raise
            response = parse(data)
            address = return_address(response) if isinstance(response, Response) else None
            if address is None:
                raise
            self._outbound.flow_to(Target(flow.protocol, *address)).send(data)

    def _flow_closed(self, flow: Flow, error: OSError | None) -> None:
        now = self.clock()
        for tx in self._outbound.flow_closed(flow):
            tx.handle(TRANSPORT_ERROR, None, now)
            self.layer.perform(tx, now)

    def _undelivered(self, data: bytes) -> None:
        """End the transaction of a request that has found nobody (RFC 3261 §18.4, §17.1.4).

        Nobody else can make us believe it: its branch cannot be guessed. It counts for the INVITE of a new call, whose
        caller waits for the next server. All else goes on until its timer: a registrar, or the peer of a call that
        is being started again as we may be, is then found within seconds, and no call is lost for it.
        """
        branch = _BRANCH.search(data)
        if branch is None:
            return
        method = data.partition(b" ")[0].decode("latin-1")
        tx = self.layer.find_client(branch[1].decode("ascii"), method)
        if tx is not None and method == "INVITE" and tx.request.to_tag is None:
            now = self.clock()
            tx.handle(TRANSPORT_ERROR, None, now)
            self.layer.perform(tx, now)

    # --- after a restart -------------------------------------------------------------------------------

    def restore_server(
        self, request: Request, flow: Flow, user: ServerUser | None, last_response: bytes | None = None
    ) -> ServerTransaction:
        """Go on with a server transaction of an earlier process."""
        tx = self.layer.restore_server(request, flow, user, self.clock(), last_response)
        self._arm()
        return tx

    def restore_answered(self, response: bytes, flow: Flow, user: ServerUser | None) -> ServerTransaction:
        """Go on with a server transaction of an earlier process that had sent its final response."""
        tx = self.layer.restore_answered(response, flow, user, self.clock())
        self._arm()
        return tx

    def restore_client(
        self, request: Request, flow: Flow, user: ClientUser | None, state: str = CALLING
    ) -> ClientTransaction:
        """Go on with a client transaction of an earlier process."""
        tx = self.layer.restore_client(request, flow, user, self.clock(), state)
        if flow.is_reliable and not isinstance(flow, ReconnectingFlow):
            self._outbound.watch(tx, flow)
        self._arm()
        return tx

    # --- time --------------------------------------------------------------------------------------------

    def call_later(self, delay: float, callback: Callable[[], None]) -> TimerHandle:
        """Call `callback` after `delay` seconds of this stack's clock."""
        if self._call_later is None:
            self._call_later = asyncio.get_running_loop().call_later
        return self._call_later(delay, callback)

    def _arm(self) -> None:
        """Sleep until the next deadline, but never long: shorter timers may start while the loop sleeps.

        So nothing on the way of a message has to compare deadlines.
        """
        if self._timer is not None:
            return
        deadline = self.layer.next_deadline()
        if deadline is not None:
            delay = min(max(deadline - self.clock(), SHORTEST_TICK), LONGEST_TICK)
            self._timer = self.call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        try:
            self.layer.advance(self.clock())
        except Exception:
            # A handler failed on a timeout; the other transactions go on at the next tick.
            self._failed += 1
            self._log.exception("timer failed")
        self._arm()


def _drop(data: bytes, flow: Flow) -> None:
    """Take no notice of a message."""
