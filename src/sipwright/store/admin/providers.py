"""Providers: third-party SIP services that a user has credentials for."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.exc import IntegrityError

from sipwright.sip import ParseError, Uri
from sipwright.store.admin import users
from sipwright.store.admin.changes import record_change
from sipwright.store.admin.collisions import refuse_provider
from sipwright.store.admin.specs import ProviderChange, ProviderSpec
from sipwright.store.crypto import KeyRing
from sipwright.store.database import insert_row
from sipwright.store.errors import AlreadyExistsError, NotFoundError, StoreError
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Provider, provider_place
from sipwright.store.schema.names import provider_name, secret_text

__all__ = ["add", "change", "find", "read_all", "remove"]

_FIELDS = (
    "id",
    "user_id",
    "name",
    "server",
    "username",
    "auth_username",
    "register",
    "realm",
    "from_template",
    "outbound_proxy",
    "is_enabled",
    "answer_within",
    "longest_call",
    "password",
)
_OPTIONAL = ("auth_username", "realm", "from_template", "outbound_proxy")
_SELECT = select(*(tables.providers.c[name] for name in _FIELDS)).order_by(tables.providers.c.id)


def add(connection: Connection, keys: KeyRing, user: str | None, spec: ProviderSpec) -> Provider:
    """Add a provider to a user."""
    owner = users.find(connection, user)
    name = provider_name(spec.name)
    refuse_provider(connection, name, owner.id)
    values = _checked(replace(spec, name=name), keys, provider_place(owner.id, name))
    try:
        provider_id = insert_row(
            connection, tables.providers, {"user_id": owner.id, "is_enabled": True, **values}
        )
    except IntegrityError:
        raise AlreadyExistsError(
            f"user {owner.name!r} has a provider {name!r} already; remove it first, or choose another name"
        ) from None
    record_change(connection, "provider", provider_id)
    return find(connection, keys, user, name)


def change(
    connection: Connection, keys: KeyRing, user: str | None, name: str, change: ProviderChange
) -> Provider:
    """Change what is given and leave the rest."""
    provider = find(connection, keys, user, name)
    values = _checked(change, keys, provider_place(provider.user_id, provider.name))
    if values:
        row = tables.providers.c.id == provider.id
        connection.execute(update(tables.providers).where(row).values(values))
        record_change(connection, "provider", provider.id)
    return find(connection, keys, user, name)


def find(connection: Connection, keys: KeyRing, user: str | None, name: str) -> Provider:
    """Find a user's provider by name."""
    owner = users.find(connection, user)
    column = tables.providers.c
    row = connection.execute(
        _SELECT.where(column.user_id == owner.id, column.name == name.lower())
    ).one_or_none()
    if row is None:
        raise NotFoundError(
            f"user {owner.name!r} has no provider {name!r}; 'sipwright provider list' shows them"
        )
    return _entity(row, keys)


def read_all(
    connection: Connection,
    keys: KeyRing,
    user_id: int | None = None,
    between: tuple[int, int] | None = None,
) -> list[Provider]:
    """List providers, of one user or with ids in a range if so asked."""
    query = _SELECT
    if user_id is not None:
        query = query.where(tables.providers.c.user_id == user_id)
    if between is not None:
        query = query.where(tables.providers.c.id.between(*between))
    return [_entity(row, keys) for row in connection.execute(query)]


def remove(connection: Connection, keys: KeyRing, user: str | None, name: str) -> Provider:
    """Remove a provider, and what we know of it."""
    provider = find(connection, keys, user, name)
    for table in (tables.registrations, tables.provider_states):
        connection.execute(delete(table).where(table.c.provider_id == provider.id))
    connection.execute(delete(tables.providers).where(tables.providers.c.id == provider.id))
    record_change(connection, "provider", provider.id)
    return provider


def _entity(row: Row[Any], keys: KeyRing) -> Provider:
    values: tuple[Any, ...] = (*row, keys)
    return Provider(*values)


def _checked(given: ProviderSpec | ProviderChange, keys: KeyRing, place: str) -> dict[str, Any]:
    """Check what is given, and return it by column, the password sealed for its place."""
    values: dict[str, Any] = {}
    for field in fields(given):
        value = getattr(given, field.name)
        is_taken_away = (value == "" and field.name in _OPTIONAL) or (
            value == 0 and field.name == "longest_call"
        )
        if is_taken_away:
            values[field.name] = None
        elif value is not None:
            values[field.name] = value
    for column, check in _CHECKS.items():
        if values.get(column) is not None:
            check(values[column])
    if "password" in values:
        values["password"] = keys.seal(secret_text(values["password"]).encode(), place)
    return values


def _one_word(text: str, what: str) -> None:
    if not text or not text.isprintable() or any(character in ' <>"@' for character in text):
        raise StoreError(f"{text!r} cannot be the provider's {what}; write it without spaces, <>, \" or @")


def _hop(text: str, what: str) -> None:
    """Check where requests are sent: ``HOST[:PORT]``, for a proxy with ``sip:`` if so written."""
    _one_word(text, what)
    uri = text if what == "proxy" and text.startswith(("sip:", "sips:")) else f"sip:{text}"
    try:
        read = Uri.parse(uri)
    except ParseError:
        read = None
    if read is None or read.port == 0 or read.headers:
        raise StoreError(
            f"{text!r} cannot be the provider's {what}; write HOST or HOST:PORT, with a port up to 65535"
        )


_CHECKS = {
    "server": partial(_hop, what="server"),
    "username": partial(_one_word, what="username"),
    "outbound_proxy": partial(_hop, what="proxy"),
}
"""What the texts that end up in requests have to look like, by column."""
