"""Secrets of the system itself, and sealing everything anew after a change of key."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from sipwright.store import domains, tables
from sipwright.store.crypto import KeyRing
from sipwright.store.entities import HA1_COLUMNS, account_place, provider_place

__all__ = ["reseal", "secret"]

_BATCH = 500


def secret(connection: Connection, keys: KeyRing, name: str, size: int = 32) -> bytes:
    """Give a secret that all nodes of this database share; make it on first use."""
    place = _setting_place(name)
    query = select(tables.settings.c.value).where(tables.settings.c.name == name)
    sealed = connection.scalar(query)
    if sealed is None:
        try:
            with connection.begin_nested():
                fresh = keys.seal(os.urandom(size), place)
                connection.execute(insert(tables.settings).values(name=name, value=fresh))
        except IntegrityError:
            pass  # another node was faster
        sealed = connection.scalar(query)
    return keys.open(bytes(sealed or b""), place)


def reseal(connection: Connection, keys: KeyRing) -> int:
    """Seal with the newest key what an older one sealed; give how many values that were."""
    homes = {home.id: home.name for home in domains.read_all(connection)}
    count = 0
    for column in HA1_COLUMNS.values():
        count += _reseal(
            connection,
            keys,
            tables.accounts,
            "id",
            column,
            _account_place_in(column, homes),
        )
    count += _reseal(
        connection,
        keys,
        tables.providers,
        "id",
        "password",
        lambda row: provider_place(row.user_id, row.name),
    )
    return count + _reseal(
        connection, keys, tables.settings, "name", "value", lambda row: _setting_place(row.name)
    )


def _reseal(
    connection: Connection,
    keys: KeyRing,
    table: Table,
    key: str,
    column: str,
    place: Callable[[Any], str],
) -> int:
    statement = (
        update(table).where(table.c[key] == bindparam("row_key")).values({column: bindparam("sealed")})
    )
    fresh = []
    for row in connection.execute(select(table)).all():
        sealed = bytes(getattr(row, column))
        if not keys.is_current(sealed):
            value = keys.seal(keys.open(sealed, place(row)), place(row))
            fresh.append({"row_key": getattr(row, key), "sealed": value})
    for start in range(0, len(fresh), _BATCH):
        connection.execute(statement, fresh[start : start + _BATCH])
    return len(fresh)


def _account_place_in(column: str, homes: dict[int, str]) -> Callable[[Any], str]:
    return lambda row: account_place(column, row.username, homes[row.domain_id])


def _setting_place(name: str) -> str:
    return f"settings:value:{name}"
