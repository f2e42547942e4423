"""How phones reach a node, as far as its settings say: what its records in the DNS are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipwright.cluster.zone import Doors
from sipwright.transport.flow import is_wildcard
from sipwright.transport.route import is_ip_address

if TYPE_CHECKING:
    from sipwright.config import Settings

__all__ = ["doors_of"]


def doors_of(settings: Settings) -> Doors:
    """Return the doors of a node; without an address where neither ``[cluster] public`` nor a listener says one."""
    sip, cluster = settings.sip, settings.cluster
    said = list(cluster.public) or ([] if sip.public_address is None else [sip.public_address])
    ports: dict[str, tuple[int, ...]] = {}
    seen: list[str] = []
    for transport in ("udp", "tcp", "tls"):
        places = sip.addresses(transport)
        if places:
            ports[transport] = tuple(dict.fromkeys(port for _, port in places))
        seen += [host for host, _ in places if is_ip_address(host) and not is_wildcard(host)]
    addresses = tuple(dict.fromkeys(said or seen))
    return Doors(cluster.host or settings.node, addresses, ports, cluster.priority, cluster.weight)
