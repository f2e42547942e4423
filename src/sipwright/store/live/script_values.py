"""What scripts keep from run to run (``store.get`` and so on).

A change and its entry in the run's journal are one transaction: after a crash in the middle the entry tells
whether it was made, so that no counter is counted twice.
"""

from __future__ import annotations

import json
import time
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from sipwright.store.history.journals import pending_result, set_result
from sipwright.store.schema import tables

__all__ = ["MAX_KEYS", "MAX_VALUE", "apply"]

MAX_KEYS = 1000
MAX_VALUE = 10_000


def apply(
    connection: Connection, user_id: int, function: str, arguments: dict[str, Any], entry: tuple[str, int]
) -> Any:
    """Do what one function of the store does, once, and return its value; `entry` is its place in the journal.

    Raises:
        ValueError: It cannot be done.
    """
    if function == "get":
        found = _read(connection, user_id, arguments["key"])
        return arguments.get("default") if found is None else json.loads(found)
    if function == "keys":
        return _keys(connection, user_id, arguments["prefix"])
    done = pending_result(connection, *entry)
    if done is not None:
        return done["value"]
    # Writers of one user take turns, so that what is read here is still true when it is written.
    connection.execute(select(tables.users.c.id).where(tables.users.c.id == user_id).with_for_update())
    value = _change(connection, user_id, function, arguments)
    set_result(connection, *entry, {"value": value})
    return value


def _change(connection: Connection, user_id: int, function: str, arguments: dict[str, Any]) -> Any:
    key = arguments["key"]
    current = _read(connection, user_id, key)
    match function:
        case "set":
            _write(connection, user_id, key, current, json.loads(arguments["value"]))
            return None
        case "delete":
            _write(connection, user_id, key, current, None)
            return current is not None
        case "add":
            number = 0 if current is None else json.loads(current)
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise ValueError(f"what is kept under {key!r} is not a number")
            number += arguments["amount"]
            _write(connection, user_id, key, current, number)
            return number
        case "replace":
            if (None if current is None else json.loads(current)) != json.loads(arguments["old"]):
                return False
            _write(connection, user_id, key, current, json.loads(arguments["new"]))
            return True
    raise AssertionError(function)


def _read(connection: Connection, user_id: int, key: str) -> str | None:
    column = tables.script_values.c
    return connection.scalar(select(column.value).where(column.user_id == user_id, column.key == key))


def _keys(connection: Connection, user_id: int, prefix: str) -> list[str]:
    column = tables.script_values.c
    query = select(column.key).where(
        column.user_id == user_id, column.key.startswith(prefix, autoescape=True)
    )
    return sorted(connection.scalars(query))


def _write(connection: Connection, user_id: int, key: str, current: str | None, value: Any) -> None:
    """Keep a value; None forgets it."""
    table = tables.script_values
    ours = (table.c.user_id == user_id, table.c.key == key)
    if value is None:
        connection.execute(delete(table).where(*ours))
        return
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > MAX_VALUE:
        raise ValueError(f"the value for {key!r} is longer than {MAX_VALUE} characters")
    if current is not None:
        connection.execute(update(table).where(*ours).values(value=text, updated_at=time.time()))
        return
    count = connection.scalar(select(func.count()).select_from(table).where(table.c.user_id == user_id))
    if (count or 0) >= MAX_KEYS:
        raise ValueError(f"the store holds {MAX_KEYS} values already; delete some")
    connection.execute(insert(table).values(user_id=user_id, key=key, value=text, updated_at=time.time()))
