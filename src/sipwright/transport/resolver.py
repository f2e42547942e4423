"""Locating servers (RFC 3263): which addresses a URI leads to, over what, in which order.

`resolve_now` answers from what is known, so that a URI with an IP address never waits. What must be asked is asked once
for all who want it at the same time, and kept as long as the records say. The order that SRV records leave to chance is
drawn once and kept with them, so that whatever goes to one provider goes to the same server meanwhile. While nobody
answers, what was known is still used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from sipwright.memo import Bounded
from sipwright.sip.uri import Uri
from sipwright.transport.dns_lookup import NO_RECORD_TTL, NameLookup, Service, ServiceLookup
from sipwright.transport.flow import Trust
from sipwright.transport.route import is_ip_address

CAPACITY = 4_096
MOST_AT_ONCE = 1_000
SHORTEST_TTL, LONGEST_TTL = 5.0, 3_600.0
FAILURE_TTL = 10.0
"""Seconds for which nobody is asked again, after nobody has answered."""

_MOST_NAMED = 3
"""Servers of a domain that are named where none of them has an address."""

TRANSPORTS = ("udp", "tcp")
"""What is asked for where a URI names no transport, and nobody says what is spoken here."""

_SPOKEN = ("udp", "tcp", "tls")

Lookup = Callable[[str], Awaitable[tuple[list[str], float]]]
"""Returns the IP addresses of a name and how many seconds they hold; none when it has none; OSError: nobody answers."""

Services = Callable[[str, Sequence[str]], Awaitable[tuple[list[Service], float]]]
"""Returns the servers of a domain for some protocols, as `Lookup` does addresses."""


class Target(NamedTuple):
    """A place to send a request to; the host is an IP address, and `trust` says who has to be there."""

    protocol: str
    host: str
    port: int
    trust: Trust | None = None


class ResolveError(OSError):
    """The URI leads nowhere: unknown name, or a transport that we do not speak."""


class Resolver:
    """Turns URIs into targets and remembers the names for a while.

    Args:
        lookup: Who is asked for addresses; by default the hosts file and the DNS.
        services: Who is asked for the servers of a domain; by default the DNS, and nobody when `lookup` is given.
        clock: The time, in seconds.
        server: The DNS server to ask, in place of those of the system.
        transports: What is spoken here, for domains that leave it to us, best first.
    """

    def __init__(
        self,
        lookup: Lookup | None = None,
        services: Services | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        server: tuple[str, int] | None = None,
        transports: Sequence[str] = TRANSPORTS,
    ) -> None:
        if lookup is None:
            lookup, services = NameLookup(server=server), services or ServiceLookup(server=server)
        self._lookup = lookup
        self._services = services
        self._clock = clock
        self._transports = tuple(transports)
        self._known: Bounded[str, tuple[float, list[str], bool]] = Bounded(CAPACITY)
        """Until when an answer holds, the addresses, and whether somebody has answered at all."""
        self._known_services: Bounded[str, tuple[float, list[Service]]] = Bounded(CAPACITY)
        self._running: dict[str, asyncio.Task[Any]] = {}
        self.found_at = float("-inf")
        """When an address was last found for any name: the DNS worked then."""

    def resolve_now(self, uri: Uri) -> list[Target] | None:
        """Return the targets of a URI, best first, or None when its name must be looked up first.

        Raises:
            ResolveError: The URI leads nowhere.
        """
        host, protocol = _host_of(uri), _protocol_of(uri)
        if is_ip_address(host):
            return [_target(protocol, host, uri.used_port, uri)]
        now = self._clock()
        services: list[Service] = []
        if self._has_services(uri, host):
            found = self._known_services.get(_question(uri, host))
            if found is None or found[0] <= now:
                return None
            services = found[1]
        for name in [service.host for service in services] or [host]:
            known = self._known.get(name)
            if known is None or known[0] <= now:
                return None
        return self._targets(uri, services)

    def has_no_address(self, uri: Uri) -> bool:
        """Return whether the name in a URI was looked up of late, and no address was found."""
        return all(one is not None and not one[1] for one in self._known_of(uri))

    def is_unanswered(self, uri: Uri) -> bool:
        """Return whether nobody who was asked of late has said anything about a name in a URI."""
        return any(one is not None and not one[2] for one in self._known_of(uri))

    def trouble_with(self, uri: Uri) -> str | None:
        """Say what the DNS has said, of late, of a name that leads nowhere; None if nothing is wrong with it."""
        if not self.has_no_address(uri):
            return None
        if self.is_unanswered(uri):
            return "the DNS does not answer"
        servers = self._servers_of(uri)
        if servers:
            return f"the DNS names {', '.join(servers[:_MOST_NAMED])} as its server, and knows no address of that"
        return "the DNS knows no address of this name"

    def _servers_of(self, uri: Uri) -> list[str]:
        host = named_host(uri)
        found = self._known_services.get(_question(uri, host)) if self._has_services(uri, host) else None
        return [] if found is None else list(dict.fromkeys(service.host for service in found[1]))

    def _known_of(self, uri: Uri) -> list[tuple[float, list[str], bool] | None]:
        """Return what is known of the names that a URI leads to."""
        return [self._known.get(name) for name in self._servers_of(uri) or [named_host(uri)]]

    def is_absent(self, uri: Uri) -> bool:
        """Return whether the name in a URI does not exist, as somebody has said who was asked of late."""
        known = self._known.get(named_host(uri))
        return known is not None and not known[1] and known[2] and self.has_no_address(uri)

    async def resolve(self, uri: Uri) -> list[Target]:
        """Return the targets of a URI, best first.

        Raises:
            ResolveError: The URI leads nowhere.
        """
        targets = self.resolve_now(uri)
        if targets is not None:
            return targets
        host = _host_of(uri)
        services: list[Service] = []
        if self._has_services(uri, host):
            question = _question(uri, host)
            known = self._known_services.get(question)
            if known is None or known[0] <= self._clock():
                services = await self._once(question, lambda: self._look_for_services(uri, host))
            else:
                services = known[1]
        names = dict.fromkeys([service.host for service in services] or [host])
        await asyncio.gather(*(self._find(name) for name in names))
        return self._targets(uri, services)

    def _has_services(self, uri: Uri, host: str) -> bool:
        """Return whether a domain is to be asked for its servers: a port says which one is meant (RFC 3263 §4.2)."""
        return self._services is not None and uri.port is None and "." in host.rstrip(".")

    def _wanted(self, uri: Uri) -> Sequence[str]:
        """Return what may be spoken: what the URI says, or whatever is spoken here."""
        is_said = uri.transport is not None or uri.scheme == "sips"
        return (_protocol_of(uri),) if is_said else self._transports

    def _targets(self, uri: Uri, services: list[Service]) -> list[Target]:
        host = named_host(uri)
        places = services or [Service(_protocol_of(uri), host, uri.used_port)]
        found = []
        for protocol, name, port in places:
            known = self._known.get(name)
            found += (
                [_target(protocol, address, port, uri) for address in known[1]] if known is not None else []
            )
        if not found:
            raise ResolveError(f"no address found for {host[:100]}")
        return found

    async def _find(self, name: str) -> None:
        """See to it that the addresses of a name are known."""
        if is_ip_address(name):  # which SRV records may not have (RFC 2782), and some do
            self._known.keep(name, (self._clock() + LONGEST_TTL, [name], True))
            return
        known = self._known.get(name)
        if known is None or known[0] <= self._clock():
            await self._once(name, lambda: self._look_up(name))

    async def _once(self, question: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Ask, together with all who ask the same at the same time."""
        task = self._running.get(question)
        if task is None:
            if len(self._running) >= MOST_AT_ONCE:
                raise ResolveError(f"too many names are being looked up: {question}")
            task = asyncio.ensure_future(ask())
            self._running[question] = task
            task.add_done_callback(lambda _: self._running.pop(question, None))
        # Whoever gives up waiting must not take the answer away from the others.
        return await asyncio.shield(task)

    async def _look_up(self, name: str) -> None:
        before = self._known.get(name)
        is_answered = True
        try:
            addresses, ttl = await self._lookup(name)
        except OSError:
            is_answered = False
            addresses, ttl = before[1] if before is not None else [], FAILURE_TTL
        now = self._clock()
        if addresses and is_answered:
            self.found_at = now
        self._known.keep(name, (now + _holds(ttl, found=bool(addresses)), addresses, is_answered))

    async def _look_for_services(self, uri: Uri, host: str) -> list[Service]:
        assert self._services is not None
        question = _question(uri, host)
        before = self._known_services.get(question)
        try:
            services, ttl = await self._services(host, self._wanted(uri))
        except OSError:
            services, ttl = before[1] if before is not None else [], FAILURE_TTL
        self._known_services.keep(
            question, (self._clock() + min(max(ttl, SHORTEST_TTL), LONGEST_TTL), services)
        )
        return services


