"""Providers: third-party SIP services that a user has credentials for, and trunks that know us by our address."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, select, update
from sqlalchemy.exc import IntegrityError

from sipwright.services.callers import CALLER_HEADERS, IDENTITY, NUMBER_FORMATS
from sipwright.sip import ParseError, Uri
from sipwright.sip.uri import has_sip_scheme
from sipwright.store.admin import provider_numbers, takers, users
from sipwright.store.admin.changes import record_change
from sipwright.store.admin.networks import checked_networks, refuse_overlaps
from sipwright.store.admin.specs import ProviderChange, ProviderSpec
from sipwright.store.crypto import KeyRing
from sipwright.store.database import insert_row
from sipwright.store.errors import AlreadyExistsError, NotFoundError, StoreError
from sipwright.store.history.paging import after, contains
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Provider, ProviderNumber, User, provider_place
from sipwright.store.schema.names import provider_name, secret_text

__all__ = [
    "NUMBER_IN",
    "TLS_VERIFY",
    "add",
    "add_number",
    "change",
    "find",
    "read_all",
    "read_page",
    "remove",
    "remove_number",
]

NUMBER_IN = ("auto", "uri", "to", "pcpid")
"""Where in a call a provider names the number: guessed, the Request-URI, To, P-Called-Party-ID (RFC 7315 §4.2)."""

TLS_VERIFY = ("on", "wildcard", "off")
"""How the certificate of a provider is looked at: as RFC 5922 says, with `*.` in its names too, or not at all."""

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
    "most_calls",
    "account_id",
    "is_account_chosen",
    "in_plan",
    "number_in",
    "networks",
    "contact_token",
    "tls_verify",
    "certificate",
    "certificate_key",
    "caller_out",
    "caller_in",
    "number_format",
    "identity",
    "messages",
    "password",
)
_OPTIONAL = (
    "auth_username", "realm", "from_template", "outbound_proxy", "number_in", "tls_verify", "certificate",
    "certificate_key", "caller_out", "caller_in", "number_format", "identity",
)  # fmt: skip
_USUAL = {
    "number_in": NUMBER_IN[0], "tls_verify": TLS_VERIFY[0], "caller_in": CALLER_HEADERS[0],
    "number_format": NUMBER_FORMATS[0], "identity": IDENTITY[0],
}  # fmt: skip
"""What is as usual, and not stored."""

_NOT_COLUMNS = ("account", "in_plan", "networks")
_SELECT = select(*(tables.providers.c[name] for name in _FIELDS)).order_by(tables.providers.c.id)


def add(connection: Connection, keys: KeyRing, user: str | None, spec: ProviderSpec) -> Provider:
    """Add a provider to a user."""
    owner = users.find(connection, user)
    name = provider_name(spec.name)
    if not spec.username:
        _refuse_half(spec.password, register=spec.register)
    values = _checked(replace(spec, name=name), keys, provider_place(owner.id, name))
    values |= _calls_in(connection, keys, owner, spec)
    token = secrets.token_hex(10)
    try:
        provider_id = insert_row(
            connection,
            tables.providers,
            {"user_id": owner.id, "is_enabled": True, "contact_token": token, **values},
        )
    except IntegrityError:
        raise AlreadyExistsError(
            f"user {owner.name!r} has a provider {name!r} already; remove it first, or choose another name",
            "name",
        ) from None
    takers.choose(connection, [provider_id])
    record_change(connection, "provider", provider_id)
    return find(connection, keys, user, name)


def change(
    connection: Connection, keys: KeyRing, user: str | None, name: str, change: ProviderChange
) -> Provider:
    """Change what is given and leave the rest."""
    provider = find(connection, keys, user, name)
    if not (provider.username or change.username):
        _refuse_half(change.password, register=bool(change.register))
    elif not (provider.username or change.password):
        raise StoreError(
            f"a password belongs to the user name {change.username!r}; give the one of that name as well",
            "password",
        )
    values = _checked(change, keys, provider_place(provider.user_id, provider.name))
    values |= _calls_in(connection, keys, users.find(connection, user), change)
    if values:
        row = tables.providers.c.id == provider.id
        connection.execute(update(tables.providers).where(row).values(values))
        takers.choose(connection, [provider.id])
        record_change(connection, "provider", provider.id)
    return find(connection, keys, user, name)


def add_number(
    connection: Connection, keys: KeyRing, user: str | None, name: str, pattern: str, account: str | None,
    in_plan: str | None,
) -> Provider:  # fmt: skip
    """Say who takes the calls to some numbers of a provider."""
    owner, provider = users.find(connection, user), find(connection, keys, user, name)
    provider_numbers.add(connection, keys, owner, provider, pattern, account, in_plan)
    return find(connection, keys, user, name)


def remove_number(
    connection: Connection, keys: KeyRing, user: str | None, name: str, pattern: str
) -> Provider:
    """Forget who takes the calls to some numbers of a provider."""
    provider_numbers.remove(connection, find(connection, keys, user, name), pattern)
    return find(connection, keys, user, name)


def find(connection: Connection, keys: KeyRing, user: str | None, name: str) -> Provider:
    """Find a user's provider by name."""
    owner = users.find(connection, user)
    column = tables.providers.c
    found = _read(connection, keys, column.user_id == owner.id, column.name == name.lower())
    if not found:
        raise NotFoundError(
            f"user {owner.name!r} has no provider {name!r}; 'sipwright provider list' shows them"
        )
    return found[0]


