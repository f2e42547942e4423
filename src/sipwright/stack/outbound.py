"""Which flow a request takes, and what becomes of it when the connection does not last.

The transport may turn out to be another than the target says: large requests to UDP targets go over TCP where
that is taken (RFC 3261 §18.1.1). Connections that fail tell the transactions that wait on them (§17.1.4).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence

from sipwright.memo import Bounded
from sipwright.sip.errors import ParseError
from sipwright.sip.message import Request, Response
from sipwright.sip.parser import parse
from sipwright.sip.transaction import TERMINATED, ClientTransaction
from sipwright.sip.uri import Uri
from sipwright.stack.addresses import Addresses, return_address
from sipwright.stack.failed_servers import FailedServers
from sipwright.stack.own_network import OwnNetwork
from sipwright.stack.reconnecting_flow import ReconnectingFlow, connection_of
from sipwright.stack.timer_heap import CallLater
from sipwright.stack.udp_fallback import LARGEST_OVER_UDP, MEMORY, PATIENCE, FallbackFlow
from sipwright.transport.base import Transport
from sipwright.transport.flow import Address, Flow, Trust, is_wildcard, parse_flow_key, place_of
from sipwright.transport.resolver import Resolver, Target, named_host

REMEMBERED = 4_096

_SPOKEN = ("udp", "tcp", "tls")
"""What requests to servers can be sent over, if it is switched on."""

OnWay = Callable[[Target | None, Flow | None], None]
"""Called with the way that was found: where to, and over which flow."""

Refuses = Callable[[Target], bool]
"""Whether nothing may be sent to a target."""


class Outbound:
    """The outgoing side of a stack."""

    def __init__(
        self,
        transports: Sequence[Transport],
        addresses: Addresses,
        own_network: OwnNetwork,
        resolver: Resolver,
        clock: Callable[[], float],
        call_later: CallLater,
        spawn: Callable[[Coroutine[None, None, None]], None],
        ask: Callable[[Target], None],
    ) -> None:
        self._transports = transports
        self._addresses = addresses
        self._own_network = own_network
        self.resolver = resolver
        self._clock = clock
        self._call_later = call_later
        self._spawn = spawn
        self._refuses_tcp: Bounded[Address, float] = Bounded(REMEMBERED)
        self.failed = FailedServers(clock, call_later, ask)
        self._attempts: dict[Flow, list[FallbackFlow]] = {}
        self._waiting: dict[Flow, list[ClientTransaction]] = {}
        self.has_peers = False
        self.flow_elsewhere: Callable[[str], Flow | None] = _alone
        """The flow to a phone at another node, by its key."""
        self.lent: Callable[[str, str], Flow | None] = _nobody_lends
        """The flow of a connection that another worker has, by its name and the key of the flow there."""
        self.instead: Callable[[Flow, Flow], Flow | None] = _by_same_node
        """The way to where a phone has come from another flow, for what it may have heard of by that."""

    # --- finding flows -------------------------------------------------------------------------------

    def flow_to(self, target: Target) -> Flow:
        """Return a flow to a target; a connection that must be opened first queues what it is given.

        Raises:
            OSError: We do not listen on this protocol, or nothing leads there.
        """
        transport = self.transport_for(target.protocol, target.host)
        return transport.flow((target.host, target.port), trust=target.trust)

    def reach(
        self, uri: Uri, then: OnWay, beside: Flow | None = None, *, is_proved: bool = False,
        trust: Trust | None = None,
    ) -> None:  # fmt: skip
        """Find the way to a URI that somebody has named (RFC 3263) and call `then` with it: at once, unless names wait.

        There is none into our own network, but for what `OwnNetwork` says of whoever is talked to by `beside`. `trust`
        says who has to be there where TLS shows it, if it is not the host of the URI.
        """
        host = named_host(uri)
        self._reach(
            uri, then, lambda each: self._own_network.refuses(each, host, beside, is_proved=is_proved), trust
        )

    def reach_provider(self, uri: Uri, then: OnWay, trust: Trust | None = None) -> None:
        """Find the way to a URI of our own settings, wherever it leads, as `reach` does for all others."""
        self._reach(uri, then, None, trust)

    def refusal(self, uri: Uri, beside: Flow | None = None, *, is_proved: bool = False) -> str | None:
        """Return why no way is found to a URI whose name was looked up, if that is in our own network."""
        try:
            targets = self.resolver.resolve_now(uri) or []
        except OSError:
            return None
        host, refuses = named_host(uri), self._own_network.refuses
        if not targets or not all(refuses(each, host, beside, is_proved=is_proved) for each in targets):
            return None
        return f"{targets[0].host} is in our own network: allow it with [sip] networks"

    def why_no_way(self, uri: Uri) -> str:
        """Say, of a URI of our own settings to which no way was found, what is wrong: the DNS, or something here."""
        trouble = self.resolver.trouble_with(uri)
        if trouble is not None:
            return trouble
        protocol = uri.protocol
        if protocol not in _SPOKEN:
            return f"{protocol.upper()} is not spoken here; ';transport=' takes {', '.join(_SPOKEN)}"
        if not self.speaks(protocol):
            return f"{protocol.upper()} is switched off here; see [sip] {protocol}"
        return "no network of this machine leads there"

    def moves_on(self, uri: Uri, flow: Flow, trust: Trust | None = None, *, is_asked: bool = False) -> bool:
        """Return whether a request goes to another server of a URI, as that of a flow has failed (RFC 3263 §4.3).

        That one is avoided by all that is sent from now on; with `is_asked` until it has answered an OPTIONS.
        """
        try:
            targets = self.resolver.resolve_now(uri) or []
        except OSError:
            return False
        here = flow.protocol, *flow.remote
        others = [each for each in targets if each[:3] != here and not self.failed.has_failed(each)]
        if not any(self._choose(each.protocol, each.host) is not None for each in others):
            return False
        self.failed.failed(Target(*here, trust or flow.trust), is_asked=is_asked)
        return True

    def refuses(self, target: Target, host: str) -> bool:
        """Return whether nothing may be sent to a target, as `host` has led into our own network."""
        return self._own_network.refuses(target, host)

    def reopened(self, flow: Flow) -> Flow | None:
        """Return a new flow to where a connection of ours led that has ended; nobody else names that anew."""
        try:
            return self.flow_to(Target(flow.protocol, *flow.remote, flow.trust))
        except OSError:
            return None

    def flow_back(self, response: Response, flow: Flow) -> Flow | None:
        """Return the flow for a response whose connection has ended, to where its Via says (RFC 3261 §18.2.2).

        Raises:
            OSError: It cannot be opened.
        """
        address = return_address(response)
        if address is None:
            return None
        target = Target(flow.protocol, *address)
        is_refused = self._own_network.refuses(target, target.host, flow, is_proved=flow.is_known)
        return None if is_refused else self.flow_to(target)

    def flow_for(self, data: bytes, flow: Flow) -> Flow | None:
        """Return `flow_back` for a response as it is sent; None where its Via is what a stranger wrote, and is none.

        Raises:
            OSError: It cannot be opened.
        """
        try:
            response = parse(data)
        except ParseError:
            return None
        return self.flow_back(response, flow) if isinstance(response, Response) else None

    def way_back(self, key: str, response: Response | None) -> Flow | None:
        """Return the flow with a key, or, where that connection has ended, one over which its peer gets a response.

        That leads to the same host, to the port of the Via (RFC 3261 §18.2.2); without a response there is none.
        """
        flow = self.from_key(key)
        if flow is not None or response is None:
            return flow
        try:
            before = ReconnectingFlow(parse_flow_key(place_of(key)[1]))
            address = return_address(response)
            is_there = address is not None and address[0] == before.remote[0] and before.protocol != "udp"
            return self.flow_back(response, before) if is_there else None
        except (ValueError, OSError):
            return None

    def _reach(self, uri: Uri, then: OnWay, refuses: Refuses | None, trust: Trust | None = None) -> None:
        """Call `then` with the first way that is not refused, at once where nothing must be looked up."""
        try:
            targets = self.resolver.resolve_now(uri)
        except OSError:
            then(None, None)
            return
        if targets is None:
            self._spawn(self._look_up(uri, then, refuses, trust))
        else:
            then(*self._first_way(targets, refuses, trust))

    async def _look_up(self, uri: Uri, then: OnWay, refuses: Refuses | None, trust: Trust | None) -> None:
        try:
            targets = await self.resolver.resolve(uri)
        except OSError:
            targets = []
        then(*self._first_way(targets, refuses, trust))

    def _first_way(
        self, targets: list[Target], refuses: Refuses | None, trust: Trust | None
    ) -> tuple[Target | None, Flow | None]:
        for target in self.failed.in_order(targets):
            if trust is not None and target.trust is not None:
                target = target._replace(trust=trust)
            if refuses is not None and refuses(target):
                continue
            try:
                return target, self.flow_to(target)
            except OSError:
                continue
        return None, None

    def find(self, target: Target) -> Flow | None:
        """Return the flow to a target if one can be used at once."""
        for transport in self._transports:
            if transport.protocol == target.protocol and transport.reaches(target.host):
                flow = transport.find((target.host, target.port))
                if flow is not None:
                    return flow
        return None

    def speaks(self, protocol: str) -> bool:
        """Return whether there is a transport for a protocol."""
        return any(transport.protocol == protocol for transport in self._transports)

    def transport_for(self, protocol: str, host: str) -> Transport:
        """Return the transport that reaches an IP address.

        Raises:
            OSError: There is none.
        """
        transport = self._choose(protocol, host)
        if transport is None:
            raise OSError(f"no {protocol} transport reaches {host}")
        return transport

    def from_key(self, key: str) -> Flow | None:
        """Find the flow that has this key, or, over UDP, make it again.

        Where there are several nodes, the way to a flow at another one is by the edge of that, and once nobody acts for
        that node, over UDP, from here.
        """
        node, plain_key = place_of(key)
        if node and (elsewhere := self.flow_elsewhere(key)) is not None:
            return elsewhere
        if node and (lent := self.lent(node, plain_key)) is not None:
            return lent
        key = plain_key
        try:
            protocol, local, remote, serial = parse_flow_key(key)
        except ValueError:
            return None
        for transport in self._transports:
            host, port = transport.local
            if transport.protocol != protocol or port != local[1]:
                continue
            if host != local[0] and not (is_wildcard(host) and transport.reaches(remote[0])):
                continue
            if transport.is_reliable:
                return _if_same(transport.find(remote), remote, serial)
            try:
                return transport.flow(remote, local)
            except OSError:
                return None
        return self.from_anywhere(protocol, remote) if self.has_peers and protocol == "udp" else None

    def is_gone(self, key: str) -> bool:
        """Return whether a flow, named by its key, was a connection that has ended."""
        return not key.startswith("udp/") and self.from_key(key) is None

    def from_anywhere(self, protocol: str, remote: Address) -> Flow | None:
        """Return a flow to an address from whichever socket of ours reaches it."""
        transport = self._choose(protocol, remote[0])
        try:
            return None if transport is None else transport.flow(remote)
        except OSError:
            return None

    def _choose(self, protocol: str, host: str) -> Transport | None:
        for transport in self._transports:
            if transport.protocol == protocol and transport.reaches(host):
                return transport
        return None

    # --- Via -------------------------------------------------------------------------------------------

    def via_for(self, flow: Flow, branch: str) -> str:
        """Return the Via for a request on a flow; rport asks for symmetric routing (RFC 3581 §3)."""
        return f"{flow.sent_protocol or self._sent_protocol(flow)};branch={branch};rport"

    def put_via(self, request: Request, to: Flow | Target, branch: str) -> Flow:
        """Choose the flow of a request and put our Via on top.

        Raises:
            OSError: There is no way to the target.
        """
        flow = to if isinstance(to, Flow) else self.flow_to(to)
        request.headers.insert("Via", self.via_for(flow, branch))
        if isinstance(to, Target) and to.protocol == "udp" and len(bytes(request)) > LARGEST_OVER_UDP:
            larger = self.flow_for_large(to, flow)
            if larger is not None:
                request.headers.set_first("Via", self.via_for(larger, branch))
                return larger
        return flow

    def flow_for_size(self, size: int, flow: Flow) -> Flow:
        """Return the flow for a request of that size to somebody who is where `flow` leads, with no NAT before."""
        if size <= LARGEST_OVER_UDP or flow.protocol != "udp" or "!" in flow.key:
            return flow
        return self.flow_for_large(Target("udp", *flow.remote), flow) or flow

    def _sent_protocol(self, flow: Flow) -> str:
        flow.sent_protocol = f"SIP/2.0/{flow.protocol.upper()} {self._addresses.sent_by(flow)}"
        return flow.sent_protocol

    def flow_for_large(self, target: Target, udp: Flow) -> Flow | None:
        """Return a flow over TCP, which may fall back to `udp`; None where TCP is known not to be taken."""
        remote = (target.host, target.port)
        transport = self._choose("tcp", target.host)
        if transport is None or self._refuses_tcp.get(remote, 0.0) > self._clock():
            return None
        try:
            flow = transport.flow(remote)
        except OSError:
            return None
        if flow.is_open:
            return flow
        fallback = FallbackFlow(flow, udp, self._sent_protocol(flow), self._sent_protocol(udp))
        fallback.sent_by = flow.sent_by
        self._attempts.setdefault(flow, []).append(fallback)
        self._call_later(PATIENCE, lambda: self._give_up(flow))
        return fallback

    # --- connections that fail ---------------------------------------------------------------------------

    def watch(self, tx: ClientTransaction, flow: Flow) -> None:
        """Let a transaction on a connection hear of its end."""
        if (connection := connection_of(flow, tx)) is None:
            return
        waiting = self._waiting.setdefault(connection, [])
        waiting.append(tx)
        if len(waiting) & (len(waiting) - 1) == 0:
            # At every power of two, so that a busy connection forgets what is done at little cost.
            waiting[:] = [other for other in waiting if other.state != TERMINATED]

    def flow_closed(self, flow: Flow) -> list[ClientTransaction]:
        """Return the transactions that waited on a connection, after large requests went on by UDP."""
        self._fall_back(flow)
        return [tx for tx in self._waiting.pop(flow, ()) if tx.state != TERMINATED]

    def _give_up(self, flow: Flow) -> None:
        if flow.is_open:
            self._attempts.pop(flow, None)
        else:
            self._fall_back(flow)

    def _fall_back(self, flow: Flow) -> None:
        attempts = self._attempts.pop(flow, ())
        if attempts:
            self._refuses_tcp.keep(flow.remote, self._clock() + MEMORY)
        for attempt in attempts:
            try:
                attempt.fall_back()
            except OSError:
                # The transaction's own retransmission meets the same error, and reports it.
                pass


def _if_same(found: Flow | None, remote: Address, serial: str) -> Flow | None:
    """Return the connection that a key names, and none of somebody else that comes from the same port since."""
    if found is None or found.remote != remote:  # the peer has asked us to use it for that address
        return found
    return found if parse_flow_key(found.key).serial == serial else None


def _nobody_lends(node: str, key: str) -> Flow | None:
    """Return None: there is no other worker."""
    return None


def _by_same_node(flow: Flow, before: Flow) -> Flow | None:
    """Return the flow that was found, unless it is at another node than the one before."""
    return flow if place_of(flow.key)[0] == place_of(before.key)[0] else None


def _alone(key: str) -> Flow | None:
    """Return None: there is no other node."""
    return None
