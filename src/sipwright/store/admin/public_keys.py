"""SSH public keys: what somebody proves at the console who they are with."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from sipwright.store.database import insert_row
from sipwright.store.errors import AlreadyExistsError, NotFoundError, StoreError
from sipwright.store.schema.names import key_name
from sipwright.store.schema.people_tables import public_keys

__all__ = ["MOST", "KeyRow", "add", "of_user", "remove", "touch"]

MOST = 50
"""Keys of one user: they are all given to whoever connects in that name."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A public key; `public_key` is its kind and itself, as they stand in ``authorized_keys``."""

    id: int
    user_id: int
    name: str
    public_key: str
    fingerprint: str
    created_at: float
    used_at: float | None


_COLUMNS = [public_keys.c[name] for name in KeyRow.__slots__]


def add(
    connection: Connection, user_id: int, name: str, public_key: str, fingerprint: str, now: float
) -> KeyRow:
    """Add a key of a user; they have it once."""
    mine = public_keys.c.user_id == user_id
    count = connection.scalar(select(func.count()).select_from(public_keys).where(mine)) or 0
    if count >= MOST:
        raise StoreError(f"there are {count} keys already; remove those that nobody uses")
    values = {
        "user_id": user_id,
        "name": key_name(name),
        "public_key": public_key,
        "fingerprint": fingerprint,
        "created_at": now,
    }
    known = connection.scalar(
        select(public_keys.c.name).where(mine, public_keys.c.fingerprint == fingerprint)
    )
    if known is not None:
        raise AlreadyExistsError(f"this key is there already, by the name {known!r}", "public_key")
    try:
        number = insert_row(connection, public_keys, values)
    except IntegrityError:
        raise AlreadyExistsError(f"there is a key {name!r} already; choose another name", "name") from None
    return KeyRow(number, user_id, name, public_key, fingerprint, now, None)


def of_user(connection: Connection, user_id: int) -> list[KeyRow]:
    """List the keys of a user, the oldest first."""
    query = select(*_COLUMNS).where(public_keys.c.user_id == user_id).order_by(public_keys.c.id)
    return [KeyRow(*row) for row in connection.execute(query)]


def touch(connection: Connection, id: int, now: float) -> None:
    """Note that somebody has logged in with a key."""
    connection.execute(update(public_keys).where(public_keys.c.id == id).values(used_at=now))


def remove(connection: Connection, user_id: int, name: str) -> KeyRow:
    """Remove a key by its name or its fingerprint."""
    for row in of_user(connection, user_id):
        if name in (row.name, row.fingerprint):
            connection.execute(delete(public_keys).where(public_keys.c.id == row.id))
            return row
    raise NotFoundError(f"there is no key {name!r}; 'sipwright user key list' shows those that there are")
