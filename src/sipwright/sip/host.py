"""One way to write a host, so that two names of the same one are found to be equal.

`sip.test.` is `sip.test` (RFC 1034 §3.1), `127.1`, `0x7f.1` and `2130706433` are `127.0.0.1` for every resolver (the
forms of `inet_aton`), and `::ffff:127.0.0.1` is the IPv4 address in it (RFC 4291 §2.5.5.2).
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

__all__ = ["canonical_host"]

_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_BYTE}(?:\.{_BYTE}){{3}}").fullmatch
_NUMBER = r"(?:0[xX][0-9A-Fa-f]+|[0-9]+)"
_NUMBERS = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{0,3}}").fullmatch
_LONGEST = 64


def canonical_host(host: str) -> str:
    """Return a host, without brackets, as it is written when it is compared.

    Raises:
        ValueError: It has colons and is no IPv6 address.
    """
    if _IPV4(host) is not None:  # as nearly every host of every message is written
        return host
    if ":" in host:
        address = IPv6Address(host)
        return str(address.ipv4_mapped or address)
    host = host.lower()
    if host[-1:] == "." and host[-2:-1] not in ("", "."):
        host = host[:-1]
    last = host[-1:]
    if not (last.isdigit() or "a" <= last <= "f") or len(host) > _LONGEST or _NUMBERS(host) is None:
        return host
    return _address(host) or host


def _address(text: str) -> str | None:
    """Read an IPv4 address as `inet_aton` does: the last number fills what the others leave."""
    try:
        *firsts, last = (_number(part) for part in text.split("."))
    except ValueError:  # an octal number with an 8 in it
        return None
    room = 4 - len(firsts)
    if any(number > 255 for number in firsts) or last >= 256**room:
        return None
    packed = bytes(firsts) + last.to_bytes(room, "big")
    return str(IPv4Address(packed))


def _number(text: str) -> int:
    if text[:2] in ("0x", "0X"):
        return int(text, 16)
    return int(text, 8 if text[0] == "0" and len(text) > 1 else 10)
