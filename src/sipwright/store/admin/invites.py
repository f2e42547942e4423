"""Invites, with whose codes people sign up, and the one-time links with which they choose another password."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from sipwright.store.database import insert_row
from sipwright.store.errors import NotFoundError
from sipwright.store.schema.people_tables import invites, password_resets

__all__ = ["InviteRow", "add", "add_reset", "is_good", "page", "prune", "remove", "take", "take_reset"]

MOST_RESETS = 5
"""Links of one user that are good at once: with one more, the oldest is good for nothing."""


@dataclass(frozen=True, slots=True)
class InviteRow:
    """An invite as it is listed: nobody can get its code back from what is kept."""

    id: int
    note: str
    made_by: str
    uses_left: int
    created_at: float
    expires_at: float


_COLUMNS = [invites.c[name] for name in InviteRow.__slots__]


def add(connection: Connection, code_hash: str, invite: InviteRow) -> InviteRow:
    """Add an invite; its number is given by the database."""
    values = {name: getattr(invite, name) for name in InviteRow.__slots__ if name != "id"}
    number = insert_row(connection, invites, {**values, "code_hash": code_hash})
    return InviteRow(number, **values)


def page(connection: Connection, now: float, limit: int, below: int | None) -> list[InviteRow]:
    """List the invites that somebody can sign up with, the newest first."""
    query = select(*_COLUMNS).where(invites.c.uses_left > 0, invites.c.expires_at > now)
    if below is not None:
        query = query.where(invites.c.id < below)
    return [InviteRow(*row) for row in connection.execute(query.order_by(invites.c.id.desc()).limit(limit))]


def remove(connection: Connection, id: int) -> InviteRow:
    """Take an invite back."""
    row = connection.execute(select(*_COLUMNS).where(invites.c.id == id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no invite {id}; 'sipwright user invites' shows those that there are")
    connection.execute(delete(invites).where(invites.c.id == id))
    return InviteRow(*row)


def is_good(connection: Connection, code_hash: str, now: float) -> bool:
    """Return whether somebody can sign up with a code."""
    column = invites.c
    query = select(column.id).where(
        column.code_hash == code_hash, column.uses_left > 0, column.expires_at > now
    )
    return connection.scalar(query) is not None


def take(connection: Connection, code_hash: str, now: float) -> bool:
    """Use a code up, once of the times that it is good for; False when it is good for none."""
    column = invites.c
    statement = update(invites).where(
        column.code_hash == code_hash, column.uses_left > 0, column.expires_at > now
    )
    return connection.execute(statement.values(uses_left=column.uses_left - 1)).rowcount == 1


def add_reset(connection: Connection, user_id: int, token_hash: str, expires_at: float) -> None:
    """Keep a link with which a user chooses another password."""
    column = password_resets.c
    query = select(column.id).where(column.user_id == user_id).order_by(column.id.desc())
    old = connection.scalars(query).all()[MOST_RESETS - 1 :]
    connection.execute(delete(password_resets).where(column.id.in_(old)))
    values = {"user_id": user_id, "token_hash": token_hash, "expires_at": expires_at}
    connection.execute(insert(password_resets).values(values))


def take_reset(connection: Connection, token_hash: str, now: float) -> int | None:
    """Use up a link, and with it all others of its user; return who that is, None when it is not good."""
    column = password_resets.c
    taken = delete(password_resets).where(column.token_hash == token_hash, column.expires_at > now)
    user_id = connection.scalar(taken.returning(column.user_id))
    if user_id is not None:
        connection.execute(delete(password_resets).where(column.user_id == user_id))
    return user_id


def prune(connection: Connection, now: float) -> None:
    """Delete the invites and links that are good for nothing any more."""
    connection.execute(delete(invites).where((invites.c.expires_at < now) | (invites.c.uses_left < 1)))
    connection.execute(delete(password_resets).where(password_resets.c.expires_at < now))
