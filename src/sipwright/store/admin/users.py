"""Users: who logs in and owns everything else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from sipwright.store.admin.changes import record_change
from sipwright.store.database import insert_row
from sipwright.store.errors import AlreadyExistsError, NotFoundError, StoreError
from sipwright.store.schema import tables
from sipwright.store.schema.entities import User
from sipwright.store.schema.names import secret_text, user_name

__all__ = [
    "ROLES",
    "add",
    "change",
    "find",
    "hash_password",
    "id_of",
    "read_all",
    "remove",
    "set_password",
]

ROLES = ("admin", "user")
_COLUMNS = [tables.users.c[field.name] for field in fields(User)]


def hash_password(password: str) -> str:
    """Hash a web password with argon2id; takes some 50 ms on purpose, so never call it in the loop."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(secret_text(password))


def add(
    connection: Connection, name: str, password_hash: str, role: str = "user", timezone: str = "UTC"
) -> User:
    """Add a user."""
    created_at = time.time()
    values = {
        "name": user_name(name),
        "password_hash": password_hash,
        "role": _role(role),
        "timezone": _timezone(timezone),
        "created_at": created_at,
    }
    try:
        user_id = insert_row(connection, tables.users, values)
    except IntegrityError:
        raise AlreadyExistsError(f"there is a user {name!r} already; choose another name") from None
    record_change(connection, "user", user_id)
    return User(user_id, name, role, timezone, created_at)


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


def read_all(connection: Connection) -> list[User]:
    """List every user."""
    return [User(*row) for row in connection.execute(select(*_COLUMNS).order_by(tables.users.c.id))]


def change(
    connection: Connection,
    name: str,
    role: str | None,
    timezone: str | None,
    limits: Mapping[str, float | None],
) -> User:
    """Change what is given and leave the rest; the last admin stays one.

    `limits` is what their scripts may use, by the names of the columns; None is what the settings say.
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
    if values:
        connection.execute(update(tables.users).where(tables.users.c.id == user.id).values(values))
        record_change(connection, "user", user.id)
    return find(connection, name)


def set_password(connection: Connection, name: str, password_hash: str) -> None:
    """Give a user a new web password."""
    user = find(connection, name)
    connection.execute(
        update(tables.users).where(tables.users.c.id == user.id).values(password_hash=password_hash)
    )
    record_change(connection, "user", user.id)


def remove(connection: Connection, name: str) -> User:
    """Remove a user who owns nothing; the last admin stays."""
    user = find(connection, name)
    for what, table in (
        ("accounts", tables.accounts),
        ("providers", tables.providers),
        ("dialplans", tables.dialplans),
    ):
        owned = connection.scalar(select(func.count()).select_from(table).where(table.c.user_id == user.id))
        if owned:
            raise StoreError(f"user {name!r} still owns {owned} {what}; remove those first")
    _refuse_last_admin(connection, user)
    connection.execute(delete(tables.users).where(tables.users.c.id == user.id))
    record_change(connection, "user", user.id)
    return user


def _refuse_last_admin(connection: Connection, user: User) -> None:
    admins = connection.scalars(select(tables.users.c.id).where(tables.users.c.role == "admin")).all()
    if list(admins) == [user.id]:
        raise StoreError(f"{user.name!r} is the last admin; add another one first")


def _role(text: str) -> str:
    if text not in ROLES:
        raise StoreError(f"{text!r} is not a role; use one of {', '.join(ROLES)}")
    return text


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError):
        raise StoreError(f"{text!r} is not a time zone; write one such as Europe/Dublin") from None
    return text
