"""Visitors: who comes to a face and has yet to prove who they are."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

__all__ = ["Visitor"]


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person at a face: from where they come, and with what program."""

    face: str
    address: str | None = None
    user_agent: str | None = None

    @property
    def network(self) -> str:
        """What their tries are counted for: an address, or the /64 of IPv6 that one customer has to choose from."""
        try:
            found = ipaddress.ip_address((self.address or "").partition("%")[0])
        except ValueError:
            return self.address or "here"
        if isinstance(found, ipaddress.IPv4Address):
            return str(found)
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
