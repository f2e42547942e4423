"""What scripts keep from run to run (``store.get`` and so on).

A change and its entry in the run's journal are one transaction: after a crash in the middle the entry tells
whether it was made, so that no counter is counted twice.  What many runs want at the same time shares a transaction,
since on SQLite each of them first applies the log (`SqliteDatabase.write`).
"""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from sipwright.store.database import Database
from sipwright.store.errors import DatabaseAwayError
from sipwright.store.history.journals import pending_result, set_result
from sipwright.store.schema import tables

__all__ = ["MAX_KEYS", "MAX_VALUE", "SPACING", "ScriptValues", "apply", "keep"]

MAX_KEYS = 1000
MAX_VALUE = 10_000

SPACING = 0.1
"""Seconds between two transactions: what comes alone waits for none, what comes meanwhile shares the next one."""


AGAIN = 0.5
"""Seconds until a server that is away is asked again: a script waits for it, as long as it may run."""


class _Wish(NamedTuple):
    """What a script asks for, and who waits for the answer: a value, or the error of the one who asks too much."""

    user_id: int
    function: str
    arguments: dict[str, Any]
    entry: tuple[str, int]
    answer: asyncio.Future[Any]


class ScriptValues:
    """What scripts keep, for all who want something of it at the same time."""

    def __init__(self, database: Database, spacing: float = SPACING) -> None:
        self._database = database
        self._waits = database.dialect != "sqlite"  # a server comes back, and scripts have time
        self._spacing = spacing
        self._wishes: list[_Wish] = []
        self._task: asyncio.Task[None] | None = None

    async def use(
        self, user_id: int, function: str, arguments: dict[str, Any], entry: tuple[str, int]
    ) -> Any:
        """Do what one function of the store does, once, and return its value; `entry` is its place in the journal.

        Raises:
            ValueError: It cannot be done.
            StoreError: The database does not work.
        """
        answer = asyncio.get_running_loop().create_future()
        self._wishes.append(_Wish(user_id, function, arguments, entry, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await answer

    def close(self) -> None:
        """Give up what waits."""
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        while self._wishes:
            # In the order of the users, whose rows are locked: two nodes never wait for each other.
            batch, self._wishes = sorted(self._wishes, key=lambda wish: wish.user_id), []
            written = asyncio.ensure_future(self._database.write(partial(_apply_all, batch)))
            await asyncio.wait([written])
            error = written.exception()
            if isinstance(error, DatabaseAwayError) and self._waits:
                self._wishes = [wish for wish in batch if not wish.answer.done()] + self._wishes
                await asyncio.sleep(AGAIN)
                continue
            answers = written.result() if error is None else [error] * len(batch)
            for wish, answer in zip(batch, answers, strict=True):
                if wish.answer.done():  # nobody waits any more
                    continue
                if isinstance(answer, BaseException):
                    wish.answer.set_exception(answer)
                else:
                    wish.answer.set_result(answer)
            await asyncio.sleep(self._spacing)
        self._task = None


def _apply_all(batch: list[_Wish], connection: Connection) -> list[Any]:
    """Do what can be done; what cannot leaves nothing behind, and its error in the place of its value."""
    answers: list[Any] = []
    for wish in batch:
        try:
            with connection.begin_nested():
                answers.append(apply(connection, wish.user_id, wish.function, wish.arguments, wish.entry))
        except ValueError as error:
            answers.append(error)
    return answers


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
        return done.get("value")  # nothing, where the caller has gone meanwhile: the script is over
    _take_turns(connection, user_id)
    value = _change(connection, user_id, function, arguments)
    set_result(connection, *entry, {"value": value})
    return value


def keep(connection: Connection, user_id: int, key: str, value: Any) -> None:
    """Keep a value under a key for a person, not for a script; None forgets it.

    Raises:
        ValueError: It cannot be done.
    """
    _take_turns(connection, user_id)
    _write(connection, user_id, key, _read(connection, user_id, key), value)


def _take_turns(connection: Connection, user_id: int) -> None:
    """Let the writers of one user wait for each other, so that what is read is still true when it is written.

    Rows that only name the user may be written meanwhile: of calls, say, at all nodes.
    """
    of_user = select(tables.users.c.id).where(tables.users.c.id == user_id)
    connection.execute(of_user.with_for_update(key_share=True))


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
