"""What was said on the wire for a call: packing messages into rows, reading them back, and forgetting old ones.

A row holds what was said for many calls within about a second, compressed together: SIP repeats itself, so that
takes a tenth of the room, and a call costs a few hundredths of a row. It says whose messages it holds, and is found
by that and by its time. What could be used to guess a password is left out.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, delete, func, select

from sipwright.store.database import Database
from sipwright.store.schema import tables

__all__ = ["Heard", "Message", "forget_old", "pack", "prune", "read", "restart_mark", "unpack"]

AT_ONCE = 100
"""Rows that one transaction deletes: running nodes wait for no longer than that takes."""

_SAMPLE = 200
_OVERHEAD = 120
"""Bytes that a row takes beside its data, with its place in the indexes."""

_MARGIN = 60.0
"""Seconds: a row is as old as its first message, and the last messages of a call may be repeated for 32."""

_FORMAT = b"\x03"
_EARLIER_FORMAT = b"\x02"
_RESPONSE = re.compile(rb'(\bresponse\s*=\s*")[0-9a-f]{16,}', re.IGNORECASE)


class Message(NamedTuple):
    """One message as it was on the wire; ``flow`` is the key of the flow that carried it."""

    at: float
    direction: str
    flow: str
    data: bytes

    @property
    def is_restart(self) -> bool:
        """Return whether this is no message but the moment when a process went on with the call of an earlier one."""
        return not self.flow


def restart_mark(at: float) -> Message:
    """Make what stands between the messages of two processes."""
    return Message(at, "in", "", b"")


class Heard(NamedTuple):
    """A message, and the call that it belongs to."""

    call_id: str
    at: float
    direction: str
    flow: str
    data: bytes


def pack(heard: Iterable[tuple[str, float, str, str, bytes]]) -> bytes:
    """Make the ``data`` of a row of some ``Heard`` (or tuples like it): a line of JSON on them, then the messages."""
    heard = tuple(heard)
    texts = [one[4] for one in heard]
    text = b"".join(texts)
    if b"response" in text.lower():  # a look at all of them at once, as it is in few
        texts = [_RESPONSE.sub(rb"\1...", one) for one in texts]
        text = b"".join(texts)
    index = [
        (call_id, at, direction, len(one), flow)
        for (call_id, at, direction, flow, _), one in zip(heard, texts, strict=True)
    ]
    return _FORMAT + zlib.compress(b"%s\n%s" % (orjson.dumps(index), text), 1)


def unpack(data: bytes) -> list[Heard]:
    """Read what ``pack`` made; nothing, if a version before the last has packed it in another way."""
    if data.startswith(_EARLIER_FORMAT):
        return _unpack_lines(zlib.decompress(data[1:]))
    if not data.startswith(_FORMAT):
        return []
    index, _, text = zlib.decompress(data[1:]).partition(b"\n")
    heard, start = [], 0
    for call_id, at, direction, size, flow in orjson.loads(index):
        heard.append(Heard(call_id, at, direction, flow, text[start : start + size]))
        start += size
    return heard


def _unpack_lines(text: bytes) -> list[Heard]:
    """Read what has a line before each message."""
    heard, start = [], 0
    while start < len(text):
        end = text.index(b"\n", start)
        call_id, at, direction, length, flow = text[start:end].decode().split(" ", 4)
        start = end + 1 + int(length)
        heard.append(Heard(call_id, float(at), direction, flow, text[end + 1 : start]))
    return heard


def read(connection: Connection, call_id: str, since: float, until: float | None) -> list[Message]:
    """Return the messages of a call in the order in which they were seen.

    Args:
        connection: The database.
        call_id: The call.
        since: When it began (Unix time).
        until: When it ended; None when it has not.
    """
    column = tables.messages.c
    query = (
        select(column.data)
        .where(column.at >= since - _MARGIN, column.call_id.contains(call_id, autoescape=True))
        .order_by(column.at)
    )
    if until is not None:
        query = query.where(column.at <= until + _MARGIN)
    heard = (one for data in connection.scalars(query) for one in unpack(data))
    return [Message(one.at, one.direction, one.flow, one.data) for one in heard if one.call_id == call_id]


async def forget_old(database: Database, oldest: float, most_bytes: int) -> int:
    """Delete what is older than ``oldest``, and of the rest what is too much; give the number of rows.

    What is too much is estimated in a transaction that only reads, and deleted a little at a time: running nodes
    wait for neither.
    """
    until = max(oldest, await database.read(lambda connection: _end_of_room(connection, most_bytes)))
    gone = 0
    while True:
        count = await database.write(lambda connection: prune(connection, until))
        gone += count
        if count < AT_ONCE:
            return gone


def prune(connection: Connection, until: float) -> int:
    """Delete some rows up to a time, the oldest first; fewer than ``AT_ONCE`` were all that there were."""
    column = tables.messages.c
    some = select(column.call_id, column.at).where(column.at <= until).order_by(column.at).limit(AT_ONCE)
    rows = connection.execute(some).all()
    for call_id, at in rows:
        connection.execute(delete(tables.messages).where(column.call_id == call_id, column.at == at))
    return len(rows)


def _end_of_room(connection: Connection, most_bytes: int) -> float:
    """Return up to when there is too much, taking the newest rows for typical ones."""
    column = tables.messages.c
    newest = select(func.length(column.data).label("size")).order_by(column.at.desc()).limit(_SAMPLE)
    size = connection.scalar(select(func.avg(newest.subquery().c.size)))
    if size is None:
        return 0.0
    most_rows = int(most_bytes / (float(size) + _OVERHEAD))
    return float(
        connection.scalar(select(column.at).order_by(column.at.desc()).limit(1).offset(most_rows)) or 0.0
    )
