"""Providers: third-party SIP services that a user has credentials for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.exc import IntegrityError

from sipwright.sip import ParseError, Uri
from sipwright.store.admin import users
from sipwright.store.admin.changes import record_change
from sipwright.store.admin.collisions import refuse_provider
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
    "password",
)
_SELECT = select(*(tables.providers.c[name] for name in _FIELDS)).order_by(tables.providers.c.id)


def add(
    connection: Connection,
    keys: KeyRing,
    user: str | None,
    name: str,
    *,
    server: str,
    username: str,
    password: str,
    auth_username: str | None = None,
    register: bool = False,
    realm: str | None = None,
    from_template: str | None = None,
    outbound_proxy: str | None = None,
) -> Provider:
    """Add a provider to a user."""
    owner = users.find(connection, user)
    name = provider_name(name)
    refuse_provider(connection, name, owner.id)
    values: dict[str, Any] = {
        "user_id": owner.id,
        "name": name,
        "server": _hop(server, "server"),
        "username": _one_word(username, "username"),
        "auth_username": auth_username,
        "register": register,
        "realm": realm,
        "from_template": from_template,
        "outbound_proxy": _hop(outbound_proxy, "proxy") if outbound_proxy else None,
        "is_enabled": True,
        "password": keys.seal(secret_text(password).encode(), provider_place(owner.id, name)),
    }
    try:
        provider_id = insert_row(connection, tables.providers, values)
    except IntegrityError:
        raise AlreadyExistsError(
            f"user {owner.name!r} has a provider {name!r} already; remove it first, or choose another name"
        ) from None
    record_change(connection, "provider", provider_id)
    return find(connection, keys, user, name)


def change(
    connection: Connection,
    keys: KeyRing,
    user: str | None,
    name: str,
    *,
    server: str | None = None,
    username: str | None = None,
    password: str | None = None,
    auth_username: str | None = None,
    register: bool | None = None,
    realm: str | None = None,
    from_template: str | None = None,
    outbound_proxy: str | None = None,
    is_enabled: bool | None = None,
) -> Provider:
    """Change what is given and leave the rest; an empty text takes away what may be missing."""
    provider = find(connection, keys, user, name)
    optional = {
        "auth_username": auth_username,
        "realm": realm,
        "from_template": from_template,
        "outbound_proxy": _hop(outbound_proxy, "proxy") if outbound_proxy else outbound_proxy,
    }
    values: dict[str, Any] = {key: value or None for key, value in optional.items() if value is not None}
    if server is not None:
        values["server"] = _hop(server, "server")
    if username is not None:
        values["username"] = _one_word(username, "username")
    if password is not None:
        place = provider_place(provider.user_id, provider.name)
        values["password"] = keys.seal(secret_text(password).encode(), place)
    if register is not None:
        values["register"] = register
    if is_enabled is not None:
        values["is_enabled"] = is_enabled
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
    """Remove a provider, and what we know of our registration there."""
    provider = find(connection, keys, user, name)
    registrations = tables.registrations
    connection.execute(delete(registrations).where(registrations.c.provider_id == provider.id))
    connection.execute(delete(tables.providers).where(tables.providers.c.id == provider.id))
    record_change(connection, "provider", provider.id)
    return provider


def _entity(row: Row[Any], keys: KeyRing) -> Provider:
    values: tuple[Any, ...] = (*row, keys)
    return Provider(*values)


def _one_word(text: str, what: str) -> str:
    if not text or not text.isprintable() or any(character in ' <>"@' for character in text):
        raise StoreError(f"{text!r} cannot be the provider's {what}; write it without spaces, <>, \" or @")
    return text


def _hop(text: str, what: str) -> str:
    """Take where requests are sent: ``HOST[:PORT]``, for a proxy with ``sip:`` if so written."""
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
    return text
