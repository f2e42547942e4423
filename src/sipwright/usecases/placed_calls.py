"""Calls that were placed with a key (``Idempotency-Key``): whoever asks twice gets the one call that was placed."""

from __future__ import annotations

import time

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from sipwright.store.schema import tables
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Conflict, Invalid
from sipwright.usecases.ground import Ground

__all__ = ["KEPT", "begin", "forget", "placed"]

KEPT = 86_400.0
"""Seconds for which a key is remembered."""

_LONGEST_KEY = 200
_TABLE = tables.placed_calls


async def begin(ground: Ground, actor: Actor, key: str, wanted: str) -> str | None:
    """Note that a call is being placed with a key; return the call that was placed with it before.

    Raises:
        Invalid: The key is too long, or was for another call.
        Conflict: That call is being placed now.
    """
    if not key.strip() or len(key) > _LONGEST_KEY or not key.isprintable():
        raise Invalid.of("Idempotency-Key", f"a key has 1 to {_LONGEST_KEY} characters")

    def work(connection: Connection) -> str | None:
        now, column = time.time(), _TABLE.c
        connection.execute(delete(_TABLE).where(column.at < now - KEPT))
        # Who places calls for a user waits for each other here: two with one key are no race.
        connection.execute(
            select(tables.users.c.id).where(tables.users.c.id == actor.user_id).with_for_update()
        )
        row = connection.execute(
            select(column.wanted, column.call_id).where(column.user_id == actor.user_id, column.key == key)
        ).first()
        if row is None:
            values = {"user_id": actor.user_id, "key": key, "wanted": wanted, "call_id": "", "at": now}
            connection.execute(insert(_TABLE).values(values))
            return None
        if row.wanted != wanted:
            raise Invalid.of("Idempotency-Key", "that key was for another call; take another key")
        if not row.call_id:
            raise Conflict("the call with that key is being placed now; ask again in a moment")
        return str(row.call_id)

    return await ground.change_quietly(work)


def placed(connection: Connection, actor: Actor, key: str, call: str) -> None:
    """Note which call was placed with a key."""
    connection.execute(update(_TABLE).where(*_row(actor, key)).values(call_id=call))


async def forget(ground: Ground, actor: Actor, key: str) -> None:
    """Forget a key, as no call was placed with it."""
    await ground.change_quietly(lambda c: c.execute(delete(_TABLE).where(*_row(actor, key))))


def _row(actor: Actor, key: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _TABLE.c.user_id == actor.user_id, _TABLE.c.key == key
