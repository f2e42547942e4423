"""Which addresses are public, and which merely look so and lead back inside: one list for SIP and for the web."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

__all__ = ["Network", "is_public", "networks"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_DENIED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "64:ff9b::/96",  # NAT64: any IPv4 address in disguise (RFC 6052)
        "64:ff9b:1::/48",  # the same for private use (RFC 8215)
        "2002::/16",  # 6to4
        "2001::/32",  # Teredo
        "::/96",  # IPv4-compatible
        "fec0::/10",  # the site-local addresses of old
        "192.0.0.0/24",  # protocol assignments, of which Python calls two public
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/4",
        "240.0.0.0/4",
        "ff00::/8",
    )
)


def is_public(text: str, allowed: Iterable[Network] = ()) -> bool:
    """Return whether a script may connect to an IP address; ``allowed`` are exceptions that the operator made."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    if any(address in network for network in allowed):
        return True
    return address.is_global and not any(address in network for network in _DENIED)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read networks such as ``10.1.0.0/16``."""
    return tuple(ipaddress.ip_network(text) for text in texts)
