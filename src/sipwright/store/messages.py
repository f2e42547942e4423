"""What was said on the wire for a call: packing messages into rows, reading them back, and forgetting old ones.

A row holds all that was said within about a second, compressed: SIP repeats itself, so it takes a fifth of the
room, and a call of fifteen messages is two or three rows. What could be used to guess a password is left out.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select

from sipwright.store import tables
from sipwright.store.administration import Administration

__all__ = ["Message", "forget_old", "pack", "prune", "read", "restart_mark", "unpack"]

AT_ONCE = 1_000
"""Rows that one transaction deletes: running nodes wait for no longer than that takes."""

_SAMPLE = 200
_OVERHEAD = 120
"""Bytes that a row takes beside its data, with its place in the indexes."""

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_RESPONSE = re.compile(rb'(\bresponse\s*=\s*")[0-9a-f]{16,}', re.IGNORECASE)


class Message(NamedTuple):
    """One message as it was on the wire; ``flow`` is the key of the flow that carried it."""

    at: float
    direction: str
    flow: str
    data: bytes

    @property
    def is_restart(self) -> bool:
        """Claim that this is no message but the moment in which a process went on with the call of an earlier one."""
        return not self.flow


def restart_mark(at: float) -> Message:
    """Make what stands between the messages of two processes."""
    return Message(at, "in", "", b"")


def pack(messages: Iterable[Message]) -> bytes:
    """Make the ``data`` of a row."""
    kept = [(at, direction, flow, _text(data)) for at, direction, flow, data in messages]
    return zlib.compress(_encode(kept).encode("ascii"), 1)


def unpack(data: bytes) -> list[Message]:
    """Read what ``pack`` made."""
    kept = json.loads(zlib.decompress(data))
    return [Message(at, direction, flow, text.encode("latin-1")) for at, direction, flow, text in kept]


def read(connection: Connection, call_id: str) -> list[Message]:
    """Return the messages of a call in the order in which they were seen."""
    column = tables.messages.c
    query = select(column.data).where(column.call_id == call_id).order_by(column.at)
    return [message for data in connection.scalars(query) for message in unpack(data)]


async def forget_old(store: Administration, oldest: float, most_bytes: int) -> int:
    """Delete what is older than ``oldest``, and of the rest what is too much; give the number of rows.

    What is too much is estimated in a transaction that only reads, and deleted a little at a time: running nodes
    wait for neither.
    """
    until = max(oldest, await store.database.read(lambda connection: _end_of_room(connection, most_bytes)))
    gone = 0
    while True:
        count = await store.database.write(lambda connection: prune(connection, until))
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


def _text(data: bytes) -> str:
    if b"response" in data.lower():
        data = _RESPONSE.sub(rb"\1...", data)
    return data.decode("latin-1")
