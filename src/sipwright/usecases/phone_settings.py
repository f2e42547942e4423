"""What to type into a phone, and where phones in the same network find the switch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sipwright.transport.flow import format_address, is_wildcard
from sipwright.transport.route import Routes, family_of, interface_hosts

if TYPE_CHECKING:
    from sipwright.config import Settings

__all__ = ["PhoneSettings", "phone_settings", "reachable_address", "reachable_host"]

_OUTSIDE = {"0.0.0.0": ("192.0.2.1", "127.0.0.1"), "::": ("2001:db8::1", "::1")}
"""Of each wildcard an address far away (RFC 5737, RFC 3849), and what is left on a machine without a network."""


@dataclass(frozen=True, slots=True)
class PhoneSettings:
    """One way for a phone to reach us; the password is the one that was given to the account."""

    server: str
    port: int
    transport: str
    domain: str
    username: str
    auth_username: str

    @property
    def place(self) -> str:
        """The server with its port, as phones take it: an IPv6 address stands in brackets."""
        return format_address((self.server, self.port))


def phone_settings(settings: Settings, username: str, domain: str) -> tuple[PhoneSettings, ...]:
    """Return what to type into the phone of an account, a way to reach us each, the usual one first."""
    ways = (
        PhoneSettings(reachable_host(settings, host), port, transport, domain, username, username)
        for transport in ("udp", "tcp", "tls")
        for host, port in settings.sip.addresses(transport)
    )
    return tuple(dict.fromkeys(ways))


def reachable_address(settings: Settings) -> tuple[str, int]:
    """Return the address that a phone in the same network would use, the usual one."""
    name, _ = settings.sip.listens[0]
    host, port = settings.sip.addresses(name)[0]
    return reachable_host(settings, host), port


def reachable_host(settings: Settings, host: str) -> str:
    """Return by which address others reach what listens at one of ours, of the same family."""
    public = settings.sip.public_address
    if public is not None and (":" in public) == (":" in host):
        return public
    if not is_wildcard(host):
        return host
    outside, loopback = _OUTSIDE[host]
    try:
        return Routes().local_host(outside)
    except OSError:
        return next(iter(interface_hosts(family_of(host))), loopback)
