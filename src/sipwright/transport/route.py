"""Which of our addresses a peer sees, for sockets that are bound to all of them.

The kernel's routing table decides; connecting a UDP socket asks it without sending anything.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

from sipwright.memo import Bounded

LIFETIME = 60.0
CAPACITY = 4_096
IPV6_INTERFACES = Path("/proc/net/if_inet6")
_SIOCGIFADDR = 0x8915


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


def interface_hosts(family: socket.AddressFamily) -> list[str]:
    """Return the addresses of interfaces of this machine, but for loopback; none where the system does not say."""
    try:
        return _ipv6_hosts(IPV6_INTERFACES.read_text()) if family == socket.AF_INET6 else _ipv4_hosts()
    except OSError:
        return []


def _ipv4_hosts() -> list[str]:
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # it has no address
            found.append(socket.inet_ntoa(answer[20:24]))
    return [host for host in found if not host.startswith("127.")]


def _ipv6_hosts(text: str) -> list[str]:
    """Read what Linux says of its interfaces: the address first, and fourth its scope: 00 is all the world."""
    words = [line.split() for line in text.splitlines()]
    return [socket.inet_ntop(socket.AF_INET6, bytes.fromhex(each[0])) for each in words if each[3] == "00"]


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
