"""What to type into a phone, and where phones in the same network find the switch."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipwright.config import Settings

__all__ = ["PhoneSettings", "phone_settings", "reachable_address"]


@dataclass(frozen=True, slots=True)
class PhoneSettings:
    """One way for a phone to reach us; the password is the one that was given to the account."""

    server: str
    port: int
    transport: str
    domain: str
    username: str
    auth_username: str


def phone_settings(settings: Settings, username: str, domain: str) -> tuple[PhoneSettings, ...]:
    """Return what to type into the phone of an account, a way to reach us each, the usual one first."""
    host, _ = reachable_address(settings)
    ways = [(name, port) for name in ("udp", "tcp", "tls") for _, port in settings.sip.addresses(name)]
    return tuple(
        PhoneSettings(host, port, transport, domain, username, username)
        for transport, port in dict.fromkeys(ways)
    )


def reachable_address(settings: Settings) -> tuple[str, int]:
    """Return the address that a phone in the same network would use."""
    name, _ = settings.sip.listens[0]
    host, port = settings.sip.addresses(name)[0]
    if settings.sip.public_address is not None:
        return settings.sip.public_address, port
    if host not in ("0.0.0.0", "::"):
        return host, port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: this only asks the routing table which of our addresses leads outside.
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0]), port
        except OSError:
            return "127.0.0.1", port
