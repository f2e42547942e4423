"""Which of our addresses a peer sees, for sockets that are bound to all of them.

The kernel's routing table decides; connecting a UDP socket asks it without sending anything.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from sipwright.memo import Bounded

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

    __slots__ = ("_clock", "_hosts", "_own")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._hosts: Bounded[str, tuple[float, str]] = Bounded(CAPACITY)
        self._own: Bounded[str, tuple[float, bool]] = Bounded(CAPACITY)

    def local_host(self, destination: str) -> str:
        """Return the local IP address that packets to `destination` leave from.

        Raises:
            OSError: No route leads there.
        """
        now = self._clock()
        known = self._hosts.get(destination)
        if known is not None and known[0] > now:
            return known[1]
        with socket.socket(family_of(destination), socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            probe.connect((destination, 5060))
            host: str = probe.getsockname()[0]
        self._hosts.keep(destination, (now + LIFETIME, host))
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
        self._own.keep(host, (now + LIFETIME, answer))
        return answer
