"""What a server answers to a Binding request (RFC 8489 §6.3.1, §12; RFC 3489 §8; RFC 5780 §6).

An answer is never larger than twice the question, or the server could be made to shout at somebody who never asked. So
what a client can do without is left out where there is no room; it gets more by asking with more bytes. The address
itself always goes, which on IPv6 is 44 bytes to the smallest question there is, of 20. A server with several addresses
is there to find out about NATs: it counts the headers of the datagrams as well, and so tells a bare question of them.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from .message import (
    BINDING,
    HEADER,
    Attribute,
    Kind,
    StunError,
    StunMessage,
    parse_stun,
    write_address,
    write_attribute,
    write_stun,
)

__all__ = ["Answer", "Asked", "answer_binding", "name_in"]

Address = tuple[str, int]

_CHANGE_IP, _CHANGE_PORT = 0x4, 0x2
_SOFTWARE = b"Sipwright"
_UNKNOWN = 420
_BAD = 400
_OPTIONAL = 0x8000

_LARGEST_FACTOR = 2
"""How many times the bytes of the question the answer may have."""

_HEADERS = 28
"""Bytes of IPv4 and UDP before each of the two."""

_KNOWN = frozenset(Attribute)


class Asked(NamedTuple):
    """Where a request came from, and which of the server's sockets it came to.

    `others` are the addresses of those of its sockets that differ from this one in (address, port).
    """

    source: Address
    local: Address
    others: dict[tuple[bool, bool], Address]


class Answer(NamedTuple):
    """What to send back, from which socket, and to which port of the source, if not to that which asked.

    `change` is whether it comes from another address, and another port, than was asked.
    """

    data: bytes
    change: tuple[bool, bool] = (False, False)
    port: int | None = None


def name_in(data: bytes) -> str | None:
    """Return the USERNAME of a Binding request: somebody tells us whose socket it is (docs/rendezvous.md)."""
    try:
        request = parse_stun(data)
    except StunError:
        return None
    name = request.get(Attribute.USERNAME)
    if request.kind is not Kind.REQUEST or request.method != BINDING or name is None:
        return None
    return name.decode("utf-8", "replace")


def answer_binding(data: bytes, asked: Asked) -> Answer | None:
    """Answer a datagram; what is no Binding request gets no answer (RFC 8489 §6.3).

    RESPONSE-ADDRESS and PADDING are not known here: they would turn the server upon others, or make it shout.
    RESPONSE-PORT is, where there are other addresses: it leads to the source itself (RFC 5780 §7.5).
    """
    try:
        request = parse_stun(data)
    except StunError:
        return None
    if request.kind is not Kind.REQUEST or request.method != BINDING:
        return None
    most = _LARGEST_FACTOR * len(data)
    if asked.others:
        most += (_LARGEST_FACTOR - 1) * _HEADERS
    unknown = _unknown(request)
    change = (False, False)
    wish = request.get(Attribute.CHANGE_REQUEST)
    if wish is not None:
        if len(wish) != 4:
            return Answer(_failure(request, _BAD, most))
        flags = int.from_bytes(wish, "big")
        change = (bool(flags & _CHANGE_IP), bool(flags & _CHANGE_PORT))
        if change != (False, False) and change not in asked.others:
            unknown.append(
                Attribute.CHANGE_REQUEST
            )  # RFC 5780 §6.1: who has no other address does not know it
    port = None
    wish = request.get(Attribute.RESPONSE_PORT)
    if wish is not None:
        if len(wish) < 2:
            return Answer(_failure(request, _BAD, most))
        port = int.from_bytes(wish[:2], "big")
        if not asked.others or not port:
            unknown.append(Attribute.RESPONSE_PORT)
    if unknown:
        return Answer(_failure(request, _UNKNOWN, most, unknown))
    origin = asked.local if change == (False, False) else asked.others[change]
    return Answer(_success(request, asked, origin, most), change, port)


def _unknown(request: StunMessage) -> list[int]:
    """Return the attributes that would have to be understood; none counts behind MESSAGE-INTEGRITY (RFC 8489 §14.5)."""
    found: list[int] = []
    for kind, _ in request.attributes:
        if kind == Attribute.MESSAGE_INTEGRITY:
            break
        if kind < _OPTIONAL and kind not in _KNOWN and kind not in found:
            found.append(kind)
    return found


def _success(request: StunMessage, asked: Asked, origin: Address, most: int) -> bytes:
    mapped = write_attribute(Attribute.MAPPED_ADDRESS, write_address(asked.source))
    diagonal = asked.others.get((True, True))
    if request.is_classic:
        wanted = [mapped]
        if diagonal is not None:
            wanted.append(write_attribute(Attribute.CHANGED_ADDRESS, write_address(diagonal)))
        wanted.append(write_attribute(Attribute.SOURCE_ADDRESS, write_address(origin)))
        return write_stun(Kind.SUCCESS, request.transaction, _fitting(wanted, most))
    xored = write_address(asked.source, request.transaction)
    wanted = [write_attribute(Attribute.XOR_MAPPED_ADDRESS, xored)]
    if diagonal is not None:
        wanted.append(write_attribute(Attribute.OTHER_ADDRESS, write_address(diagonal)))
    wanted += [
        write_attribute(Attribute.RESPONSE_ORIGIN, write_address(origin)),
        mapped,
        write_attribute(Attribute.SOFTWARE, _SOFTWARE),
    ]
    return _signed(Kind.SUCCESS, request, wanted, most)


def _failure(request: StunMessage, status: int, most: int, unknown: list[int] | None = None) -> bytes:
    wanted = [write_attribute(Attribute.ERROR_CODE, struct.pack(">HBB", 0, status // 100, status % 100))]
    if unknown:
        listed = unknown
        if request.is_classic and len(listed) % 2:
            listed = [*listed, listed[-1]]  # an even number of them (RFC 3489 §11.2.10)
        wanted.append(write_attribute(Attribute.UNKNOWN_ATTRIBUTES, struct.pack(f">{len(listed)}H", *listed)))
    return _signed(Kind.ERROR, request, wanted, most)


def _signed(kind: Kind, request: StunMessage, wanted: list[bytes], most: int) -> bytes:
    """Write an answer, with a FINGERPRINT for who uses it, or else where there is room (RFC 8489 §7)."""
    if request.is_classic:
        return write_stun(kind, request.transaction, _fitting(wanted, most))
    if request.get(Attribute.FINGERPRINT) is not None:
        return write_stun(kind, request.transaction, _fitting(wanted, most - 8), is_signed=True)
    return write_stun(kind, request.transaction, _fitting(wanted, most))


def _fitting(wanted: list[bytes], most: int) -> list[bytes]:
    """Return the first of them, and of the others what there is room for, in their order."""
    chosen, size = wanted[:1], HEADER + len(wanted[0])
    for attribute in wanted[1:]:
        if size + len(attribute) <= most:
            chosen.append(attribute)
            size += len(attribute)
    return chosen
