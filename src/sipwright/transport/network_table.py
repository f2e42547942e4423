"""A table of networks, asked by address: as many look-ups as it has lengths of prefixes, and none if it is empty."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Generic, TypeVar

from sipwright.transport.networks import Network, network_of

__all__ = ["NetworkTable", "checked_network", "key_of", "read_network"]

V = TypeVar("V")

Key = str | bytes
"""What one stranger has for certain: an IPv4 address as text, or the first half of one of IPv6 as bytes."""


def key_of(host: str) -> Key:
    """Return the key of an address, which costs next to nothing for one of IPv4."""
    if ":" not in host:
        return host
    try:
        packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    except OSError:
        return host
    if packed[:12] == b"\0\0\0\0\0\0\0\0\0\0\xff\xff":
        return socket.inet_ntoa(packed[12:])
    return packed[:8]


def read_network(text: str) -> Network:
    """Read an address or a network; of IPv6 a /64 at least, as nobody has less.

    Raises:
        ValueError: It is neither.
    """
    bare = text.strip().partition("%")[0]
    if "/" not in bare:
        bare = network_of(bare)
    network = ipaddress.ip_network(bare, strict=False)
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen > 64:
        return network.supernet(new_prefix=64)
    return network


def checked_network(text: str) -> str:
    """Return an address or a network as it is kept: one IPv4 address without its /32.

    Raises:
        ValueError: It is neither.
    """
    network = read_network(text)
    return str(network).removesuffix("/32") if network.version == 4 else str(network)


class NetworkTable(Generic[V]):
    """Networks with a value each."""

    __slots__ = ("_single", "_wide")

    def __init__(self, entries: Iterable[tuple[Network, V]] = ()) -> None:
        self._single: dict[Key, V] = {}
        self._wide: dict[tuple[int, int], dict[int, V]] = {}
        for network, value in entries:
            self.put(network, value)

    def __len__(self) -> int:
        return len(self._single) + sum(map(len, self._wide.values()))

    def put(self, network: Network, value: V) -> None:
        """Give a network a value."""
        if network.prefixlen == (32 if network.version == 4 else 64):
            self._single[key_of(str(network.network_address))] = value
        else:
            prefix = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
            self._wide.setdefault((network.version, network.prefixlen), {})[prefix] = value

    def find(self, host: str) -> V | None:
        """Return the value of a network that an address is in."""
        if not self._single and not self._wide:
            return None
        found = self._single.get(key_of(host))
        if found is None and self._wide:
            return self._in_wide(host)
        return found

    def _in_wide(self, host: str) -> V | None:
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return None
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        number, bits = int(address), address.max_prefixlen
        for (version, length), networks in self._wide.items():
            if version == address.version and (found := networks.get(number >> (bits - length))) is not None:
                return found
        return None
