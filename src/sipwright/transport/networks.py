"""Which addresses are public, and which merely look so and lead back inside: one list for SIP and for the web."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

__all__ = [
    "Network", "is_in", "is_inside", "is_loopback", "is_named_inside", "is_public", "is_this_machine", "network_of",
    "networks",
]  # fmt: skip

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
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


_EXAMPLES: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
"""Of documentation (RFC 5737, RFC 3849): nobody is there, neither outside nor inside."""


def is_public(text: str, allowed: Iterable[Network] = ()) -> bool:
    """Return whether a script may connect to an IP address; ``allowed`` are exceptions that the operator made."""
    address = _read(text)
    return address is not None and (_is_in(address, allowed) or _is_public(address))


def is_inside(text: str) -> bool:
    """Return whether an IP address leads to this machine, into its own networks, or to nobody in particular."""
    address = _read(text)
    return address is None or not (_is_public(address) or _is_in(address, _EXAMPLES))


def is_in(text: str, allowed: Iterable[Network]) -> bool:
    """Return whether an IP address is in one of some networks."""
    address = _read(text)
    return address is not None and _is_in(address, allowed)


def is_loopback(text: str) -> bool:
    """Return whether an IP address is one under which a machine only talks to itself."""
    address = _read(text)
    return address is not None and address.is_loopback


def is_this_machine(text: str) -> bool:
    """Return whether an address is the one under which a machine usually talks to itself.

    A proxy may stand there whom everybody comes through, or the one who looks after the switch.
    """
    return text in ("127.0.0.1", "::1", "::ffff:127.0.0.1")


def is_named_inside(host: str) -> bool:
    """Return whether a host says by itself that it is in our own network: such an address, or a name of no domain."""
    if _read(host) is not None:
        return is_inside(host) or is_loopback(host)
    name = host.rstrip(".").lower()
    return "." not in name or name.endswith((".localhost", ".local", ".internal"))


def network_of(text: str) -> str:
    """Return what one stranger has for certain: an IPv4 address, or the /64 of IPv6 that a customer has to choose from.

    What is no address is its own network.
    """
    if ":" not in text:
        return text
    address = _read(text)
    if isinstance(address, ipaddress.IPv6Address):
        return f"{ipaddress.IPv6Address(int(address) >> 64 << 64)}/64"
    return text if address is None else str(address)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read networks such as ``10.1.0.0/16``."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def _read(text: str) -> IPAddress | None:
    """Read an address; an IPv4 one in the guise of IPv6 is what it is (RFC 4291 §2.5.5.2)."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def _is_public(address: IPAddress) -> bool:
    return address.is_global and not _is_in(address, _DENIED)


def _is_in(address: IPAddress, some: Iterable[Network]) -> bool:
    return any(address in network for network in some)
