"""What we call ourselves, and where a request came from: addresses as the peer at the other end can use them.

A flow knows its own local address, from the packet or from the routing table. A configured public address
stands in for it towards peers outside the private networks, as behind a port forwarding. The source of a request is
written into its top Via, and responses take its flow (RFC 3261 §18.2.1 and §18.2.2, RFC 3581 §4).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from sipwright.sdp import is_private
from sipwright.sip.headers import Via
from sipwright.sip.message import Request, Response
from sipwright.sip.uri import DEFAULT_PORTS
from sipwright.transport.base import Transport
from sipwright.transport.flow import WILDCARDS, Address, Flow, format_address
from sipwright.transport.route import Routes, is_ip_address

_SHARED = ipaddress.ip_network("100.64.0.0/10")
_NEAR = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"))
)


class Addresses:
    """The addresses of one stack."""

    def __init__(
        self, transports: Sequence[Transport], public_address: str | None = None, routes: Routes | None = None
    ) -> None:
        self._transports = transports
        self.public_address = public_address.strip("[]") if public_address else None
        self._routes = routes or Routes()
        self.bound: set[tuple[str, int | None]] = set()
        """Where we listen once it is open, each with its port and without one; none that stands for all addresses."""

    def note_bound(self) -> None:
        """Note where the transports listen, as that is asked for each request that names an address of ours."""
        for transport in self._transports:
            host, port = transport.local
            if host not in WILDCARDS:
                self.bound |= {(host, None), (host, port)}

    def sent_by(self, flow: Flow) -> str:
        """Return `host:port` for our Via on a flow."""
        sent_by = flow.sent_by
        if sent_by is None:
            host, port = flow.local
            public = self.public_address
            if public is not None and (":" in public) == (":" in host) and not is_near(flow.remote[0]):
                host = public
            sent_by = flow.sent_by = format_address((host.partition("%")[0], port))
        return sent_by

    def is_own_host(self, host: str) -> bool:
        """Return whether we listen on an IP address, on whatever port."""
        if host[-1:].isalpha() and ":" not in host:
            return host.lower() == self.public_address  # a name, as nearly everybody is of
        host = host.strip("[]").lower()
        for transport in self._transports:
            bound = transport.local[0]
            if bound == host or (bound in WILDCARDS and self._is_reached_at(transport, host)):
                return True
        return host == self.public_address

    def is_own(self, host: str, port: int | None = None) -> bool:
        """Return whether an IP address with a port (5060 when it is None) is where we listen."""
        host, port = host.strip("[]").lower(), port or 5060
        for transport in self._transports:
            bound, bound_port = transport.local
            if bound_port == port and (
                host in (bound, self.public_address)
                or (bound in WILDCARDS and self._is_reached_at(transport, host))
            ):
                return True
        return False

    def _is_reached_at(self, transport: Transport, host: str) -> bool:
        return transport.reaches(host) and self._routes.is_own(host)


def is_near(host: str) -> bool:
    """Return whether an address is of this machine or of a private network, where no public address helps."""
    if not is_ip_address(host):
        return False
    address = ipaddress.ip_address(host.partition("%")[0])
    return address.is_loopback or any(address in network for network in (*_NEAR, _SHARED))


def stamp_source(request: Request, flow: Flow) -> Flow:
    """Note the source in the top Via of a request and return the flow for its responses.

    A maddr parameter is not followed: whoever may choose where a response goes can aim it at others.
    """
    via = request.top_via
    host, port = flow.remote
    if "%" in host:
        host = host.partition("%")[0]
    request.headers.note_source(via, host, port)
    params = via.params
    if flow.is_reliable:
        if "alias" in params and via.host == host:
            # Only for a port of the address that the connection really comes from.
            flow.add_alias((flow.remote[0], via.port or _default_port(via)))
        return flow
    sent_by_port = via.port or _default_port(via)
    if "rport" in params or sent_by_port == port or is_translated(via.host, host):
        return flow
    return flow.redirected(sent_by_port)


def is_translated(sent_by: str, source: str) -> bool:
    """Return whether a NAT stands before somebody: a private address is named, and another one is seen.

    At the outer address of a NAT the port that is named inside leads nowhere (RFC 3581 §1), so responses go where the
    request has come from, though `rport` was not asked for: old phones do not, and would never hear anything.
    """
    return sent_by != source and is_private(sent_by.strip("[]"))


def return_address(response: Response) -> Address | None:
    """Return where to open a connection for a response whose own has ended; None when nobody knows."""
    via: Via = response.top_via
    host = via.received or via.host
    return (host, via.port or _default_port(via)) if host else None


def _default_port(via: Via) -> int:
    """Return the port of a Via that names none (RFC 3261 §18.2.2)."""
    return DEFAULT_PORTS.get(via.transport.lower(), 5060)