def read_all(
    connection: Connection,
    keys: KeyRing,
    user_id: int | None = None,
    between: tuple[int, int] | None = None,
) -> list[Provider]:
    """List providers, of one user or with ids in a range if so asked."""
    column = tables.providers.c
    conditions = []
    if user_id is not None:
        conditions.append(column.user_id == user_id)
    if between is not None:
        conditions.append(column.id.between(*between))
    return _read(connection, keys, *conditions)


def read_page(
    connection: Connection, keys: KeyRing, limit: int, place: Sequence[Any] | None = None, *,
    user_id: int | None = None, q: str | None = None, ids: Iterable[int] | None = None,
) -> list[Provider]:  # fmt: skip
    """List providers by name, after a place (a name and a number); `q` is in their name, server or user name."""
    column = tables.providers.c
    query = select(column.id).order_by(column.name, column.id).limit(limit)
    if place is not None:
        query = query.where(after((column.name, column.id), place))
    if user_id is not None:
        query = query.where(column.user_id == user_id)
    if ids is not None:
        query = query.where(column.id.in_(list(ids)))
    if q:
        query = query.where(contains(q, column.name, column.server, column.username))
    order = {number: index for index, number in enumerate(connection.scalars(query))}
    found = _read(connection, keys, column.id.in_(order))
    return sorted(found, key=lambda provider: order[provider.id])


def remove(connection: Connection, keys: KeyRing, user: str | None, name: str) -> Provider:
    """Remove a provider, and what we know of it."""
    provider = find(connection, keys, user, name)
    for table in (
        tables.registrations,
        tables.provider_states,
        tables.provider_numbers,
        tables.provider_profiles,
    ):
        connection.execute(delete(table).where(table.c.provider_id == provider.id))
    connection.execute(delete(tables.providers).where(tables.providers.c.id == provider.id))
    record_change(connection, "provider", provider.id)
    return provider


def _read(connection: Connection, keys: KeyRing, *conditions: ColumnElement[bool]) -> list[Provider]:
    rows = connection.execute(_SELECT.where(*conditions)).all()
    selected = select(tables.providers.c.id).where(*conditions)
    numbers = provider_numbers.of_providers(connection, selected)
    return [_entity(row, numbers.get(row.id, ()), keys) for row in rows]


def _entity(row: Row[Any], numbers: tuple[ProviderNumber, ...], keys: KeyRing) -> Provider:
    values: list[Any] = list(row)
    (
        *values,
        is_chosen,
        in_plan,
        number_in,
        networks,
        token,
        tls_verify,
        certificate,
        certificate_key,
        caller_out,
        caller_in,
        number_format,
        identity,
        messages,
        sealed,
    ) = values
    found: list[Any] = [
        *values, bool(is_chosen), in_plan, number_in, tuple((networks or "").split()), token or "", tls_verify,
        certificate, certificate_key, caller_out, caller_in, number_format, identity, bool(messages), numbers,
        sealed, keys,
    ]  # fmt: skip
    return Provider(*found)


def _refuse_half(password: str | None, *, register: bool) -> None:
    """Refuse what makes no sense without a user name.

    Raises:
        StoreError: A password is given, or a registration is wanted.
    """
    if password:
        raise StoreError("a password without a user name is nobody's; give that, too", "username")
    if register:
        raise StoreError("a registration needs a user name; give one", "username")


