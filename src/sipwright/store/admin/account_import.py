"""Importing accounts by the thousand: the whole list is checked first, then written in chunks.

The chunks are small enough that a running node, which writes to the same SQLite file, waits for none of
them longer than some tens of milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from sipwright.store.admin import accounts, bans, domains, in_use, users
from sipwright.store.admin.changes import record_changes
from sipwright.store.admin.specs import AccountSpec
from sipwright.store.crypto import KeyRing
from sipwright.store.errors import StoreError
from sipwright.store.schema import tables
from sipwright.store.schema.names import account_name, secret_text, split_name

__all__ = ["ImportResult", "Rows", "check", "chunks", "write"]

_CHUNK = 500
# Changed rows this close to each other are announced as one range.
_GAP = 50


@dataclass(slots=True)
class ImportResult:
    """What an import did."""

    added: int = 0
    changed: int = 0


Rows = list[dict[str, Any]]


def check(
    connection: Connection, specs: Sequence[AccountSpec], user: str | None = None, domain: str | None = None
) -> Rows:
    """Find what every line refers to, and refuse the whole list for the first line that is wrong."""
    lookup = _Lookup(connection, user, domain)
    rows: Rows = []
    first_seen: dict[tuple[str, int], int] = {}
    for spec in specs:
        try:
            row = lookup.row(spec)
        except StoreError as error:
            raise StoreError(f"line {spec.line}: {error} (nothing was imported)") from None
        identity = (row["username"], row["domain_id"])
        if identity in first_seen:
            raise StoreError(
                f"line {spec.line}: {spec.name} is in line {first_seen[identity]} too (nothing was imported)"
            )
        first_seen[identity] = spec.line
        rows.append(row)
    _refuse_changes_of_hands(connection, specs, rows)
    return rows


def _refuse_changes_of_hands(connection: Connection, specs: Sequence[AccountSpec], rows: Rows) -> None:
    """Refuse to give an account to somebody else while it takes the calls of a provider."""
    takers = in_use.owners(connection)
    if not takers:
        return
    column = tables.accounts.c
    query = select(column.username, column.domain_id, column.id).where(column.id.in_(list(takers)))
    ids = {(name, home): found for name, home, found in connection.execute(query)}
    for spec, row in zip(specs, rows, strict=True):
        owner, provider = takers.get(ids.get((row["username"], row["domain_id"]), 0), (row["user_id"], ""))
        if owner != row["user_id"]:
            raise StoreError(
                f"line {spec.line}: {spec.name!r} takes the calls of provider {provider!r}, which is another user's; "
                "let somebody else take them first (nothing was imported)"
            )


def chunks(rows: Rows) -> Iterator[Rows]:
    """Cut an import into pieces of one transaction each."""
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]


def write(connection: Connection, keys: KeyRing, chunk: Rows) -> ImportResult:
    """Add the accounts of a chunk, or change those that exist."""
    existing = _ids(connection, chunk)
    now = time.time()
    fresh, changed = [], []
    for row in chunk:
        values = {**row, **accounts.sealed_ha1s(keys, row["username"], row["domain"], row["password"])}
        del values["domain"], values["password"]
        account_id = existing.get((row["username"], row["domain_id"]))
        if account_id is None:
            fresh.append({**values, "digest_algorithm": None, "is_enabled": True, "created_at": now})
        else:
            changed.append({"account_id": account_id, **values})
    if fresh:
        connection.execute(insert(tables.accounts), fresh)
    if changed:
        where = tables.accounts.c.id == bindparam("account_id")
        names = [name for name in changed[0] if name != "account_id"]
        values = {name: bindparam(name) for name in names}
        connection.execute(update(tables.accounts).where(where).values(values), changed)
        bans.lift(connection, (row["account_id"] for row in changed), now)
    record_changes(connection, "account", _ids(connection, chunk).values(), _GAP)
    return ImportResult(len(fresh), len(changed))


class _Lookup:
    """The names that lines may refer to, read once."""

    def __init__(self, connection: Connection, user: str | None, domain: str | None) -> None:
        self._default_user = users.find(connection, user).name
        self._default_domain = domains.find(connection, domain).name
        self._users = {found.name: found.id for found in users.read_all(connection)}
        self._domains = {found.name: found.id for found in domains.read_all(connection)}
        column = tables.dialplans.c
        plans = connection.execute(select(column.id, column.user_id, column.name))
        self._plans: dict[tuple[int, str], int] = {(owner, name): plan_id for plan_id, owner, name in plans}

    def row(self, spec: AccountSpec) -> dict[str, Any]:
        username, domain = split_name(spec.name)
        domain = (domain or self._default_domain).lower()
        user = spec.user or self._default_user
        if domain not in self._domains:
            raise StoreError(f"the SIP domain {domain!r} is not served here")
        if user not in self._users:
            raise StoreError(f"there is no user {user!r}")
        user_id = self._users[user]
        return {
            "user_id": user_id,
            "username": account_name(username),
            "domain_id": self._domains[domain],
            "domain": domain,
            "password": secret_text(spec.password),
            "out_plan": self._plan(user, user_id, spec.out_plan),
            "in_plan": self._plan(user, user_id, spec.in_plan),
        }

    def _plan(self, user: str, user_id: int, name: str | None) -> int | None:
        if not name:
            return None
        if (user_id, name) not in self._plans:
            raise StoreError(
                f"user {user!r} has no dialplan {name!r}; 'sipwright dialplan set {name} FILE' makes it"
            )
        return self._plans[user_id, name]


def _ids(connection: Connection, chunk: Rows) -> dict[tuple[str, int], int]:
    column = tables.accounts.c
    query = select(column.username, column.domain_id, column.id).where(
        column.username.in_([row["username"] for row in chunk]),
        column.domain_id.in_({row["domain_id"] for row in chunk}),
    )
    wanted = {(row["username"], row["domain_id"]) for row in chunk}
    return {(name, home): found for name, home, found in connection.execute(query) if (name, home) in wanted}
