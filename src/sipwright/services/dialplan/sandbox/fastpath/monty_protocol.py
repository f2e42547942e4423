"""What passes between us and a worker process of the sandbox: its protocol, as far as the fast path needs it.

Frames of four bytes of length (little-endian) and a message of protocol buffers, one request and one event in
turn, as ``monty.proto`` of pydantic-monty describes it (``field_numbers.py``); values are in ``monty_values.py``.
What is not here raises `Fallback`: the library knows all of it.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Any, NamedTuple

from sipwright.memo import Bounded

from .fallback import Fallback, Reason
from .field_numbers import (
    PROTOCOL,
    Call,
    Configure,
    Event,
    Feed,
    Limits,
    Policy,
    Position,
    Request,
    Result,
    Resume,
)
from .field_numbers import State as StateField
from .monty_values import NONSENSE, read_arena, read_pair, write_arena, write_value
from .protobuf import BYTES, field, index, number, read_fields, read_places, read_varint, text, varint

__all__ = [
    "DUMP", "OKS", "RESET", "Called", "Ended", "configure", "feed", "load", "microseconds", "read_dump", "read_event",
    "read_place", "resume",
]  # fmt: skip

_LENGTH = Struct("<I")


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

_EMPTY = b""
_POLICY = b"".join(
    [
        field(Policy.RANDOM, _EMPTY),
        field(Policy.SLEEP, field(Policy.SLEEP_OF_HOST, _EMPTY)),
        field(Policy.CLOCK, field(Policy.CLOCK_OF_HOST, _EMPTY)),
        field(Policy.FILES, _EMPTY),
        field(Policy.IDENTITY, _EMPTY),
    ]
)
_FOLDER = text(Feed.FOLDER, "/")


@lru_cache(maxsize=1024)
def configure(
    name: str, version: str, *, seconds: float, memory: int, recursion: int, suspensions: int
) -> bytes:
    """Begin a session; sleeping and the time of day are left to us, everything else is as the library has it."""
    limits = (
        number(Limits.MEMORY, memory)
        + number(Limits.RECURSION, recursion)
        + number(Limits.SUSPENSIONS, suspensions)
        + number(Limits.MICROSECONDS, int(seconds * 1e6))
    )
    return _request(
        Request.CONFIGURE,
        text(Configure.SCRIPT_NAME, name)
        + field(Configure.LIMITS, limits)
        + text(Configure.VERSION, version)
        + number(Configure.ASSERT_MESSAGES, 120)
        + number(Configure.CHECK_FORMAT, 1)
        + number(Configure.PROTOCOL, PROTOCOL)
        + field(Configure.POLICY, _POLICY),
    )


def feed(code: str, given: bytes) -> bytes:
    """Run a script with some `names`."""
    return _request(Request.FEED, text(Feed.CODE, code) + given + _FOLDER)


def resume(call_id: int, value: Any) -> bytes:
    """Give the value of the function that was called."""
    nodes: list[bytes] = []
    try:
        place = write_value(value, nodes)
    except RecursionError:
        raise Fallback(Reason.VALUE, "a value that is nested deeply") from None
    result = field(Resume.RESULT, index(Result.RETURN_VALUE, place))
    return _request(
        Request.RESUME, number(Resume.CALL_ID, call_id) + result + field(Resume.VALUES, write_arena(nodes))
    )


def load(state: bytes) -> bytes:
    """Go on from a dump."""
    return _request(Request.LOAD, field(StateField.BYTES, state))


def _request(kind: int, content: bytes) -> bytes:
    message = field(kind, content)
    return _LENGTH.pack(len(message)) + message


DUMP = _request(Request.DUMP, _EMPTY)
"""Asks for everything that the script is, as bytes."""

RESET = _request(Request.RESET, _EMPTY)
"""Ends a session."""


# Events.

_OK = field(Event.OK, _EMPTY)
OKS = 2 * (_LENGTH.pack(len(_OK)) + _OK)
"""What a worker says, frames and all, that has ended one session and begun the next."""

_MICROSECONDS = varint(Event.MICROSECONDS << 3)


def read_event(data: bytes) -> Called | Ended | None:
    """Read what a worker says; None is a plain yes."""
    if data == _OK:
        return None
    kind, content = _event(data)
    if kind == Event.CALL:
        return _call(content)
    if kind == Event.COMPLETE:
        return Ended()
    raise Fallback(Reason.EVENT, f"event {kind}")


def read_place(data: bytes) -> tuple[int, int] | None:
    """Read the number of a call and where it stands, and nothing that it was given; None when that is no call."""
    kind, content = _event(data)
    if kind != Event.CALL:
        return None
    try:
        found = dict(read_fields(content))
        return found.get(Call.CALL_ID, 0), _read_position(found.get(Call.POSITION, b""))[1]
    except NONSENSE as error:
        raise _damaged(error) from error


def microseconds(data: bytes) -> int:
    """Read for how long a script has computed, which stands behind what a worker says: nothing there means no time.

    Protocol buffers leave out what is 0, as it is on a quick machine for a script that dials and no more.
    """
    length, at = read_varint(data, 1)
    at += length
    return read_varint(data, at + 2)[0] if data[at : at + 2] == _MICROSECONDS else 0


def read_dump(data: bytes) -> bytes:
    """Read the answer to a request for a dump."""
    kind, content = _event(data)
    if kind != Event.DUMPED:
        raise Fallback(Reason.EVENT, f"event {kind} in place of a dump")
    found = read_fields(content)
    if len(found) != 1 or not isinstance(found[0][1], bytes):  # of a number, bytes() makes as many
        raise Fallback(Reason.PROTOCOL, "a dump that is none")
    return found[0][1]


def _damaged(error: Exception) -> Fallback:
    """Say that a worker speaks of what it has not named, or of text that is a number."""
    return Fallback(Reason.PROTOCOL, f"{type(error).__name__}: {error}")


def _event(data: bytes) -> tuple[int, bytes]:
    """Take the first field, which says what happened; the others say when, and how the limits are."""
    key, at = read_varint(data, 0)
    length, at = read_varint(data, at)
    if key & 7 != BYTES or at + length > len(data):
        raise Fallback(Reason.PROTOCOL, "an event that is none")
    return key >> 3, data[at : at + length]


def _call(data: bytes) -> Called:
    """Read a call; a script that dials the same each time makes the same one each time."""
    found = _CALLS.get(data)
    if found is None:
        found = _read_call(data)
        if len(data) <= LONGEST_KNOWN and not any(map(_is_container, (*found.args, *found.kwargs.values()))):
            _CALLS.keep(data, found)
    return found


_CALLS: Bounded[bytes, Called] = Bounded(1_024)
LONGEST_KNOWN = 400


def _is_container(value: Any) -> bool:
    """Return whether a value could be changed by whoever is given it."""
    return isinstance(value, (list, dict, tuple))


def _read_call(data: bytes) -> Called:
    try:
        return _called(data)
    except NONSENSE as error:
        raise _damaged(error) from error


def _called(data: bytes) -> Called:
    name, args, kwargs, call_id, values = "", b"", [], 0, []
    filename, start = "", 0
    for part, value in read_fields(data):
        if part == Call.NAME:
            name = value.decode()
        elif part == Call.ARGS:
            args = value
        elif part == Call.KWARGS:
            kwargs.append(read_pair(value))
        elif part == Call.CALL_ID:
            call_id = value
        elif part == Call.VALUES:
            values = read_arena(value)
        elif part == Call.POSITION:
            filename, start = _read_position(value)
        else:
            raise Fallback(Reason.CALL, "a method of an object")
    positional = tuple([values[place] for place in read_places(args)])
    named = {values[key]: values[value] for key, value in kwargs}
    return Called(name, positional, named, call_id, filename, start)


@lru_cache(maxsize=1024)
def _read_position(data: bytes) -> tuple[str, int]:
    found = dict(read_fields(data))
    return found.get(Position.FILENAME, b"").decode(), found.get(Position.START, 0)
