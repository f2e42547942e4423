"""Fields of protocol buffers, written and read: as much of it as the protocol of a worker uses."""

from __future__ import annotations

from typing import Any

from .fallback import Fallback, Reason

__all__ = [
    "BYTES", "field", "fields", "index", "number", "places", "read_field", "read_fields", "read_places", "read_varint",
    "text", "varint",
]  # fmt: skip

_VARINT, _FIXED64, BYTES = 0, 1, 2
_ONE_BYTE = [bytes([value]) for value in range(128)]


def varint(value: int) -> bytes:
    """Write a number."""
    if value < 128:
        return _ONE_BYTE[value]
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def field(name: int, content: bytes) -> bytes:
    """Write a field of bytes; all our field numbers are below 16."""
    size = len(content)
    return _ONE_BYTE[name << 3 | BYTES] + (_ONE_BYTE[size] if size < 128 else varint(size)) + content


def fields(name: int, contents: list[bytes]) -> bytes:
    """Write a field of bytes several times; most are short."""
    key = _ONE_BYTE[name << 3 | BYTES]
    return b"".join(
        [key + _ONE_BYTE[len(one)] + one if len(one) < 128 else field(name, one) for one in contents]
    )


def places(numbers: list[int]) -> bytes:
    """Write numbers one behind the other; most are small."""
    try:
        packed = bytes(numbers)
    except ValueError:
        packed = b"\x80"
    return packed if packed.isascii() else b"".join(map(varint, numbers))


def text(name: int, value: str) -> bytes:
    """Write a field of text."""
    try:
        return field(name, value.encode())
    except UnicodeEncodeError:
        raise Fallback(Reason.VALUE, "a text that is no Unicode") from None


def number(name: int, value: int) -> bytes:
    """Write a field with a number, unless it is 0, which is what a field is that is not there."""
    return index(name, value) if value else b""


def index(name: int, value: int) -> bytes:
    """Write a field with a number."""
    return _ONE_BYTE[name << 3] + (_ONE_BYTE[value] if value < 128 else varint(value))


def read_field(data: bytes) -> tuple[int, Any]:
    """Read the only field of a message; most are short."""
    if len(data) > 1 and data[1] < 128:
        key, size = data[0], data[1]
        if key & 135 == BYTES and size == len(data) - 2:
            return key >> 3, data[2:]
        if key & 135 == _VARINT and len(data) == 2:
            return key >> 3, size
    found = read_fields(data)
    if len(found) != 1:
        raise Fallback(Reason.PROTOCOL, "a message that is not one field")
    return found[0]


def read_fields(data: bytes) -> list[tuple[int, Any]]:
    """Read all fields of a message: numbers, and bytes for everything else.

    Raises:
        Fallback: That is no message.
    """
    found: list[tuple[int, Any]] = []
    at, end = 0, len(data)
    while at < end:
        key = data[at]
        at += 1
        if key > 127:
            key, at = read_varint(data, at - 1)
        wire = key & 7
        if wire == _FIXED64:
            length = 8
        elif wire in (_VARINT, BYTES):
            if at >= end:
                raise Fallback(Reason.PROTOCOL, "a message that is cut off")
            length = data[at]
            at += 1
            if length > 127:
                length, at = read_varint(data, at - 1)
            if wire == _VARINT:
                found.append((key >> 3, length))
                continue
        else:
            raise Fallback(Reason.PROTOCOL, f"wire type {wire}")
        if at + length > end:
            raise Fallback(Reason.PROTOCOL, "a message that is cut off")
        found.append((key >> 3, data[at : at + length]))
        at += length
    return found


def read_places(data: bytes) -> Any:
    """Read numbers that stand one behind the other."""
    if data.isascii():  # each below 128 is one byte
        return data
    found, at = [], 0
    while at < len(data):
        value, at = read_varint(data, at)
        found.append(value)
    return found


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number, and say where the next thing begins."""
    value = shift = 0
    for byte in data[at : at + 10]:
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise Fallback(Reason.PROTOCOL, "a number without an end")
