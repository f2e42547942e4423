"""The DNS records of a SIP domain, as they stand there (RFC 3263 §4): for people who want to know, not to route."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sipwright.transport.dns_lookup import query, system_resolver

__all__ = ["DomainRecords", "domain_records"]

_SERVICES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
_MOST = 30
"""Records of a kind that are looked at."""


@dataclass(frozen=True, slots=True)
class DomainRecords:
    """The records, in the order of their names; `fault` is why there is nothing to be known."""

    naptr: tuple[str, ...] = ()
    srv: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    fault: str | None = None


async def domain_records(domain: str, server: tuple[str, int] | None = None) -> DomainRecords:
    """Ask for the records of a domain; an SRV record is written as ``udp 10 60 5060 sip1.example.net``."""
    resolver = system_resolver(server)
    wanted = [(domain, "NAPTR"), *((f"{name}.{domain}", "SRV") for name in _SERVICES.values())]
    wanted += [(domain, "A"), (domain, "AAAA")]
    try:
        answers = await asyncio.gather(*(query(resolver, name, kind) for name, kind in wanted))
    except OSError as error:
        return DomainRecords(fault=str(error))
    naptr, *services, a, aaaa = ([record.to_text() for record in records[:_MOST]] for records, _ in answers)
    srv = [
        f"{name} {text.rstrip('.')}"
        for name, texts in zip(_SERVICES, services, strict=True)
        for text in texts
    ]
    return DomainRecords(tuple(sorted(naptr)), tuple(sorted(srv)), tuple(sorted(a + aaaa)))
