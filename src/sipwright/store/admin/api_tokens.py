"""API tokens: what a program shows instead of a name and a password; kept as hashes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from sipwright.store.admin.changes import record_change
from sipwright.store.admin.sessions import Bearer
from sipwright.store.database import insert_row
from sipwright.store.errors import AlreadyExistsError, NotFoundError, StoreError
from sipwright.store.schema import tables
from sipwright.store.schema.names import token_name
from sipwright.store.schema.people_tables import api_tokens

__all__ = ["MOST", "TokenRow", "add", "find", "page", "remove", "touch"]

MOST = 100
"""Tokens of one user."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as it is listed: nobody can get it back from what is kept."""

    id: int
    user_id: int
    user: str
    name: str
    scopes: tuple[str, ...]
    created_at: float
    expires_at: float | None
    used_at: float | None


def add(
    connection: Connection,
    user_id: int,
    name: str,
    token_hash: str,
    scopes: Iterable[str],
    now: float,
    expires_at: float | None,
) -> TokenRow:
    """Add a token of a user under a name that none of theirs has."""
    mine = api_tokens.c.user_id == user_id
    count = connection.scalar(select(func.count()).select_from(api_tokens).where(mine)) or 0
    if count >= MOST:
        raise StoreError(f"there are {count} tokens already; remove those that nobody uses")
    values = {
        "user_id": user_id,
        "name": token_name(name),
        "token_hash": token_hash,
        "scopes": " ".join(sorted(scopes)),
        "created_at": now,
        "expires_at": expires_at,
    }
    try:
        insert_row(connection, api_tokens, values)
    except IntegrityError:
        raise AlreadyExistsError(
            f"there is a token {name!r} already; choose another name, or remove that one", "name"
        ) from None
    return _one(connection, user_id, name)


def find(
    connection: Connection, now: float, *, token_hash: str | None = None, id: int | None = None
) -> Bearer | None:
    """Find whom a token stands for that has not expired, by what it is or by its number."""
    users, column = tables.users.c, api_tokens.c
    which = column.id == id if token_hash is None else column.token_hash == token_hash
    query = (
        select(
            column.id, users.id, users.name, users.role, column.created_at, column.used_at, column.expires_at,
            column.scopes,
        )
        .join_from(api_tokens, tables.users, users.id == column.user_id)
        .where(which, or_(column.expires_at.is_(None), column.expires_at > now))
    )  # fmt: skip
    row = connection.execute(query).one_or_none()
    return None if row is None else replace(Bearer(*row), scopes=frozenset(row.scopes.split()))


def touch(connection: Connection, id: int, now: float) -> None:
    """Note that a token is in use."""
    connection.execute(update(api_tokens).where(api_tokens.c.id == id).values(used_at=now))


def page(connection: Connection, limit: int, below: int | None, user_id: int | None) -> list[TokenRow]:
    """List the tokens of a user, or of everybody, the newest first."""
    query = _query().order_by(api_tokens.c.id.desc()).limit(limit)
    if below is not None:
        query = query.where(api_tokens.c.id < below)
    if user_id is not None:
        query = query.where(api_tokens.c.user_id == user_id)
    return [_read(row) for row in connection.execute(query)]


def remove(connection: Connection, user_id: int, name: str) -> TokenRow:
    """Remove a token, which is good for nothing from now on."""
    gone = _one(connection, user_id, name)
    connection.execute(delete(api_tokens).where(api_tokens.c.id == gone.id))
    record_change(connection, "token", gone.id)
    return gone


def _one(connection: Connection, user_id: int, name: str) -> TokenRow:
    query = _query().where(api_tokens.c.user_id == user_id, api_tokens.c.name == name)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no token {name!r}; 'sipwright token list' shows those that there are")
    return _read(row)


def _query() -> Select[Any]:
    column = api_tokens.c
    return select(
        column.id, column.user_id, tables.users.c.name.label("user"), column.name, column.scopes,
        column.created_at, column.expires_at, column.used_at,
    ).join_from(api_tokens, tables.users, tables.users.c.id == column.user_id)  # fmt: skip


def _read(row: Row[*tuple[Any, ...]]) -> TokenRow:
    values = row._asdict()
    return TokenRow(**{**values, "scopes": tuple(values["scopes"].split())})
