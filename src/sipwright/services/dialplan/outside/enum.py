"""``enum_lookup``: from a phone number to a SIP address by NAPTR records (RFC 6116, RFC 3403)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from sipwright.transport.dns_lookup import system_resolver

if TYPE_CHECKING:
    import dns.asyncresolver

__all__ = ["EnumLookup", "Naptr", "choose"]

TIMEOUT = 5.0
MAX_RECORDS = 50
MAX_PATTERN = 200
MAX_CHOICES = 4


class Naptr(NamedTuple):
    """One NAPTR record."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str


class EnumLookup:
    """Asks the DNS, in the zones that are named and those below them.

    Any other name would let a script tell the outside what it likes, or learn the names of the network. `resolver` is
    the system's unless a test brings its own.
    """

    def __init__(
        self,
        zones: Iterable[str] = ("e164.arpa",),
        resolver: dns.asyncresolver.Resolver | None = None,
        make: Callable[[], dns.asyncresolver.Resolver] = system_resolver,
    ) -> None:
        self._zones = tuple(zone.strip(".").lower() for zone in zones)
        self._resolver = resolver
        self._make = make

    async def find(self, number: str, zone: str) -> str | None:
        """Return the SIP URI for a number (its digits), or None when the zone has none.

        Raises:
            ValueError: Nothing may be looked up in that zone.
            OSError: The DNS does not answer.
        """
        if not any(zone == known or zone.endswith(f".{known}") for known in self._zones):
            raise ValueError(
                f"{zone} is not among [dialplan] enum_zones ({', '.join(self._zones) or 'none'})"
            )
        import dns.resolver  # when it is needed, and not while callers wait for a start

        if self._resolver is None:
            self._resolver = self._make()
        name = ".".join(reversed(number)) + f".{zone}."
        try:
            answer = await self._resolver.resolve(name, "NAPTR", lifetime=TIMEOUT, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return None
        except dns.exception.Timeout:
            raise TimeoutError from None
        except dns.exception.DNSException as error:
            raise OSError(f"the DNS does not answer for {zone}: {error}") from None
        records = [
            Naptr(
                record.order,
                record.preference,
                record.flags.decode("latin-1"),
                record.service.decode("latin-1"),
                record.regexp.decode("utf-8", "replace"),
            )
            for record in list(answer)[:MAX_RECORDS]
        ]
        return choose(records, number)


def choose(records: Iterable[Naptr], number: str) -> str | None:
    """Return what the best record for SIP makes of the number: lowest order, then lowest preference."""
    for record in sorted(records):
        services = record.service.lower().split("+")
        if record.flags.lower() != "u" or (services[0] != "e2u" and services[-1] != "e2u"):
            continue
        if not any(service.partition(":")[0] == "sip" for service in services):
            continue
        # The number is "+" and digits (RFC 6116 §3.2); some zones were written for digits alone.
        uri = _substitute(record.regexp, f"+{number}") or _substitute(record.regexp, number)
        if uri is not None and re.fullmatch(r"""sips?:[^\s<>"\x00-\x1f]{1,400}""", uri, re.IGNORECASE):
            return uri
    return None


def _substitute(expression: str, number: str) -> str | None:
    """Apply ``!pattern!replacement!flags`` (RFC 3402 §3.2)."""
    if len(expression) < 4 or len(expression) > MAX_PATTERN:
        return None
    parts = expression[1:].split(expression[0])
    if len(parts) != 3:
        return None
    pattern, replacement, flags = parts
    if _is_dangerous(pattern):
        return None
    try:
        match = re.search(pattern, number, re.IGNORECASE if "i" in flags.lower() else 0)
    except re.error:
        return None
    if match is None:
        return None
    groups = (match[0], *match.groups(""))

    def reference(found: re.Match[str]) -> str:
        place = int(found[1])
        return groups[place] if place < len(groups) else ""

    return re.sub(r"\\([0-9])", reference, replacement)


def _is_dangerous(pattern: str) -> bool:
    """Return whether strangers could keep us busy: a repeated group, or many choices, on at most 21 characters.

    A `?` and a `|` are choices as well: twenty take a tenth of a second, thirty a minute, and all calls wait.
    """
    plain = re.sub(r"\\.", "", pattern)
    is_nested = re.search(r"\)[*+?{]|\(\?|\\[1-9]", pattern) is not None
    return is_nested or len(re.findall(r"[*+?{|]", plain)) > MAX_CHOICES
