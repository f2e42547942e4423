"""Accounts: the SIP identities that phones register as.  Importing many: ``account_import.py``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, case, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from sipwright.store.admin import bans, dialplans, domains, in_use, users
from sipwright.store.admin.changes import record_change
from sipwright.store.admin.specs import AccountChange, AccountSpec
from sipwright.store.crypto import KeyRing
from sipwright.store.database import insert_row, rows_as_stored
from sipwright.store.errors import AlreadyExistsError, NotFoundError, StoreError, at_field
from sipwright.store.schema import tables
from sipwright.store.schema.entities import HA1_COLUMNS, Account, Domain, account_place
from sipwright.store.schema.names import account_name, secret_text, split_name

__all__ = [
    "COLUMNS",
    "DOMAIN_ID",
    "USERNAME",
    "add",
    "change",
    "entity",
    "find",
    "keep_alives",
    "plan_id",
    "read_all",
    "read_rows",
    "remove",
    "sealed_ha1s",
]

KEEP_ALIVE = ("off", "empty", "options")
"""What the phones of an account behind NATs are sent: nothing, empty datagrams, OPTIONS."""

_ACCOUNT = tables.accounts.c
_ALGORITHM = func.coalesce(func.nullif(_ACCOUNT.digest_algorithm, ""), tables.domains.c.digest_algorithm)

COLUMNS = (
    _ACCOUNT.id, _ACCOUNT.user_id, _ACCOUNT.username, _ACCOUNT.domain_id, _ACCOUNT.out_plan, _ACCOUNT.in_plan,
    _ALGORITHM, _ACCOUNT.is_enabled, _ACCOUNT.most_calls, _ACCOUNT.do_not_disturb,
    # Only the one that its challenges call for.
    case({name: _ACCOUNT[column] for name, column in HA1_COLUMNS.items()}, value=_ALGORITHM), _ACCOUNT.watched_by,
    _ACCOUNT.members,
)  # fmt: skip
"""What ``entity`` makes an account of, from the table with that of the domains beside it."""

USERNAME, DOMAIN_ID = COLUMNS.index(_ACCOUNT.username), COLUMNS.index(_ACCOUNT.domain_id)
"""Where they are in a row."""

_ALL = select(*COLUMNS).join(tables.domains, tables.domains.c.id == _ACCOUNT.domain_id)


def add(connection: Connection, keys: KeyRing, spec: AccountSpec, domain: str | None = None) -> Account:
    """Add an account; only hashes of its password are kept."""
    with at_field("domain"):
        username, home = _place(connection, spec.name, domain)
    with at_field("user"):
        owner = users.find(connection, spec.user)
    values = {
        "user_id": owner.id,
        "username": account_name(username),
        "domain_id": home.id,
        "out_plan": plan_id(connection, owner.id, spec.out_plan, "out_plan"),
        "in_plan": plan_id(connection, owner.id, spec.in_plan, "in_plan"),
        "digest_algorithm": spec.algorithm and domains.checked_algorithm(spec.algorithm),
        "is_enabled": True,
        "created_at": time.time(),
        **sealed_ha1s(keys, username, home.name, spec.password),
    }
    try:
        account_id = insert_row(connection, tables.accounts, values)
    except IntegrityError:
        raise AlreadyExistsError(
            f"there is an account {username}@{home.name} already; 'sipwright account set' changes it", "name"
        ) from None
    record_change(connection, "account", account_id)
    return find(connection, keys, f"{username}@{home.name}")


def change(
    connection: Connection,
    keys: KeyRing,
    name: str,
    change: AccountChange,
    domain: str | None = None,
) -> Account:
    """Change what is given and leave the rest."""
    account = find(connection, keys, name, domain)
    values: dict[str, Any] = {}
    if change.password is not None:
        values |= sealed_ha1s(keys, account.username, account.domain, change.password)
    if change.out_plan is not None:
        values["out_plan"] = plan_id(connection, account.user_id, change.out_plan, "out_plan")
    if change.in_plan is not None:
        values["in_plan"] = plan_id(connection, account.user_id, change.in_plan, "in_plan")
    if change.algorithm is not None:
        algorithm = change.algorithm
        values["digest_algorithm"] = domains.checked_algorithm(algorithm) if algorithm else None
    for name in ("is_enabled", "do_not_disturb", "watched_by"):
        if (value := getattr(change, name)) is not None:
            values[name] = value
    for name in ("most_calls", "members"):
        if (value := getattr(change, name)) is not None:
            values[name] = value or None
    if change.keep_alive is not None:
        values["keep_alive"] = _checked_keep_alive(change.keep_alive) or None
    if values:
        connection.execute(update(tables.accounts).where(tables.accounts.c.id == account.id).values(values))
        record_change(connection, "account", account.id)
    if change.password is not None:
        bans.lift(connection, [account.id], time.time())
    return find(connection, keys, account.aor)


def find(connection: Connection, keys: KeyRing, name: str, domain: str | None = None) -> Account:
    """Find an account by ``name`` in the default domain, or by ``name@domain``."""
    username, home = _place(connection, name, domain)
    column = tables.accounts.c
    query = _ALL.where(column.username == username, column.domain_id == home.id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(
            f"there is no account {username}@{home.name}; 'sipwright account list' shows them"
        )
    return entity(row, {home.id: home}, keys)


def read_all(
    connection: Connection,
    keys: KeyRing,
    user_id: int | None = None,
    between: tuple[int, int] | None = None,
) -> list[Account]:
    """List accounts, of one user or with ids in a range if so asked."""
    homes = {home.id: home for home in domains.read_all(connection)}
    query = _ALL.order_by(tables.accounts.c.id)
    if user_id is not None:
        query = query.where(tables.accounts.c.user_id == user_id)
    if between is not None:
        query = query.where(tables.accounts.c.id.between(*between))
    return [entity(row, homes, keys) for row in connection.execute(query) if row.domain_id in homes]


def read_rows(connection: Connection) -> list[Sequence[Any]]:
    """Return the rows of all accounts, of which ``entity`` makes them."""
    return rows_as_stored(connection, _ALL)


def remove(
    connection: Connection, keys: KeyRing, name: str, domain: str | None = None, *, force: bool = False
) -> Account:
    """Remove an account with its bindings; one that takes the calls of a provider only by `force`."""
    account = find(connection, keys, name, domain)
    if not force:
        in_use.refuse_account(connection, account.id, account.aor)
    connection.execute(delete(tables.bindings).where(tables.bindings.c.account_id == account.id))
    connection.execute(delete(tables.accounts).where(tables.accounts.c.id == account.id))
    record_change(connection, "account", account.id)
    return account


def entity(row: Sequence[Any], homes: dict[int, Domain], keys: KeyRing) -> Account:
    """Make an account of a row of ``COLUMNS``."""
    account_id, user_id, username, domain_id, out_plan, in_plan, algorithm, is_enabled, most_calls, *more = (
        row
    )
    do_not_disturb, ha1, watched_by, members = more
    return Account(
        account_id, user_id, username, homes[domain_id].name, out_plan, in_plan, algorithm, bool(is_enabled),
        most_calls, None if do_not_disturb is None else bool(do_not_disturb), ha1, keys, watched_by,
        members,
    )  # fmt: skip


def keep_alives(connection: Connection) -> dict[int, str]:
    """Return which keep-alives the phones of accounts are sent, of those that have a way of their own."""
    rows = connection.execute(
        select(_ACCOUNT.id, _ACCOUNT.keep_alive).where(_ACCOUNT.keep_alive.is_not(None))
    )
    return {row.id: row.keep_alive for row in rows}


def _checked_keep_alive(text: str) -> str:
    if text and text not in KEEP_ALIVE:
        raise StoreError(f"{text!r} is no keep-alive; use one of {', '.join(KEEP_ALIVE)}", "keep_alive")
    return text


def sealed_ha1s(keys: KeyRing, username: str, domain: str, password: str) -> dict[str, bytes]:
    """Hash a password with every algorithm, and encrypt the hashes."""
    from sipwright.sip.digest import ha1

    secret_text(password)
    return {
        column: keys.seal(
            bytes.fromhex(ha1(username, domain, password, algorithm)), account_place(column, username, domain)
        )
        for algorithm, column in HA1_COLUMNS.items()
    }


def plan_id(connection: Connection, user_id: int, name: str | None, field: str | None = None) -> int | None:
    """Find the dialplan that an account of a user is to run; no name means none."""
    if not name:
        return None
    found = dialplans.find_id(connection, user_id, name)
    if found is None:
        raise NotFoundError(
            f"the account's owner has no dialplan {name!r}; 'sipwright dialplan set {name} FILE' makes it",
            field,
        )
    return found


def _place(connection: Connection, name: str, domain: str | None) -> tuple[str, Domain]:
    username, named = split_name(name, domain)
    return username, domains.find(connection, named)
