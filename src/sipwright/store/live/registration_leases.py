"""Our registrations at providers: whose node has claimed which, and whom the calls that they bring are for.

The node that has claimed a row writes it through ``store/writing/writer.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, case, delete, func, literal, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from sipwright.store.database import Database
from sipwright.store.schema import tables
from sipwright.store.schema.rows import RegistrationRow, restored

__all__ = ["Registrations"]

T = TypeVar("T")

_TABLE = tables.registrations
_COLUMNS = [_TABLE.c[name] for name in RegistrationRow._fields]
_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Registrations:
    """What the registration agent asks of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, node: str) -> list[RegistrationRow]:
        """Load what a node has claimed, and delete the rows of providers that are gone."""

        def work(connection: Connection) -> list[RegistrationRow]:
            known = select(tables.providers.c.id)
            connection.execute(delete(_TABLE).where(_TABLE.c.provider_id.not_in(known)))
            return _rows(connection, select(*_COLUMNS).where(_TABLE.c.node == node))

        return await self._database.write(work)

    async def claim(
        self, node: str, provider_ids: Sequence[int], now: float, lease: float, grace: float
    ) -> list[RegistrationRow]:
        """Claim registrations for a node, and give those of them that are its own now.

        Args:
            node: Who claims.
            provider_ids: At which providers.
            now: The unix time.
            lease: How long a claim holds without a registration; with one, it holds as long as that.
            grace: How long after its end the claim of another node is still respected.
        """
        return await self._database.write(
            lambda connection: _claim(connection, node, provider_ids, now, lease, now - grace)
        )

    async def claimed_by_others(self, node: str) -> list[RegistrationRow]:
        """Load what other nodes have claimed."""
        query = select(*_COLUMNS).where(_TABLE.c.node != node)
        return await self._database.read(lambda connection: _rows(connection, query))

    async def accounts(self, provider_ids: Sequence[int]) -> dict[int, tuple[int, str]]:
        """Find who gets the calls from providers: the number and name of an account of the owner.

        Calls come to an address of ours, so it is one of the default domain: the one named like the user, or else the
        first, of those that can be found by what follows a dot if there is one.
        """

        def work(connection: Connection) -> dict[int, tuple[int, str]]:
            rows = connection.execute(_accounts_of(provider_ids)).all()
            return {row.provider_id: (row.account_id, row.username) for row in rows}

        return await self._database.read(work)


def _claim(
    connection: Connection,
    node: str,
    provider_ids: Sequence[int],
    now: float,
    lease: float,
    ended_before: float,
) -> list[RegistrationRow]:
    make: Callable[..., Any] = _INSERT[connection.dialect.name]
    column = _TABLE.c
    values = select(tables.providers.c.id, literal(node), literal("registering"), literal(now))
    statement = make(_TABLE).from_select(
        ["provider_id", "node", "state", "updated_at"], values.where(tables.providers.c.id.in_(provider_ids))
    )
    new = statement.excluded
    lease_end = case((column.state == "registered", column.expires_at), else_=column.updated_at + lease)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["provider_id"],
            set_={"node": new.node, "state": new.state, "updated_at": new.updated_at},
            where=or_(
                column.node.is_(None), column.node == node, lease_end.is_(None), lease_end < ended_before
            ),
        )
    )
    query = select(*_COLUMNS).where(column.provider_id.in_(provider_ids), column.node == node)
    return _rows(connection, query)


def _accounts_of(provider_ids: Sequence[int]) -> Select[Any]:
    providers, users, accounts = tables.providers, tables.users, tables.accounts.c
    home = select(tables.domains.c.id).where(tables.domains.c.is_default).scalar_subquery()

    def first(*conditions: Any) -> Any:
        query = select(func.min(accounts.id)).where(
            accounts.user_id == providers.c.user_id,
            accounts.domain_id == home,
            accounts.is_enabled,
            *conditions,
        )
        return query.correlate(providers, users).scalar_subquery()

    named, undotted = accounts.username == users.c.name, accounts.username.not_like("%.%")
    chosen = func.coalesce(first(named), first(undotted), first())
    found = (
        select(providers.c.id.label("provider_id"), chosen.label("account_id"))
        .join_from(providers, users, users.c.id == providers.c.user_id)
        .where(providers.c.id.in_(provider_ids))
        .subquery()
    )
    return select(found, accounts.username).join(tables.accounts, accounts.id == found.c.account_id)


def _rows(connection: Connection, query: Select[Any]) -> list[RegistrationRow]:
    return [RegistrationRow(*restored(tuple(row))) for row in connection.execute(query)]
