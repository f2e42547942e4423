"""The messages of a call as a capture that Wireshark and sngrep open: in the format of libpcap, made of what was kept.

Each message is one UDP datagram between the two ends of its flow, whatever carried it, TLS too. What two parts of a
call have said to each other inside of the switch was on no wire, and is not there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from sipwright.transport.flow import parse_flow_key

from .ladder import Rung

__all__ = ["capture"]

_HEADER = struct.pack(
    "<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, 101
)  # 101: LINKTYPE_RAW, packets begin with IP
_UDP = 17
_MOST = 65_535 - 48
"""Bytes of a message that one datagram can hold behind its headers."""

_Address = IPv4Address | IPv6Address
_End = tuple[_Address, int]


def capture(ladder: Iterable[Rung], started_at: float) -> bytes:
    """Return the messages of a call that began at `started_at` (Unix time)."""
    written = [_HEADER]
    for rung in ladder:
        ends = _ends(rung)
        if ends is not None:
            packet = _packet(*ends, rung.data[:_MOST])
            micros = round((started_at + rung.at) * 1_000_000)
            written += [struct.pack("<IIII", *divmod(micros, 1_000_000), len(packet), len(packet)), packet]
    return b"".join(written)


def _ends(rung: Rung) -> tuple[_End, _End] | None:
    """Return who has sent a message, and to whom; None if it was on no wire."""
    try:
        flow = parse_flow_key(rung.flow)
        local, remote = (
            (ip_address(host.partition("%")[0]), port) for host, port in (flow.local, flow.remote)
        )
    except ValueError:
        return None
    if not (local[1] and remote[1]):
        return None
    return (remote, local) if rung.is_to_switch else (local, remote)


def _packet(source: _End, target: _End, data: bytes) -> bytes:
    addresses = _alike(source[0], target[0])
    length = 8 + len(data)
    pseudo = b"".join(one.packed for one in addresses) + struct.pack("!II", length, _UDP)
    ports = struct.pack("!HHH", source[1], target[1], length)
    checksum = _checksum(pseudo + ports + b"\0\0" + data) or 0xFFFF
    datagram = ports + struct.pack("!H", checksum) + data
    packed = addresses[0].packed + addresses[1].packed
    if addresses[0].version == 6:
        return struct.pack("!IHBB", 6 << 28, length, _UDP, 64) + packed + datagram
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + length, 0, 0, 64, _UDP)
    return head + struct.pack("!H", _checksum(head + b"\0\0" + packed)) + packed + datagram


def _alike(first: _Address, second: _Address) -> tuple[_Address, _Address]:
    """Return two addresses of one family (RFC 4291 §2.5.5.2)."""
    if first.version == second.version:
        return first, second
    mapped = (one if one.version == 6 else IPv6Address(f"::ffff:{one}") for one in (first, second))
    return next(mapped), next(mapped)


def _checksum(data: bytes) -> int:
    """Return the checksum of the Internet (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
