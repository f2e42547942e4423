"""What passes between us and a worker process of the sandbox: its protocol, as far as plain scripts need it.

Frames of four bytes of length (little-endian) and a message of protocol buffers, one request and one event in
turn, as ``monty.proto`` of pydantic-monty describes it. Values cross as a list of nodes in which children stand
before their parents. What is not here raises ``Unusual``: the library knows all of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from struct import Struct
from typing import Any, NamedTuple

from ...language.values import LegSpec

__all__ = [
    "NO_NAMES", "Called", "Ended", "Outline", "Unusual", "configure", "dump", "feed", "load", "names", "read_dump",
    "read_event", "reset", "resume", "spent",
]  # fmt: skip

_PROTOCOL = 6
_LENGTH = Struct("<I")
_DOUBLE = Struct("<d")
_INT64 = 1 << 63
_VARINT, _FIXED64, _BYTES = 0, 1, 2


class Unusual(Exception):
    """A thing that plain scripts do not do, or an answer that we do not understand."""


class Called(NamedTuple):
    """A script calls a function of ours; ``start`` is where, in bytes of the source ``filename``."""

    function_name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    call_id: int
    filename: str
    start: int


class Ended(NamedTuple):
    """A script has come to its end."""


# Requests.


@lru_cache(maxsize=1024)
def configure(
    name: str, version: str, *, seconds: float, memory: int, recursion: int, suspensions: int
) -> bytes:
    """Begin a session; sleeping and the time of day are left to us, everything else is as the library has it."""
    limits = (
        _number(2, memory) + _number(4, recursion) + _number(5, suspensions) + _number(6, int(seconds * 1e6))
    )
    policy = b"\x12\x00\x22\x02\x0a\x00\x2a\x02\x12\x00\x32\x00\x4a\x00"
    return _request(
        1,
        _text(1, name) + _field(2, limits) + _text(5, version) + _number(6, 120) + _number(7, 1)
        + _number(9, _PROTOCOL) + _field(11, policy),
    )  # fmt: skip


def names(inputs: dict[str, Any]) -> bytes:
    """Write the names that a script is given."""
    nodes: list[bytes] = []
    found = [_field(2, _text(1, name) + _number(2, _write(value, nodes))) for name, value in inputs.items()]
    return b"".join(found) + _field(3, _arena(nodes))


def feed(code: str, given: bytes) -> bytes:
    """Run a script with some `names`."""
    return _request(3, _code(code) + given + b"\x2a\x01/")


@lru_cache(maxsize=1024)
def _code(code: str) -> bytes:
    return _text(1, code)


def resume(call_id: int, value: Any) -> bytes:
    """Give the value of the function that was called."""
    nodes: list[bytes] = []
    index = _write(value, nodes)
    return _request(4, _number(1, call_id) + _field(2, _index(1, index)) + _field(3, _arena(nodes)))


def load(state: bytes) -> bytes:
    """Go on from a dump."""
    return _request(8, _field(1, state))


def _request(kind: int, content: bytes) -> bytes:
    message = _field(kind, content)
    return _LENGTH.pack(len(message)) + message


dump = b"\x02\x00\x00\x00\x3a\x00"
"""Asks for everything that the script is, as bytes."""

reset = b"\x02\x00\x00\x00\x4a\x00"
"""Ends a session."""


def _varint(value: int) -> bytes:
    if value < 128:
        return _ONE_BYTE[value]
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


_ONE_BYTE = [bytes([value]) for value in range(128)]


def _field(number: int, content: bytes) -> bytes:
    """Write a field of bytes; all our numbers are below 16."""
    size = len(content)
    return _ONE_BYTE[number << 3 | _BYTES] + (_ONE_BYTE[size] if size < 128 else _varint(size)) + content


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _number(number: int, value: int) -> bytes:
    return _index(number, value) if value else b""


def _index(number: int, value: int) -> bytes:
    return _ONE_BYTE[number << 3] + (_ONE_BYTE[value] if value < 128 else _varint(value))


def _arena(nodes: list[bytes]) -> bytes:
    if not nodes:
        return b""
    return _number(1, len(nodes)) + b"".join([_field(2, node) for node in nodes])


_NONE, _FALSE, _TRUE = b"\x12\x00", b"\x20\x00", b"\x20\x01"


def _write(value: Any, nodes: list[bytes]) -> int:
    """Append a value and what it holds; return its index."""
    kind = type(value)
    if kind is str:
        node = _text(8, value)
    elif value is None:
        node = _NONE
    elif kind is bool:
        node = _TRUE if value else _FALSE
    elif kind is int:
        if not -_INT64 <= value < _INT64:
            raise Unusual("a big number")
        node = _index(5, value << 1 if value >= 0 else (-value << 1) - 1)
    elif kind is float:
        node = b"\x39" + _DOUBLE.pack(value)
    elif kind is list:
        node = _field(11, _members(value, nodes))
    elif kind is tuple:
        node = _field(12, _members(value, nodes))
    elif kind is dict:
        pairs = [(_write(key, nodes), _write(member, nodes)) for key, member in value.items()]
        node = _field(
            14, b"".join([_field(1, _number(1, key) + _number(2, member)) for key, member in pairs])
        )
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        node = _field(13, _head(kind) + _members(value, nodes, 3))
    else:
        raise Unusual(f"a {kind.__name__}")
    nodes.append(node)
    return len(nodes) - 1


@lru_cache
def _head(kind: Any) -> bytes:
    """Write the name of a named tuple, and those of its fields."""
    return _text(1, kind.__name__) + b"".join([_text(2, name) for name in kind._fields])


def _members(values: Any, nodes: list[bytes], number: int = 1) -> bytes:
    indices = [_write(value, nodes) for value in values]
    return _field(number, b"".join(map(_varint, indices))) if indices else b""


NO_NAMES = names({})


class Outline:
    """How some names are written whose values are named tuples, of which most fields are left out.

    Only what is seen is put in each time.
    """

    def __init__(self, given: Iterable[tuple[str, type, tuple[bool, ...], int]]) -> None:
        """Take names: the class of each, which of its fields are seen, and where they begin among the values."""
        pieces, slots, count = [b""], [], 0
        self._names = b""
        for name, kind, seen, first in given:
            indices = range(count, count + len(seen))
            for number, is_seen in enumerate(seen, first):
                if is_seen:
                    slots.append((len(pieces), number))
                    pieces += (b"", b"")
                else:
                    pieces[-1] += _BLANK
            count += len(seen) + 1
            members = _field(3, b"".join(map(_varint, indices)))
            pieces[-1] += _field(2, _field(13, _head(kind) + members))
            self._names += _field(2, _text(1, name) + _number(2, count - 1))
        pieces[0] = _number(1, count) + pieces[0]
        self._pieces = pieces
        self._slots = slots

    def fill(self, values: tuple[Any, ...]) -> bytes:
        """Write the names, with what is seen of the values."""
        pieces = self._pieces.copy()
        for place, number in self._slots:
            nodes: list[bytes] = []
            _write(values[number], nodes)
            (node,) = nodes
            pieces[place] = _field(2, node)
        return self._names + _field(3, b"".join(pieces))


_BLANK = _field(2, _text(8, ""))

# Events.

_CALLED, _ENDED, _DUMPED = 2, 6, 9
_YES = b"\x52\x00"
_SPENT = b"\xa0\x01"


def read_event(data: bytes) -> Called | Ended | None:
    """Read what a worker says; None is a plain yes."""
    if data == _YES:
        return None
    kind, content = _event(data)
    if kind == _CALLED:
        return _read_call(content)
    if kind == _ENDED:
        return Ended()
    raise Unusual(f"event {kind}")


def spent(data: bytes) -> int | None:
    """Read for how many microseconds a script has computed, which stands behind what it says."""
    length, at = _read_varint(data, 1)
    at += length
    return _read_varint(data, at + 2)[0] if data[at : at + 2] == _SPENT else None


def read_dump(data: bytes) -> bytes:
    """Read the answer to a request for a dump."""
    kind, content = _event(data)
    if kind != _DUMPED:
        raise Unusual(f"event {kind} in place of a dump")
    ((_, state),) = _fields(content)
    return bytes(state)


def _event(data: bytes) -> tuple[int, bytes]:
    """Take the first field, which says what happened; the others say when, and how the limits are."""
    key, at = _read_varint(data, 0)
    length, at = _read_varint(data, at)
    if key & 7 != _BYTES or at + length > len(data):
        raise Unusual("an event that is none")
    return key >> 3, data[at : at + length]


def _read_call(data: bytes) -> Called:
    name, args, kwargs, call_id, values = "", b"", [], 0, []
    filename, start = "", 0
    for number, value in _fields(data):
        if number == 1:
            name = value.decode()
        elif number == 2:
            args = value
        elif number == 3:
            kwargs.append(_pair(value))
        elif number == 4:
            call_id = value
        elif number == 7:
            values = _read_arena(value)
        elif number == 8:
            for part, position in _fields(value):
                if part == 1:
                    filename = position.decode()
                elif part == 2:
                    start = position
        else:
            raise Unusual(f"a call with {number}")
    positional = tuple([values[index] for index in _indices(args)])
    named = {values[key]: values[value] for key, value in kwargs}
    return Called(name, positional, named, call_id, filename, start)


def _read_arena(data: bytes) -> list[Any]:
    values: list[Any] = []
    for number, node in _fields(data):
        if number == 2:
            ((kind, content),) = _fields(node)
            values.append(_read(kind, content, values))
    return values


def _read(kind: int, content: Any, values: list[Any]) -> Any:
    if kind == 8:
        return content.decode()
    if kind == 5:
        return (content >> 1) ^ -(content & 1)
    if kind == 4:
        return bool(content)
    if kind == 2:
        return None
    if kind == 7:
        return _DOUBLE.unpack(content)[0]
    if kind == 14:
        pairs = [_pair(pair) for _, pair in _fields(content)]
        return {values[key]: values[value] for key, value in pairs}
    members = {number: value for number, value in _fields(content) if number != 2}
    if kind == 11:
        return [values[index] for index in _indices(members.get(1, b""))]
    if kind == 12:
        return tuple([values[index] for index in _indices(members.get(1, b""))])
    if kind == 13 and members.get(1) == b"LegSpec":
        return LegSpec(*[values[index] for index in _indices(members[3])])
    raise Unusual(f"a value of kind {kind}")


def _pair(data: bytes) -> tuple[int, int]:
    found = dict(_fields(data))
    return found.get(1, 0), found.get(2, 0)


def _indices(data: bytes) -> Any:
    if data.isascii():  # each below 128 is one byte
        return data
    found, at = [], 0
    while at < len(data):
        value, at = _read_varint(data, at)
        found.append(value)
    return found


def _fields(data: bytes) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = []
    at, end = 0, len(data)
    while at < end:
        key, at = _read_varint(data, at)
        wire = key & 7
        if wire == _VARINT:
            value, at = _read_varint(data, at)
            found.append((key >> 3, value))
            continue
        if wire == _BYTES:
            length, at = _read_varint(data, at)
        elif wire == _FIXED64:
            length = 8
        else:
            raise Unusual(f"wire type {wire}")
        if at + length > end:
            raise Unusual("a field that is cut off")
        found.append((key >> 3, data[at : at + length]))
        at += length
    return found


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = data[at]
    at += 1
    if value < 128:
        return value, at
    value &= 127
    shift = 7
    while shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise Unusual("a number without an end")
