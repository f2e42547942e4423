"""Which of our addresses a peer sees, for sockets that are bound to all of them.

The kernel's routing table decides; connecting a UDP socket asks it without sending anything.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

LIFETIME = 60.0
CAPACITY = 4_096


def family_of(host: str) -> socket.AddressFamily:
    """Return the address family of an IP address in text form."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def is_ip_address(host: str) -> bool:
    """Return whether `host` is an IPv4 or IPv6 address, the latter without brackets."""
    try:
        socket.inet_pton(family_of(host), host.partition("%")[0])
    except (OSError, ValueError):
        return False
    return True


class Routes:
    """Remembers for a minute which local address leads to a destination."""

    __slots__ = ("_cache", "_clock", "_own")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cache: dict[str, tuple[float, str]] = {}
        self._own: dict[str, tuple[float, bool]] = {}

    def local_host(self, destination: str) -> str:
        """Return the local IP address that packets to `destination` leave from.

        Raises:
            OSError: No route leads there.
        """
        now = self._clock()
        known = self._cache.get(destination)
        if known is not None and known[0] > now:
            return known[1]
        with socket.socket(family_of(destination), socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            probe.connect((destination, 5060))
            host: str = probe.getsockname()[0]
        if len(self._cache) >= CAPACITY:
            self._cache.clear()
        self._cache[destination] = (now + LIFETIME, host)
        return host

    def is_own(self, host: str) -> bool:
        """Return whether `host` is an address of this machine: a socket can be bound to it."""
        if not is_ip_address(host):
            return False
        now = self._clock()
        known = self._own.get(host)
        if known is not None and known[0] > now:
            return known[1]
        try:
            with socket.socket(family_of(host), socket.SOCK_DGRAM) as probe:
                probe.bind((host, 0))
            answer = True
        except OSError:
            answer = False
        if len(self._own) >= CAPACITY:
            self._own.clear()
        self._own[host] = (now + LIFETIME, answer)
        return answer
