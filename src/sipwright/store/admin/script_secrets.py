"""What the scripts of a user may know and nobody else: sealed, and never shown again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, select, update

from sipwright.store.crypto import KeyRing
from sipwright.store.database import insert_row
from sipwright.store.errors import NotFoundError, StoreError
from sipwright.store.history.paging import after
from sipwright.store.schema import tables
from sipwright.store.schema.entities import script_secret_place
from sipwright.store.schema.names import script_secret_name

__all__ = [
    "FEWEST_LETTERS",
    "LONGEST",
    "MOST",
    "SecretRow",
    "find",
    "keep",
    "names_of",
    "page",
    "read",
    "remove",
]

MOST = 100
"""Secrets of one user."""

FEWEST_LETTERS = 4
"""What is shorter could not be told from other words, and so not be kept out of what is written."""

LONGEST = 2000


class SecretRow(NamedTuple):
    """A secret as it is listed."""

    name: str
    updated_at: float


_COLUMN = tables.secrets.c


def keep(connection: Connection, keys: KeyRing, user_id: int, name: str, value: str, now: float) -> None:
    """Keep a secret of a user, in the place of the one of that name."""
    script_secret_name(name)
    _check(value)
    sealed = keys.seal(value.encode(), script_secret_place(user_id, name))
    ours = (_COLUMN.user_id == user_id, _COLUMN.name == name)
    known = connection.execute(update(tables.secrets).where(*ours).values(value=sealed, updated_at=now))
    if known.rowcount:
        return
    mine = _COLUMN.user_id == user_id
    if (connection.scalar(select(func.count()).select_from(tables.secrets).where(mine)) or 0) >= MOST:
        raise StoreError(f"there are {MOST} secrets already; remove those that no script reads")
    insert_row(
        connection, tables.secrets, {"user_id": user_id, "name": name, "value": sealed, "updated_at": now}
    )


def _check(value: str) -> None:
    if not FEWEST_LETTERS <= len(value) <= LONGEST:
        raise StoreError(f"a secret has {FEWEST_LETTERS} to {LONGEST} letters; give another", "value")
    if not value.isprintable():
        raise StoreError("the secret has control characters or several lines in it; give another", "value")


def read(connection: Connection, keys: KeyRing, user_id: int, name: str) -> str | None:
    """Return a secret of a user; None when there is none of that name."""
    query = select(_COLUMN.value).where(_COLUMN.user_id == user_id, _COLUMN.name == name)
    sealed = connection.scalar(query)
    return None if sealed is None else keys.open(bytes(sealed), script_secret_place(user_id, name)).decode()


def find(connection: Connection, user_id: int, name: str) -> SecretRow | None:
    """Find a secret of a user by its name."""
    query = select(_COLUMN.name, _COLUMN.updated_at).where(_COLUMN.user_id == user_id, _COLUMN.name == name)
    row = connection.execute(query).first()
    return None if row is None else SecretRow(*row)


def page(
    connection: Connection, user_id: int, limit: int, place: Sequence[Any] | None = None
) -> list[SecretRow]:
    """List the secrets of a user by name, after a place."""
    query = select(_COLUMN.name, _COLUMN.updated_at).where(_COLUMN.user_id == user_id)
    if place is not None:
        query = query.where(after((_COLUMN.name,), place))
    return [SecretRow(*row) for row in connection.execute(query.order_by(_COLUMN.name).limit(limit))]


def names_of(connection: Connection, user_id: int) -> set[str]:
    """Return the names of all secrets of a user."""
    return set(connection.scalars(select(_COLUMN.name).where(_COLUMN.user_id == user_id)))


def remove(connection: Connection, user_id: int, name: str) -> None:
    """Forget a secret.

    Raises:
        NotFoundError: There is none of that name.
    """
    gone = connection.execute(delete(tables.secrets).where(_COLUMN.user_id == user_id, _COLUMN.name == name))
    if not gone.rowcount:
        raise NotFoundError(f"there is no secret {name!r}; 'sipwright secret list' shows them")
