"""Secrets of the system itself, and sealing everything anew after a change of key."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from sipwright.services.rows import SEALED_RUN, snapshot_place
from sipwright.store.admin import domains, users
from sipwright.store.crypto import KeyRing
from sipwright.store.errors import WrongKeyError
from sipwright.store.schema import people_tables, tables
from sipwright.store.schema.entities import (
    HA1_COLUMNS,
    account_place,
    provider_place,
    script_secret_place,
    second_factor_place,
)

__all__ = ["AT_ONCE", "Part", "count", "parts", "reseal", "secret"]

AT_ONCE = 500
"""Values that one transaction seals anew: a running node waits for no longer than that takes."""


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


class Part(NamedTuple):
    """One encrypted column, and what each of its values is bound to."""

    table: Table
    key: str
    column: str
    place: Callable[[Any], str]
    owner: Callable[[Any], str]
    """Whose each value is, in words."""
    mark: bytes = b""
    """How a value begins that is sealed, where not all of them are."""


def parts(connection: Connection) -> list[Part]:
    """Return everything that is encrypted."""
    homes = {home.id: home.name for home in domains.read_all(connection)}
    accounts = (
        Part(tables.accounts, "id", column, _account_place_in(column, homes), _account_in(homes))
        for column in HA1_COLUMNS.values()
    )
    people = {user.id: user.name for user in users.read_all(connection)}
    providers = Part(
        tables.providers, "id", "password", lambda row: provider_place(row.user_id, row.name),
        lambda row: f"provider {row.name} of {people.get(row.user_id)}",
    )  # fmt: skip
    factors = Part(
        people_tables.second_factors, "user_id", "secret", lambda row: second_factor_place(row.user_id),
        lambda row: f"the one-time codes of {people.get(row.user_id)}",
    )  # fmt: skip
    secrets = Part(
        tables.secrets, "id", "value", lambda row: script_secret_place(row.user_id, row.name),
        lambda row: f"secret {row.name} of {people.get(row.user_id)}",
    )  # fmt: skip
    return [
        *accounts,
        providers,
        factors,
        secrets,
        Part(tables.settings, "name", "value", lambda row: _setting_place(row.name), lambda row: row.name),
        Part(
            tables.executions, "id", "snapshot", lambda row: snapshot_place(row.id),
            lambda row: f"run {row.id}", mark=SEALED_RUN,
        ),
    ]  # fmt: skip


def check(connection: Connection, keys: KeyRing) -> None:
    """Open one value, so that nobody writes with a key file that is not that of this database.

    Raises:
        StoreError: The key file does not open it.
    """
    table = tables.settings
    for name, value in connection.execute(select(table.c.name, table.c.value).limit(1)):
        keys.open(bytes(value), _setting_place(name))


def count(connection: Connection, part: Part) -> int:
    """Count the values of a part."""
    return connection.scalar(select(func.count()).select_from(part.table).where(*_sealed(part))) or 0


def _sealed(part: Part) -> tuple[ColumnElement[bool], ...]:
    """Select the rows whose value is sealed: of runs those that know a secret and are not over."""
    column = part.table.c[part.column]
    return (func.substr(column, 1, len(part.mark)) == part.mark,) if part.mark else ()


def reseal(
    connection: Connection,
    keys: KeyRing,
    part: Part,
    after: Any,
    on_lost: Callable[[str], None] | None = None,
) -> tuple[int, int, Any]:
    """Seal some values of a part with the newest key, those with the lowest row keys after `after`.

    Of what cannot be decrypted `on_lost` is told whose it is, and it stays; without it that is an error.

    Returns:
        How many were looked at, how many an older key had sealed, and the last row key; fewer than `AT_ONCE` were the
        last ones.
    """
    table, key, column, place, owner, mark = part
    query = select(table).where(*_sealed(part)).order_by(table.c[key]).limit(AT_ONCE)
    rows = connection.execute(query if after is None else query.where(table.c[key] > after)).all()
    fresh = []
    for row in rows:
        sealed = bytes(getattr(row, column))[len(mark) :]
        try:
            plain = keys.open(sealed, place(row))
        except WrongKeyError:
            if on_lost is None:
                raise
            on_lost(owner(row))
            continue
        if not keys.is_current(sealed):
            value = mark + keys.seal(plain, place(row))
            fresh.append({"row_key": getattr(row, key), "sealed": value})
    if fresh:
        statement = update(table).where(table.c[key] == bindparam("row_key"))
        connection.execute(statement.values({column: bindparam("sealed")}), fresh)
    return len(rows), len(fresh), getattr(rows[-1], key) if rows else after


def _account_place_in(column: str, homes: dict[int, str]) -> Callable[[Any], str]:
    return lambda row: account_place(column, row.username, homes[row.domain_id])


def _account_in(homes: dict[int, str]) -> Callable[[Any], str]:
    return lambda row: f"account {row.username}@{homes[row.domain_id]}"


def _setting_place(name: str) -> str:
    return f"settings:value:{name}"
