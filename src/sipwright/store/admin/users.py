"""Users: who logs in and owns everything else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from sipwright.store.admin.changes import record_change
from sipwright.store.database import insert_row
from sipwright.store.errors import AlreadyExistsError, InUseError, NotFoundError, StoreError
from sipwright.store.schema import tables
from sipwright.store.schema.entities import User
from sipwright.store.schema.names import mail_address, password_text, user_name
from sipwright.store.schema.people_tables import password_resets, second_factors

__all__ = [
    "ROLES",
    "add",
    "by_id",
    "by_mail",
    "change",
    "find",
    "has_similar",
    "hash_password",
    "id_of",
    "page",
    "password_of",
    "read_all",
    "rehash",
    "remove",
    "set_password",
]

ROLES = ("admin", "user")
_COLUMNS = [tables.users.c[field.name] for field in fields(User)]


def hash_password(password: str) -> str:
    """Hash a web password with argon2id; takes some 50 ms on purpose, so never call it in the loop."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password_text(password))


def add(
    connection: Connection,
    name: str,
    password_hash: str,
    role: str = "user",
    timezone: str = "UTC",
    email: str | None = None,
) -> User:
    """Add a user."""
    created_at = time.time()
    email = mail_address(email) if email else None
    values = {
        "name": user_name(name),
        "password_hash": password_hash,
        "role": _role(role),
        "timezone": _timezone(timezone),
        "created_at": created_at,
        "email": email,
    }
    try:
        user_id = insert_row(connection, tables.users, values)
    except IntegrityError:
        raise AlreadyExistsError(f"there is a user {name!r} already; choose another name", "name") from None
    record_change(connection, "user", user_id)
    return User(user_id, name, role, timezone, created_at, email=email)


def find(connection: Connection, name: str | None) -> User:
    """Find a user by name; without one, the first admin."""
    wanted = tables.users.c.role == "admin" if name is None else tables.users.c.name == name
    query = select(*_COLUMNS).where(wanted).order_by(tables.users.c.id).limit(1)
    row = connection.execute(query).one_or_none()
    if row is None and name is None:
        raise NotFoundError("there is no admin yet; run 'sipwright init'")
    if row is None:
        raise NotFoundError(f"there is no user {name!r}; 'sipwright user list' shows who there is")
    return User(*row)


def id_of(connection: Connection, name: str | None) -> int | None:
    """Find the number of a user that a listing is narrowed to; nobody's name means everybody, and no number."""
    return None if name is None else find(connection, name).id


def by_id(connection: Connection, user_id: int) -> User:
    """Find a user by number."""
    row = connection.execute(select(*_COLUMNS).where(tables.users.c.id == user_id)).one_or_none()
    if row is None:
        raise NotFoundError("this user is not there any more")
    return User(*row)


def read_all(connection: Connection) -> list[User]:
    """List every user."""
    return [User(*row) for row in connection.execute(select(*_COLUMNS).order_by(tables.users.c.id))]


def change(
    connection: Connection,
    name: str,
    role: str | None,
    timezone: str | None,
    limits: Mapping[str, float | None],
    email: str | None = None,
) -> User:
    """Change what is given and leave the rest; the last admin stays one.

    `limits` is what their scripts may use, by the names of the columns; None is what the settings say. An empty
    `email` takes the address away.
    """
    user = find(connection, name)
    if any(value is not None and value <= 0 for value in limits.values()):
        raise StoreError("a limit is more than 0, or 'default'")
    values: dict[str, Any] = {**limits}
    if role is not None:
        values["role"] = _role(role)
        if role != "admin":
            _refuse_last_admin(connection, user)
    if timezone is not None:
        values["timezone"] = _timezone(timezone)
    if email is not None:
        values["email"] = mail_address(email) if email else None
        _forget_resets(connection, user.id)
    if values:
        connection.execute(update(tables.users).where(tables.users.c.id == user.id).values(values))
        record_change(connection, "user", user.id)
    return find(connection, name)