def _holds(ttl: float, *, found: bool) -> float:
    """Return for how many seconds an answer is kept."""
    return min(max(ttl, SHORTEST_TTL), LONGEST_TTL) if found else NO_RECORD_TTL


def _target(protocol: str, host: str, port: int, uri: Uri) -> Target:
    """Return a place, which over TLS has to be that of the domain that was looked up (RFC 5922 §7.3)."""
    return Target(protocol, host, port, Trust(named_host(uri)) if protocol == "tls" else None)


def _question(uri: Uri, host: str) -> str:
    is_said = uri.transport is not None or uri.scheme == "sips"
    return f"{host} {uri.protocol if is_said else ''}"


def named_host(uri: Uri) -> str:
    """Return the host to look for: maddr where the URI has one (RFC 3263 §4, "TARGET")."""
    return (uri.params.get("maddr") or uri.host).strip("[]").lower()


def _host_of(uri: Uri) -> str:
    if not uri.host:
        raise ResolveError(f"cannot send to a {uri.scheme}: URI")
    return named_host(uri)


def _protocol_of(uri: Uri) -> str:
    protocol = uri.protocol
    if protocol not in _SPOKEN or (uri.scheme == "sips" and protocol != "tls"):
        raise ResolveError(f"cannot send a {uri.scheme}: request over {uri.transport or protocol}")
    return protocol
