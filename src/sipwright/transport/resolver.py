"""Locating servers (RFC 3263), in its first form: IP literals, A and AAAA records, explicit ports.

`resolve_now` answers from what is known, so that a URI with an IP address never waits. Names are looked up
in the hosts file and then in the DNS, once for all who ask at the same time, and kept as long as their record
says. SRV and NAPTR belong behind the same two functions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sipwright.memo import Bounded
from sipwright.sip.uri import Uri
from sipwright.transport.route import is_ip_address

if TYPE_CHECKING:
    import dns.asyncresolver

DEFAULT_PORT = 5060
CAPACITY = 4_096
MOST_AT_ONCE = 1_000
SHORTEST_TTL, LONGEST_TTL, FAILURE_TTL = 5.0, 3_600.0, 10.0
LOOKUP_TIMEOUT = 5.0
TRANSPORTS = ("udp", "tcp")

Lookup = Callable[[str], Awaitable[tuple[list[str], float]]]
"""Returns the IP addresses of a name and how many seconds they hold; none when the name has none."""


class Target(NamedTuple):
    """A place to send a request to; the host is an IP address."""

    protocol: str
    host: str
    port: int


class ResolveError(OSError):
    """The URI leads nowhere: unknown name, or a transport that we do not speak."""


class Resolver:
    """Turns URIs into targets and remembers the names for a while."""

    def __init__(self, lookup: Lookup | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lookup = lookup or NameLookup()
        self._clock = clock
        self._known: Bounded[str, tuple[float, list[str]]] = Bounded(CAPACITY)
        self._running: dict[str, asyncio.Task[list[str]]] = {}

    def resolve_now(self, uri: Uri) -> list[Target] | None:
        """Return the targets of a URI, or None when its name must be looked up first.

        Raises:
            ResolveError: The URI leads nowhere.
        """
        host, protocol = _host_of(uri), _protocol_of(uri)
        if is_ip_address(host):
            return [Target(protocol, host, uri.port or DEFAULT_PORT)]
        known = self._known.get(host)
        if known is None or known[0] <= self._clock():
            return None
        return _targets(uri, protocol, host, known[1])

    def has_no_address(self, uri: Uri) -> bool:
        """Return whether the name in a URI was looked up of late, and no address was found."""
        known = self._known.get(named_host(uri))
        return known is not None and not known[1]

    async def resolve(self, uri: Uri) -> list[Target]:
        """Return the targets of a URI, best first.

        Raises:
            ResolveError: The URI leads nowhere.
        """
        targets = self.resolve_now(uri)
        if targets is not None:
            return targets
        host = _host_of(uri)
        return _targets(uri, _protocol_of(uri), host, await self._find(host))

    async def _find(self, host: str) -> list[str]:
        task = self._running.get(host)
        if task is None:
            if len(self._running) >= MOST_AT_ONCE:
                raise ResolveError(f"too many names are being looked up: {host}")
            task = asyncio.get_running_loop().create_task(self._look_up(host))
            self._running[host] = task
            task.add_done_callback(lambda _: self._running.pop(host, None))
        # Whoever gives up waiting must not take the answer away from the others.
        return await asyncio.shield(task)

    async def _look_up(self, host: str) -> list[str]:
        addresses, ttl = await self._lookup(host)
        ttl = min(max(ttl, SHORTEST_TTL), LONGEST_TTL) if addresses else FAILURE_TTL
        self._known.keep(host, (self._clock() + ttl, addresses))
        return addresses


class NameLookup:
    """The hosts file, then A and AAAA records."""

    def __init__(self, hosts: Path = Path("/etc/hosts"), resolver: dns.asyncresolver.Resolver | None = None):
        self._hosts = hosts
        if resolver is not None:
            self._resolver = resolver

    @cached_property
    def _resolver(self) -> dns.asyncresolver.Resolver:
        """The system's; it is loaded when the first name is to be looked up, and not while callers wait for a start."""
        return _system_resolver()

    async def __call__(self, name: str) -> tuple[list[str], float]:
        """Return the addresses of a name, IPv4 first, and the seconds they hold."""
        addresses = await asyncio.to_thread(_read_hosts, self._hosts, name)
        if addresses:
            return addresses, 60.0
        answers = await asyncio.gather(self._query(name, "A"), self._query(name, "AAAA"))
        found = [address for addresses, _ in answers for address in addresses]
        return found, min((ttl for addresses, ttl in answers if addresses), default=FAILURE_TTL)

    async def _query(self, name: str, kind: str) -> tuple[list[str], float]:
        import dns.exception

        try:
            answer = await self._resolver.resolve(name, kind, lifetime=LOOKUP_TIMEOUT)
        except (dns.exception.DNSException, OSError, UnicodeError):
            return [], FAILURE_TTL
        return [record.to_text() for record in answer], answer.rrset.ttl if answer.rrset else FAILURE_TTL


def _system_resolver() -> dns.asyncresolver.Resolver:
    import dns.asyncresolver

    try:
        return dns.asyncresolver.Resolver()
    except (dns.resolver.NoResolverConfiguration, OSError):
        # A machine without a DNS server still has a hosts file.
        return dns.asyncresolver.Resolver(configure=False)


def _read_hosts(path: Path, name: str) -> list[str]:
    wanted = name.rstrip(".").lower()
    found = []
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        text = ""
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if wanted in (other.lower() for other in names) and is_ip_address(address):
            found.append(address)
    return sorted(found, key=lambda address: ":" in address)


def named_host(uri: Uri) -> str:
    """Return the host to look for: maddr where the URI has one (RFC 3263 §4, "TARGET")."""
    return (uri.params.get("maddr") or uri.host).strip("[]").lower()


def _host_of(uri: Uri) -> str:
    if not uri.host:
        raise ResolveError(f"cannot send to a {uri.scheme}: URI")
    return named_host(uri)


def _protocol_of(uri: Uri) -> str:
    protocol = uri.transport or "udp"
    if uri.scheme == "sips" or protocol not in TRANSPORTS:
        raise ResolveError(f"cannot send over {'tls' if uri.scheme == 'sips' else protocol}")
    return protocol


def _targets(uri: Uri, protocol: str, host: str, addresses: list[str]) -> list[Target]:
    if not addresses:
        raise ResolveError(f"no address found for {host[:100]}")
    return [Target(protocol, address, uri.port or DEFAULT_PORT) for address in addresses]
