"""Values as they cross to a worker and back: a list of nodes in which children stand before their parents."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from struct import Struct, error
from typing import Any

from ...language.values import LegSpec
from .fallback import Fallback, Reason
from .field_numbers import Arena, Dict, Members, Named, NamedValue, Pair, Value
from .field_numbers import Feed as FeedField
from .protobuf import field, fields, index, number, places, read_field, read_fields, read_places, text

__all__ = [
    "NONSENSE",
    "NO_NAMES",
    "Outline",
    "names",
    "read_arena",
    "read_pair",
    "write_arena",
    "write_value",
]

NONSENSE = (ValueError, TypeError, LookupError, AttributeError, error)
"""What reading raises, besides `Fallback`, where a worker does not say what it should."""

_DOUBLE = Struct("<d")
_FIXED64 = 1
_INT64 = 1 << 63
_NONE = field(Value.NONE, b"")
_FALSE, _TRUE = index(Value.BOOL, 0), index(Value.BOOL, 1)
_FLOAT = bytes([Value.FLOAT << 3 | _FIXED64])
_STR, _INT, _BOOL, _LIST, _TUPLE = Value.STR, Value.INT, Value.BOOL, Value.LIST, Value.TUPLE
_NODE = Arena.VALUE


def write_value(value: Any, nodes: list[bytes]) -> int:
    """Append a value and what it holds; return its place.

    Raises:
        Fallback: It is of a kind that is left to the library.
    """
    kind = type(value)
    if kind is str:
        node = text(_STR, value)
    elif value is None:
        node = _NONE
    elif kind is bool:
        node = _TRUE if value else _FALSE
    elif kind is int:
        if not -_INT64 <= value < _INT64:
            raise Fallback(Reason.VALUE, "a big number")
        node = index(_INT, value << 1 if value >= 0 else (-value << 1) - 1)
    elif kind is float:
        node = _FLOAT + _DOUBLE.pack(value)
    elif kind is list:
        node = field(_LIST, _members(value, nodes, Members.PLACES))
    elif kind is tuple:
        node = field(_TUPLE, _members(value, nodes, Members.PLACES))
    elif kind is dict:
        node = field(Value.DICT, _pairs(value, nodes))
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        node = field(Value.NAMED_TUPLE, _head(kind) + _members(value, nodes, Named.PLACES))
    else:
        raise Fallback(Reason.VALUE, f"a {kind.__name__}")
    nodes.append(node)
    return len(nodes) - 1


@lru_cache
def _head(kind: Any) -> bytes:
    """Write the name of a named tuple, and those of its fields."""
    return text(Named.TYPE, kind.__name__) + b"".join([text(Named.FIELD, name) for name in kind._fields])


def _members(values: Any, nodes: list[bytes], name: int) -> bytes:
    members = [write_value(value, nodes) for value in values]
    return field(name, places(members)) if members else b""


def _pairs(values: dict[Any, Any], nodes: list[bytes]) -> bytes:
    pairs = [(write_value(key, nodes), write_value(value, nodes)) for key, value in values.items()]
    return b"".join(
        [field(Dict.PAIR, number(Pair.KEY, key) + number(Pair.VALUE, value)) for key, value in pairs]
    )


def write_arena(nodes: list[bytes]) -> bytes:
    """Write all values of a message."""
    if not nodes:
        return b""
    return number(Arena.COUNT, len(nodes)) + fields(_NODE, nodes)


def names(inputs: dict[str, Any]) -> bytes:
    """Write the names that a script is given."""
    nodes: list[bytes] = []
    found = [_name(name, write_value(value, nodes)) for name, value in inputs.items()]
    return b"".join(found) + field(FeedField.VALUES, write_arena(nodes))


def _name(name: str, place: int) -> bytes:
    return field(FeedField.NAMES, text(NamedValue.NAME, name) + number(NamedValue.VALUE, place))


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
            members = list(range(count, count + len(seen)))
            for place, is_seen in enumerate(seen, first):
                if is_seen:
                    slots.append((len(pieces), place))
                    pieces += (b"", b"")
                else:
                    pieces[-1] += _BLANK
            count += len(seen) + 1
            written = field(Named.PLACES, places(members))
            pieces[-1] += field(_NODE, field(Value.NAMED_TUPLE, _head(kind) + written))
            self._names += _name(name, count - 1)
        pieces[0] = number(Arena.COUNT, count) + pieces[0]
        self._pieces = pieces
        self._slots = slots

    def fill(self, values: tuple[Any, ...]) -> bytes:
        """Write the names, with what is seen of the values."""
        pieces = self._pieces.copy()
        for piece, place in self._slots:
            nodes: list[bytes] = []
            write_value(values[place], nodes)
            (node,) = nodes
            pieces[piece] = field(_NODE, node)
        return self._names + field(FeedField.VALUES, b"".join(pieces))


_BLANK = field(_NODE, text(_STR, ""))


def read_arena(data: bytes) -> list[Any]:
    """Read all values of a message.

    Raises:
        Fallback: One is of a kind that is left to the library.
    """
    values: list[Any] = []
    for name, node in read_fields(data):
        if name == _NODE:
            kind, content = read_field(node)
            values.append(_read(kind, content, values))
    return values


def _read(kind: int, content: Any, values: list[Any]) -> Any:
    if kind == _STR:
        return content.decode()
    if kind == _INT:
        return (content >> 1) ^ -(content & 1)
    if kind == _BOOL:
        return bool(content)
    if kind == Value.NONE:
        return None
    if kind == Value.FLOAT:
        return _DOUBLE.unpack(content)[0]
    return _read_container(kind, content, values)


def _read_container(kind: int, content: Any, values: list[Any]) -> Any:
    if kind == Value.DICT:
        pairs = [read_pair(pair) for _, pair in read_fields(content)]
        return {values[key]: values[value] for key, value in pairs}
    if kind in (_LIST, _TUPLE):
        found = read_places(dict(read_fields(content)).get(Members.PLACES, b""))
        members = [values[place] for place in found]
        return members if kind == _LIST else tuple(members)
    if kind == Value.NAMED_TUPLE:
        parts = dict(read_fields(content))
        if parts.get(Named.TYPE) == b"LegSpec":
            return LegSpec(*[values[place] for place in read_places(parts[Named.PLACES])])
    raise Fallback(Reason.VALUE, f"a value of kind {kind}")


def read_pair(data: bytes) -> tuple[int, int]:
    """Read the places of a key and its value, in a dict or among keyword arguments."""
    found = dict(read_fields(data))
    return found.get(Pair.KEY, 0), found.get(Pair.VALUE, 0)