def page(connection: Connection, limit: int, after: int, q: str | None = None) -> list[tuple[User, bool]]:
    """List users as they came, and whether each needs a code to log in; `q` is a part of the name."""
    factor = second_factors.c
    query = (
        select(*_COLUMNS, factor.confirmed_at.is_not(None))
        .outerjoin(second_factors, factor.user_id == tables.users.c.id)
        .where(tables.users.c.id > after)
        .order_by(tables.users.c.id)
        .limit(limit)
    )
    if q:
        query = query.where(func.lower(tables.users.c.name).contains(q.lower(), autoescape=True))
    return [(User(*row[:-1]), bool(row[-1])) for row in connection.execute(query)]


def password_of(
    connection: Connection, name: str | None = None, user_id: int = 0
) -> tuple[int, str, str] | None:
    """Return number, role and password hash of a user, by name or by number, for who says to be them."""
    column = tables.users.c
    which = column.name == name if name is not None else column.id == user_id
    row = connection.execute(select(column.id, column.role, column.password_hash).where(which)).one_or_none()
    return None if row is None else (row.id, row.role, row.password_hash)


def by_mail(connection: Connection, whom: str) -> list[User]:
    """Find users who have a mail address, by that or by their name: a handful at most."""
    column = tables.users.c
    is_meant = or_(column.email == whom.lower(), column.name == whom)
    query = select(*_COLUMNS).where(column.email.is_not(None), is_meant).order_by(column.id).limit(5)
    return [User(*row) for row in connection.execute(query)]


def has_similar(connection: Connection, name: str) -> bool:
    """Return whether there is a user of a name, but for small and capital letters."""
    query = select(tables.users.c.id).where(func.lower(tables.users.c.name) == name.lower())
    return connection.scalar(query.limit(1)) is not None


def rehash(connection: Connection, user_id: int, old: str, fresh: str) -> None:
    """Keep a password that has not changed meanwhile under another hash."""
    column = tables.users.c
    statement = update(tables.users).where(column.id == user_id, column.password_hash == old)
    connection.execute(statement.values(password_hash=fresh))


def set_password(connection: Connection, name: str, password_hash: str) -> None:
    """Give a user a new web password; no link that was mailed changes it any more."""
    user = find(connection, name)
    _forget_resets(connection, user.id)
    connection.execute(
        update(tables.users).where(tables.users.c.id == user.id).values(password_hash=password_hash)
    )
    record_change(connection, "user", user.id)


def remove(connection: Connection, name: str) -> User:
    """Remove a user who owns nothing; the last admin stays."""
    user = find(connection, name)
    for what, table in (
        ("account", tables.accounts),
        ("provider", tables.providers),
        ("dialplan", tables.dialplans),
    ):
        owned = connection.scalar(select(func.count()).select_from(table).where(table.c.user_id == user.id))
        if owned:
            those = f"{owned} {what}s; remove those" if owned > 1 else f"{owned} {what}; remove that"
            raise InUseError(f"user {name!r} still owns {those} first")
    _refuse_last_admin(connection, user)
    connection.execute(delete(tables.users).where(tables.users.c.id == user.id))
    record_change(connection, "user", user.id)
    return user


def _forget_resets(connection: Connection, user_id: int) -> None:
    connection.execute(delete(password_resets).where(password_resets.c.user_id == user_id))


def _refuse_last_admin(connection: Connection, user: User) -> None:
    # Locked: two admins who take each other's role away at once do it one after the other.
    query = select(tables.users.c.id).where(tables.users.c.role == "admin").order_by(tables.users.c.id)
    admins = connection.scalars(query.with_for_update()).all()
    if list(admins) == [user.id]:
        raise InUseError(f"{user.name!r} is the last admin; add another one first")


def _role(text: str) -> str:
    if text not in ROLES:
        raise StoreError(f"{text!r} is not a role; use one of {', '.join(ROLES)}", "role")
    return text


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError):
        raise StoreError(
            f"{text!r} is not a time zone; write one such as Europe/Dublin", "timezone"
        ) from None
    return text