def _calls_in(
    connection: Connection, keys: KeyRing, owner: User, given: ProviderSpec | ProviderChange
) -> dict[str, Any]:
    """Return what is given of who takes the calls, and where they come from, by column."""
    values: dict[str, Any] = {}
    if given.account is not None or given.in_plan is not None:
        values |= takers.of_names(connection, keys, owner, given.account, given.in_plan)
        values["is_account_chosen"] = values["account_id"] is not None
    if given.networks is not None:
        networks = checked_networks(given.networks)
        refuse_overlaps(connection, owner.id, networks)
        values["networks"] = " ".join(networks) or None
    return values


def _checked(given: ProviderSpec | ProviderChange, keys: KeyRing, place: str) -> dict[str, Any]:
    """Check what is given, and return it by column, the password sealed for its place."""
    values: dict[str, Any] = {}
    for field in fields(given):
        value = getattr(given, field.name)
        if field.name in _NOT_COLUMNS:
            continue
        is_taken_away = (value == "" and field.name in _OPTIONAL) or (
            value == 0 and field.name in ("longest_call", "most_calls")
        )
        # 0 seconds to answer are a time of its own: nothing is given up before 32 s.
        is_taken_away |= field.name == "answer_within" and value is not None and value < 0
        if is_taken_away:
            values[field.name] = None
        elif value is not None:
            values[field.name] = value
    is_trunk = isinstance(given, ProviderSpec) and not given.username
    for column, check in _CHECKS.items():
        if values.get(column) is not None and not (is_trunk and column == "username"):
            check(values[column])
    for column, usual in _USUAL.items():
        if values.get(column) == usual:
            values[column] = None
    if values.get("caller_out"):
        values["caller_out"] = " ".join(values["caller_out"].replace(",", " ").split()) or None
    if "password" in values:
        password = "" if is_trunk else secret_text(values["password"])
        values["password"] = keys.seal(password.encode(), place)
    return values


def _one_word(text: str, what: str) -> None:
    if not text or not text.isprintable() or any(character in ' <>"@' for character in text):
        raise StoreError(
            f"{text!r} cannot be the provider's {what}; write it without spaces, <>, \" or @",
            _FIELD_OF.get(what, what),
        )


def _number_in(text: str) -> None:
    if text not in NUMBER_IN:
        raise StoreError(f"{text!r} is no place for a number; use one of {', '.join(NUMBER_IN)}", "number_in")


def _caller_out(text: str) -> None:
    for name in text.replace(",", " ").split():
        _choice(name, "caller_out", CALLER_HEADERS, "header that says who calls")


def _choice(text: str, column: str, words: Sequence[str], what: str) -> None:
    if text not in words:
        raise StoreError(f"{text!r} is no {what}; use {'one of ' + ', '.join(words)}", column)


def _tls_verify(text: str) -> None:
    if text not in TLS_VERIFY:
        raise StoreError(
            f"{text!r} is no way to look at a certificate; use one of {', '.join(TLS_VERIFY)}", "tls_verify"
        )


def _hop(text: str, what: str) -> None:
    """Check where requests are sent: ``HOST[:PORT]``, for a proxy with ``sip:`` if so written."""
    _one_word(text, what)
    uri = text if what == "proxy" and has_sip_scheme(text) else f"sip:{text}"
    try:
        read = Uri.parse(uri)
    except ParseError:
        read = None
    if read is None or read.port == 0 or read.headers:
        raise StoreError(
            f"{text!r} cannot be the provider's {what}; write HOST or HOST:PORT, with a port up to 65535",
            _FIELD_OF.get(what, what),
        )


_FIELD_OF = {"proxy": "outbound_proxy"}

_CHECKS: dict[str, Callable[[str], None]] = {
    "server": partial(_hop, what="server"),
    "username": partial(_one_word, what="username"),
    "outbound_proxy": partial(_hop, what="proxy"),
    "number_in": _number_in,
    "caller_out": _caller_out,
    "caller_in": partial(
        _choice, column="caller_in", words=CALLER_HEADERS, what="header that says who calls"
    ),
    "number_format": partial(
        _choice, column="number_format", words=NUMBER_FORMATS, what="way to write a number"
    ),
    "identity": partial(
        _choice, column="identity", words=IDENTITY, what="way to treat what it says of identities"
    ),
    "tls_verify": _tls_verify,
}
"""What the texts that end up in requests have to look like, by column."""
