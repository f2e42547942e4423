"""Where the running switch listens, and the addresses from which two phones of this machine can call it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sipwright.commands.common import CommandError
from sipwright.transport import Target
from sipwright.transport.route import family_of

if TYPE_CHECKING:
    from sipwright.config import Settings

__all__ = ["Place", "find_place", "pick_hosts"]

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True)
class Place:
    """For each phone the address of the switch, and the one that the phone itself is to use."""

    switch_a: Target
    switch_b: Target
    host_a: str
    host_b: str
    public_address: str | None


def find_place(settings: Settings, protocol_a: str | None = None, protocol_b: str | None = None) -> Place:
    """Choose where to call; UDP if the switch listens there and nothing else is asked for.

    Raises:
        CommandError: The switch does not listen on what was asked for.
    """
    default = "udp" if settings.sip.udp else "tcp"
    switch_a = _listener(settings, protocol_a or default)
    switch_b = _listener(settings, protocol_b or default)
    host_a, host_b = pick_hosts(switch_a.host, switch_b.host)
    return Place(switch_a, switch_b, host_a, host_b, settings.sip.public_address)


def pick_hosts(switch_a: str, switch_b: str) -> tuple[str, str]:
    """Return an address for each phone, two different ones if that can be had.

    Only phones that the switch sees at different addresses are not "behind the same NAT", so that it has to
    replace their media addresses. Linux lets anybody use all of 127.0.0.0/8.
    """
    near_a, near_b = _own_host(switch_a), _own_host(switch_b)
    pairs = [("127.0.0.2", "127.0.0.3")] if ":" not in switch_a else [("::1", near_b)]
    for host_a, host_b in pairs:
        if host_a != host_b and _leads_to(host_a, switch_a) and _leads_to(host_b, switch_b):
            return host_a, host_b
    return near_a, near_b


def _listener(settings: Settings, protocol: str) -> Target:
    addresses = settings.sip.addresses(protocol)
    if not addresses:
        raise CommandError(
            f"the switch does not listen on {protocol.upper()}; set [sip] {protocol} in "
            f"{settings.data_dir}/sipwright.toml, or test the other transport"
        )
    host, port = addresses[0]
    return Target(protocol, _LOOPBACK.get(host, host), port)


def _own_host(switch: str) -> str:
    """Return the address from which this machine would call the switch by itself."""
    with socket.socket(family_of(switch), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((switch, 9))  # sends nothing: it only asks the routing table
            return str(probe.getsockname()[0])
        except OSError:
            return switch


def _leads_to(host: str, switch: str) -> bool:
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
            probe.connect((switch, 9))
        except OSError:
            return False
    return True
