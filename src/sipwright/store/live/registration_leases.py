"""Our registrations at providers: whose node has claimed which, and whether somebody takes the calls that they bring.

The node that has claimed a row writes it through ``store/writing/writer.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, and_, case, delete, literal, or_, select, update

from sipwright.store.admin.takers import choose, untaken
from sipwright.store.database import Database
from sipwright.store.dialects import dialect_of
from sipwright.store.schema import tables
from sipwright.store.schema.rows import RegistrationRow, restored

__all__ = ["Registrations"]

T = TypeVar("T")

_TABLE = tables.registrations
_COLUMNS = [_TABLE.c[name] for name in RegistrationRow._fields]


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

    async def takers(self, provider_ids: Sequence[int]) -> dict[int, str | None]:
        """Find why nobody takes the calls of providers, or None where somebody does.

        Where nobody has chosen who does, that is noted now (``store/admin/takers.py``).
        """

        def work(connection: Connection) -> dict[int, str | None]:
            choose(connection, provider_ids)
            return untaken(connection, provider_ids)

        return await self._database.write(work)


def _claim(
    connection: Connection,
    node: str,
    provider_ids: Sequence[int],
    now: float,
    lease: float,
    ended_before: float,
) -> list[RegistrationRow]:
    column = _TABLE.c
    values = select(tables.providers.c.id, literal(node), literal("registering"), literal(now))
    are_there = tables.providers.c.id.in_(provider_ids)
    connection.execute(
        dialect_of(connection).insert_missing(
            _TABLE, ["provider_id", "node", "state", "updated_at"], values.where(are_there)
        )
    )
    lease_end = case((column.state == "registered", column.expires_at), else_=column.updated_at + lease)
    # What was stopped is so at another node, too, until it has asked itself.
    # What a node has left to us is registered still, and the provider has to be told to forget where.
    stays = or_(column.state == "stopped", and_(column.node.is_(None), column.state == "registered"))
    state = case((stays, column.state), else_="registering")
    is_free = or_(column.node.is_(None), column.node == node, lease_end.is_(None), lease_end < ended_before)
    taken = update(_TABLE).where(column.provider_id.in_(provider_ids), is_free)
    connection.execute(taken.values(node=node, state=state, updated_at=now))
    query = select(*_COLUMNS).where(column.provider_id.in_(provider_ids), column.node == node)
    return _rows(connection, query)


def _rows(connection: Connection, query: Select[Any]) -> list[RegistrationRow]:
    return [RegistrationRow(*restored(tuple(row))) for row in connection.execute(query)]
