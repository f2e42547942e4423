"""The bytes of a STUN message (RFC 8489 §5, §14), and of those of classic STUN (RFC 3489 §11), which have no cookie."""

from __future__ import annotations

import ipaddress
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "BINDING",
    "HEADER",
    "Attribute",
    "Kind",
    "StunError",
    "StunMessage",
    "parse_stun",
    "read_address",
    "write_address",
    "write_attribute",
    "write_stun",
]

HEADER = 20
"""Bytes before the first attribute."""

BINDING = 0x001
"""The one method there is (RFC 8489 §18.2)."""

_COOKIE = 0x2112A442
_COOKIE_BYTES = _COOKIE.to_bytes(4, "big")
_FINGERPRINT_XOR = 0x5354554E
_FAMILIES = {4: 1, 16: 2}


class StunError(ValueError):
    """What came is no STUN message."""


class Kind(IntEnum):
    """The class of a message (RFC 8489 §5)."""

    REQUEST = 0
    INDICATION = 1
    SUCCESS = 2
    ERROR = 3


class Attribute(IntEnum):
    """The attributes that are known here; those from 0x8000 need not be understood (RFC 8489 §14)."""

    MAPPED_ADDRESS = 0x0001
    CHANGE_REQUEST = 0x0003
    SOURCE_ADDRESS = 0x0004
    CHANGED_ADDRESS = 0x0005
    USERNAME = 0x0006
    PASSWORD = 0x0007
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    REFLECTED_FROM = 0x000B
    REALM = 0x0014
    NONCE = 0x0015
    MESSAGE_INTEGRITY_SHA256 = 0x001C
    PASSWORD_ALGORITHM = 0x001D
    USERHASH = 0x001E
    XOR_MAPPED_ADDRESS = 0x0020
    RESPONSE_PORT = 0x0027
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028
    RESPONSE_ORIGIN = 0x802B
    OTHER_ADDRESS = 0x802C


@dataclass(frozen=True, slots=True)
class StunMessage:
    """A message as it was read.

    `transaction` is the ID with the cookie before it: 16 bytes, which in classic STUN were all of them the ID.
    """

    kind: Kind
    method: int
    transaction: bytes
    attributes: tuple[tuple[int, bytes], ...] = ()

    @property
    def is_classic(self) -> bool:
        """Whether it is of RFC 3489: the cookie is missing (RFC 8489 §11)."""
        return not self.transaction.startswith(_COOKIE_BYTES)

    def get(self, kind: int) -> bytes | None:
        """Return the value of the first attribute of a kind; the others count for nothing (RFC 8489 §14)."""
        return next((value for each, value in self.attributes if each == kind), None)

    def address(self, *kinds: Attribute) -> tuple[str, int] | None:
        """Return the address in the first of these attributes that is there and can be read."""
        for kind in kinds:
            value = self.get(kind)
            if value is not None:
                try:
                    return read_address(
                        value, self.transaction if kind == Attribute.XOR_MAPPED_ADDRESS else None
                    )
                except StunError:
                    continue
        return None


def parse_stun(data: bytes) -> StunMessage:
    """Read a datagram.

    Raises:
        StunError: It is none, or its FINGERPRINT does not fit (RFC 8489 §14.7).
    """
    if len(data) < HEADER:
        raise StunError("shorter than a header")
    type_, length = struct.unpack_from(">HH", data)
    if type_ & 0xC000 or length % 4 or length != len(data) - HEADER:
        raise StunError("the header does not fit the length")
    attributes = []
    at = HEADER
    while at < len(data):
        if at + 4 > len(data):
            raise StunError("an attribute ends too early")
        kind, size = struct.unpack_from(">HH", data, at)
        value = data[at + 4 : at + 4 + size]
        if len(value) != size:
            raise StunError("an attribute ends too early")
        if kind == Attribute.FINGERPRINT and value != _fingerprint(data[:at]):
            raise StunError("the fingerprint is wrong")
        attributes.append((kind, value))
        at += 4 + size + -size % 4
    method = type_ & 0xF | type_ >> 1 & 0x70 | type_ >> 2 & 0xF80
    return StunMessage(Kind(type_ >> 7 & 2 | type_ >> 4 & 1), method, data[4:HEADER], tuple(attributes))


def write_stun(
    kind: Kind, transaction: bytes, attributes: Iterable[bytes], *, is_signed: bool = False
) -> bytes:
    """Write a Binding message; `attributes` are whole ones. With `is_signed` a FINGERPRINT is the last one."""
    body = b"".join(attributes)
    type_ = BINDING | (kind & 1) << 4 | (kind & 2) << 7
    head = struct.pack(">HH", type_, len(body) + (8 if is_signed else 0)) + transaction
    message = head + body
    return message + write_attribute(Attribute.FINGERPRINT, _fingerprint(message)) if is_signed else message


def write_attribute(kind: int, value: bytes) -> bytes:
    """Write one attribute, filled up to whole words (RFC 8489 §14)."""
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def write_address(address: tuple[str, int], transaction: bytes | None = None) -> bytes:
    """Write the value of an address; with a `transaction` hidden from NATs by XOR (RFC 8489 §14.2)."""
    packed = ipaddress.ip_address(address[0].partition("%")[0]).packed
    port = address[1]
    if transaction is not None:
        packed = _xor(packed, transaction)
        port ^= _COOKIE >> 16
    return struct.pack(">BBH", 0, _FAMILIES[len(packed)], port) + packed


def read_address(value: bytes, transaction: bytes | None = None) -> tuple[str, int]:
    """Read such a value.

    Raises:
        StunError: It is none.
    """
    if len(value) not in (8, 20) or value[1] != _FAMILIES[len(value) - 4]:
        raise StunError("an address is neither of IPv4 nor of IPv6")
    port = int.from_bytes(value[2:4], "big")
    packed = value[4:]
    if transaction is not None:
        packed = _xor(packed, transaction)
        port ^= _COOKIE >> 16
    return str(ipaddress.ip_address(packed)), port


def _xor(packed: bytes, transaction: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(packed, transaction, strict=False))


def _fingerprint(before: bytes) -> bytes:
    """Return the checksum of all that stands before; the length in it counts the attribute itself already."""
    length = len(before) - HEADER + 8
    return (zlib.crc32(before[:2] + struct.pack(">H", length) + before[4:]) ^ _FINGERPRINT_XOR).to_bytes(
        4, "big"
    )
