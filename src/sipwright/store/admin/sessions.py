"""Sessions: a row for each log-in, which can be looked at and ended from anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, select, update

from sipwright.store.admin.changes import record_changes
from sipwright.store.database import insert_row
from sipwright.store.schema import tables
from sipwright.store.schema.people_tables import sessions

__all__ = [
    "MOST",
    "Bearer",
    "SessionRow",
    "add",
    "end",
    "end_all",
    "find",
    "has_come_from",
    "page",
    "prune",
    "touch",
]

MOST = 100
"""Sessions that one user has at once: with one more, the one that was not seen for the longest time ends."""

KEPT = 30 * 86_400.0
"""For how long an address from which somebody has logged in is known as theirs."""

_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A log-in: by which face, from where and with what, when, and until when."""

    id: int
    user_id: int
    face: str
    address: str | None
    user_agent: str | None
    created_at: float
    seen_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class Bearer:
    """The user whom a session or a token stands for, as they are now."""

    id: int
    user_id: int
    user: str
    role: str
    created_at: float
    seen_at: float | None
    expires_at: float | None
    scopes: frozenset[str] | None = None


_COLUMNS = [sessions.c[name] for name in SessionRow.__slots__]


def add(
    connection: Connection,
    user_id: int,
    token_hash: str,
    came: tuple[str, str | None, str | None],
    now: float,
    expires_at: float,
) -> int:
    """Begin a session; `came` is by which face, from which address and with which program."""
    face, address, user_agent = came
    alive = select(sessions.c.id).where(sessions.c.user_id == user_id, _is_alive(now))
    newest = connection.scalars(alive.order_by(sessions.c.seen_at.desc(), sessions.c.id.desc())).all()
    _end(connection, newest[MOST - 1 :], now)
    values = {
        "user_id": user_id,
        "token_hash": token_hash,
        "face": face,
        "address": _plain(address),
        "user_agent": _plain(user_agent),
        "created_at": now,
        "seen_at": now,
        "expires_at": expires_at,
    }
    return insert_row(connection, sessions, values)


def find(
    connection: Connection, now: float, *, token_hash: str | None = None, id: int | None = None
) -> Bearer | None:
    """Find whom a session stands for that has not ended, by its token or its number."""
    users, column = tables.users.c, sessions.c
    which = column.id == id if token_hash is None else column.token_hash == token_hash
    query = (
        select(
            column.id, users.id, users.name, users.role, column.created_at, column.seen_at, column.expires_at
        )
        .join_from(sessions, tables.users, users.id == column.user_id)
        .where(which, _is_alive(now))
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Bearer(*row)


def touch(connection: Connection, id: int, now: float, expires_at: float) -> None:
    """Note that a session is in use, and that it goes on for a while."""
    statement = update(sessions).where(sessions.c.id == id, _is_alive(now))
    connection.execute(statement.values(seen_at=now, expires_at=expires_at))


def page(
    connection: Connection, now: float, limit: int, below: int | None, user_id: int | None
) -> list[SessionRow]:
    """List the sessions of a user, or of everybody, that have not ended: the newest first."""
    query: Select[Any] = select(*_COLUMNS).where(_is_alive(now))
    query = query.order_by(sessions.c.id.desc()).limit(limit)
    if below is not None:
        query = query.where(sessions.c.id < below)
    if user_id is not None:
        query = query.where(sessions.c.user_id == user_id)
    return [SessionRow(*row) for row in connection.execute(query)]


def end(connection: Connection, id: int, now: float, user_id: int | None) -> SessionRow | None:
    """End a session, a user's own or anybody's, and return what it was; None if there is no such one."""
    query = select(*_COLUMNS).where(sessions.c.id == id, _is_alive(now))
    if user_id is not None:
        query = query.where(sessions.c.user_id == user_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    _end(connection, [id], now)
    return SessionRow(*row)


def end_all(connection: Connection, user_id: int, now: float, *, but: int | None = None) -> int:
    """End the sessions of a user, all `but` one, and return how many there were."""
    query = select(sessions.c.id).where(sessions.c.user_id == user_id, _is_alive(now))
    found = [id for id in connection.scalars(query) if id != but]
    _end(connection, found, now)
    return len(found)


def has_come_from(connection: Connection, user_id: int, address: str, now: float) -> bool:
    """Return whether a user has logged in from an address not long ago."""
    query = (
        select(func.count())
        .select_from(sessions)
        .where(
            sessions.c.user_id == user_id, sessions.c.address == address, sessions.c.created_at > now - KEPT
        )
    )
    return bool(connection.scalar(query))


def prune(connection: Connection, now: float) -> int:
    """Delete some sessions that are long over."""
    over = func.coalesce(sessions.c.ended_at, sessions.c.expires_at) < now - KEPT
    query = (
        select(sessions.c.id).where(over, sessions.c.expires_at < now + KEPT).order_by(sessions.c.expires_at)
    )
    found = connection.scalars(query.limit(50)).all()
    if found:
        connection.execute(delete(sessions).where(sessions.c.id.in_(found)))
    return len(found)


def _plain(text: str | None) -> str | None:
    """Return what a stranger says as a database takes it: short, and no bytes that are no text."""
    return text and text[:_LONGEST_TEXT].replace("\0", "").encode(errors="replace").decode()


def _is_alive(now: float) -> ColumnElement[bool]:
    return and_(sessions.c.ended_at.is_(None), sessions.c.expires_at > now)


def _end(connection: Connection, ids: Iterable[int], now: float) -> None:
    gone = list(ids)
    if gone:
        connection.execute(update(sessions).where(sessions.c.id.in_(gone)).values(ended_at=now))
        record_changes(connection, "session", gone)
