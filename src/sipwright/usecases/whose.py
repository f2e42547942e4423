"""Whose a thing is: users find their own alone, an admin everybody's. What is another's is as if it were not there."""

from __future__ import annotations

from sqlalchemy import Connection, Table, select

from sipwright.store.admin import accounts, users
from sipwright.store.crypto import KeyRing
from sipwright.store.errors import NotFoundError, at_field
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Account, User
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Invalid, NotFound

__all__ = ["account_of", "is_seen", "narrowed", "owner", "owner_of"]


def is_seen(actor: Actor, user_id: int | None) -> bool:
    """Return whether an actor may know of what is a user's."""
    return actor.is_admin or user_id == actor.user_id


def account_of(connection: Connection, keys: KeyRing, actor: Actor, name: str) -> Account:
    """Find an account that the actor may see, by ``name`` or ``name@domain``.

    Raises:
        NotFoundError: There is none.
    """
    found = accounts.find(connection, keys, name)
    if not is_seen(actor, found.user_id):
        raise NotFoundError(f"there is no account {found.aor}; 'sipwright account list' shows them")
    return found


def narrowed(connection: Connection, actor: Actor, user: str | None) -> int | None:
    """Return the number of the user whose things are listed; None is everybody, which only an admin sees."""
    if actor.is_admin:
        return users.id_of(connection, user)
    _refuse_others(actor, user)
    return actor.user_id


def owner(connection: Connection, actor: Actor, user: str | None) -> User:
    """Return whose a thing is to be: the actor's, or the user's whom an admin names."""
    if not actor.is_admin:
        _refuse_others(actor, user)
    with at_field("user"):
        return users.find(connection, user or actor.name)


def owner_of(connection: Connection, actor: Actor, user: str | None, table: Table, name: str) -> User:
    """Return whose provider or dialplan of that name is meant.

    An admin who names nobody means their own, and if they have none the one that there is.
    """
    if user is not None or not actor.is_admin:
        return _named(connection, actor, user)
    column = tables.users.c
    query = (
        select(column.id, column.name)
        .join_from(tables.users, table, table.c.user_id == column.id)
        .where(table.c.name == name)
        .order_by(column.id != actor.user_id, column.id)
        .limit(2)
    )
    found = connection.execute(query).all()
    if len(found) > 1 and found[0].id != actor.user_id:
        raise Invalid.of("user", f"several users have something called {name!r}; say whose is meant")
    return users.find(connection, found[0].name if found else actor.name)


def _named(connection: Connection, actor: Actor, user: str | None) -> User:
    if not actor.is_admin:
        _refuse_others(actor, user)
    return users.find(connection, user or actor.name)


def _refuse_others(actor: Actor, user: str | None) -> None:
    if user is not None and user != actor.name:
        raise NotFound(f"there is no user {user!r} whose things you could see")
