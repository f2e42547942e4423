"""What is asked of the DNS about a name: its addresses, and the servers that its domain has for SIP (RFC 3263).

The hosts file comes first for addresses. That a name has no record is an answer; that nobody could be asked is an
``OSError``, as then what was known before is better than nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sipwright.transport.route import is_ip_address

if TYPE_CHECKING:
    import dns.asyncresolver

__all__ = [
    "NO_RECORD_TTL",
    "NameLookup",
    "Service",
    "ServiceLookup",
    "SrvRecord",
    "in_order",
    "query",
    "system_resolver",
]

LOOKUP_TIMEOUT = 5.0
NAPTR_TIMEOUT = 2.0
"""Seconds after which SRV records are asked for without it, before a call goes on to the next provider."""
NO_RECORD_TTL = 10.0
"""Seconds for which it counts that a name has no address."""

NO_SERVICE_TTL = 300.0
"""Seconds for which it counts that a domain has no SRV records: most have none, and a new one is no hurry."""

HOSTS_FILE_TTL = 60.0

_NAPTR_SERVICES = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
_SRV_NAMES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}


class Service(NamedTuple):
    """A server of a domain: how to talk to it, its name and its port."""

    protocol: str
    host: str
    port: int


_NOWHERE = Service("udp", "invalid", 0)
"""A server that nobody has (RFC 6761 §6.4)."""


class SrvRecord(NamedTuple):
    """An SRV record (RFC 2782); the lowest priority comes first."""

    priority: int
    weight: int
    port: int
    host: str


def in_order(records: Sequence[SrvRecord], chance: Callable[[], float] = random.random) -> list[SrvRecord]:
    """Put SRV records into the order in which they are to be tried: by priority, then by lot with their weights."""
    ordered: list[SrvRecord] = []
    for priority in sorted({record.priority for record in records}):
        # Those without weight first, so that they have their small chance (RFC 2782, "Weight").
        left = sorted((one for one in records if one.priority == priority), key=lambda one: one.weight > 0)
        while left:
            lot = chance() * sum(record.weight for record in left)
            for record in left:
                lot -= record.weight
                if lot <= 0:
                    break
            left.remove(record)
            ordered.append(record)
    return ordered


class _Lookup:
    """What both look-ups begin with; by default they ask the servers of the system.

    Args:
        hosts: The hosts file.
        resolver: Who asks, in place of one for `server`.
        server: The DNS server, in place of those of the system.
    """

    def __init__(
        self,
        hosts: Path = Path("/etc/hosts"),
        resolver: dns.asyncresolver.Resolver | None = None,
        server: tuple[str, int] | None = None,
    ) -> None:
        self._hosts = hosts
        self._server = server
        if resolver is not None:
            self._resolver = resolver

    @cached_property
    def _resolver(self) -> dns.asyncresolver.Resolver:
        """It is loaded when the first name is to be looked up, and not while callers wait for a start."""
        return system_resolver(self._server)


class NameLookup(_Lookup):
    """The hosts file, then A and AAAA records (RFC 3263 §4.2)."""

    async def __call__(self, name: str) -> tuple[list[str], float]:
        """Return the addresses of a name, IPv4 first, and the seconds they hold; none when it has none.

        Raises:
            OSError: Nobody could be asked.
        """
        addresses = await asyncio.to_thread(_read_hosts, self._hosts, name)
        if addresses:
            return addresses, HOSTS_FILE_TTL
        answers = await asyncio.gather(
            *(query(self._resolver, name, kind) for kind in ("A", "AAAA")), return_exceptions=True
        )
        found: list[str] = []
        holds = []
        for answer in answers:
            if isinstance(answer, tuple):
                records, ttl = answer
                found += [record.to_text() for record in records]
                holds += [ttl] if records else []
        if not found:
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
        return found, min(holds, default=NO_RECORD_TTL)


class ServiceLookup(_Lookup):
    """NAPTR and SRV records (RFC 3263 §4.1, §4.2); what the hosts file names has none."""

    chance: Callable[[], float] = staticmethod(random.random)
    """Draws the lots of weights, from 0 to 1."""

    async def __call__(self, domain: str, protocols: Sequence[str]) -> tuple[list[Service], float]:
        """Return the servers of a domain, in the order in which they are to be tried, and the seconds they hold.

        Args:
            domain: Its name.
            protocols: What may be spoken, best first; with a single one the URI has chosen it, and no NAPTR is asked.

        Raises:
            OSError: Nobody could be asked.
        """
        if await asyncio.to_thread(_read_hosts, self._hosts, domain):
            return [], HOSTS_FILE_TTL
        offers = [] if len(protocols) == 1 else await self._offers(domain, protocols)
        names = offers or [(protocol, f"{_SRV_NAMES[protocol]}.{domain}") for protocol in protocols]
        questions = (query(self._resolver, name, "SRV") for _, name in names)
        answers = await asyncio.gather(*questions, return_exceptions=True)
        services, holds = [], []
        for (protocol, _), answer in zip(names, answers, strict=True):
            if isinstance(answer, tuple):
                records, ttl = answer
                services += self._in_order(protocol, records)
                holds += [ttl] if records else []
        if not services:
            # Some of the answers may be missing: that one protocol has no server says nothing about the others.
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
        offered = [service for service in services if service.host != "." and service.port]
        # "." says that there is decidedly no such service, so the addresses of the domain are no way either; and
        # nobody listens on port 0.
        return offered or [_NOWHERE] * bool(services), min(holds, default=NO_SERVICE_TTL)

    def _in_order(self, protocol: str, records: list[Any]) -> list[Service]:
        found = [
            SrvRecord(one.priority, one.weight, one.port, one.target.to_text(omit_final_dot=True).lower())
            for one in records
        ]
        return [Service(protocol, record.host, record.port) for record in in_order(found, self.chance)]

    async def _offers(self, domain: str, protocols: Sequence[str]) -> list[tuple[str, str]]:
        """Return what a domain offers, in its order, as protocols and the names of their SRV records.

        Some servers answer nothing when they are asked for a kind that they do not know: SRV may be there all the same.
        """
        try:
            records, _ = await query(self._resolver, domain, "NAPTR", NAPTR_TIMEOUT)
        except OSError:
            return []
        found = []
        for record in sorted(records, key=lambda one: (one.order, one.preference)):
            protocol = _NAPTR_SERVICES.get(record.service.decode("ascii", "replace").upper())
            if protocol is not None and protocol in protocols and record.flags.lower() == b"s":
                found.append((protocol, record.replacement.to_text(omit_final_dot=True)))
        return found


def system_resolver(server: tuple[str, int] | None = None) -> dns.asyncresolver.Resolver:
    """Make a resolver that asks a DNS server, or those of the system."""
    import dns.asyncresolver

    try:
        resolver = dns.asyncresolver.Resolver(configure=server is None)
    except (dns.resolver.NoResolverConfiguration, OSError):
        # A machine without a DNS server still has a hosts file.
        resolver = dns.asyncresolver.Resolver(configure=False)
    if server is not None:
        resolver.nameservers, resolver.port = [server[0]], server[1]
    return resolver


async def query(
    resolver: dns.asyncresolver.Resolver, name: str, kind: str, within: float | None = None
) -> tuple[list[Any], float]:
    """Return the records of a name; none when it has none of that kind.

    Raises:
        OSError: Nobody could be asked.
    """
    import dns.exception
    import dns.resolver

    try:
        answer = await resolver.resolve(name, kind, lifetime=LOOKUP_TIMEOUT if within is None else within)
    except (
        dns.resolver.NXDOMAIN,
        dns.resolver.NoAnswer,
        dns.exception.SyntaxError,
        dns.exception.FormError,
        UnicodeError,
    ):
        return [], NO_RECORD_TTL
    except dns.exception.DNSException as error:
        raise OSError(f"the DNS says nothing about {name[:100]}: {error}") from error
    return list(answer), float(answer.rrset.ttl) if answer.rrset else NO_RECORD_TTL


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
