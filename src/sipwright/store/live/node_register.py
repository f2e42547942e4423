"""The nodes in the database: who is there, who lives, and what is taken over of one that does not.

A node holds its calls, scripts, subscriptions and registrations at providers by one lease, and each of its writes names
the fence of that (`store/writing/postgres_committer.py`). Whoever takes them over takes the lease first, in the same
transaction that moves the rows: what the other one has committed is there by then, and it commits nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select, update

from sipwright.services.leases import Answer, Ask, Beat, Fence, LeaseRow, NodeRow, node_lease
from sipwright.services.rows import CallRow, ExecutionRow, JournalRow, SubscriptionRow
from sipwright.store.database import Database
from sipwright.store.history.journals import read_journals
from sipwright.store.live.guard_shares import adopt_shares
from sipwright.store.live.leases import database_time, execute, hold_fence, read_leases, release, seize
from sipwright.store.live.moved_calls import read_moved_tags
from sipwright.store.live.node_requests import hand_requests_on
from sipwright.store.schema import tables, watching_tables
from sipwright.store.schema.cluster_tables import boots, leases, nodes
from sipwright.store.schema.rows import KINDS, RegistrationRow, restored, unfinished_executions

__all__ = [
    "Adopted",
    "NodeRegister",
    "count_calls",
    "count_phones",
    "edges_of_others",
    "living_others",
    "read_doors",
    "read_nodes",
]

_KEPT = 7 * 86_400.0
"""For how many seconds after its end it is known who has the calls of a boot: longer than any call lasts."""


class Adopted(NamedTuple):
    """What was another node's, and is this one's."""

    node: str
    calls: list[CallRow]
    executions: list[ExecutionRow]
    journals: dict[str, list[JournalRow]]
    subscriptions: list[SubscriptionRow]
    registrations: list[RegistrationRow]


class NodeRegister:
    """What a node asks of the database about itself and the others."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, name: str) -> NodeRow | None:
        """Return a node."""
        found = await self._database.read(lambda c: read_nodes(c, name), of_nodes=False)
        return found[0] if found else None

    async def nodes(self) -> tuple[list[NodeRow], list[LeaseRow]]:
        """Return all nodes by name, and their leases."""
        return await self._database.read(
            lambda c: (read_nodes(c), read_leases(c, node_lease(""))), of_nodes=False
        )

    async def execute(self, ask: Ask) -> Answer:
        """Do what is asked about one lease."""
        return await self._database.write(lambda c: execute(c, ask), of_nodes=False)

    async def seize(self, name: str, owner: str, seconds: float) -> int | None:
        """Take the lease of a node whose process is known to be no more; return its fence, None without a row."""

        def work(connection: Connection) -> int | None:
            return seize(connection, node_lease(name), owner, until=database_time(connection) + seconds)

        return await self._database.write(work, of_nodes=False)

    async def enter(
        self, fence: Fence, name: str, home: str, version: str, edge: str, doors: str = ""
    ) -> int:
        """Note that a node has started; return the number of this boot, which stands in its tags.

        Raises:
            FencedError: It is not the owner of its lease any more.
        """

        def work(connection: Connection) -> int:
            hold_fence(connection, fence)
            now = database_time(connection)
            values = {
                "home": home, "boot": fence.number, "state": "up", "version": version, "edge": edge,
                "started_at": now, "heartbeat_at": now, "doors": doors or None,
            }  # fmt: skip
            if not connection.execute(update(nodes).where(nodes.c.name == name).values(values)).rowcount:
                connection.execute(insert(nodes).values(name=name, **values))
            _forget_boots(connection, name)
            return int(
                connection.execute(
                    insert(boots).values(node=name, owner=name, at=now).returning(boots.c.number)
                ).scalar_one()
            )

        return await self._database.write(work, of_nodes=False)

    async def beat(self, ask: Ask, name: str) -> Beat:
        """Say that a node lives, and look at all others."""

        def work(connection: Connection) -> Beat:
            answer = execute(connection, ask)
            if answer.is_granted:
                now = database_time(connection)
                connection.execute(update(nodes).where(nodes.c.name == name).values(heartbeat_at=now))
            # Before it is asked who goes on with their calls: who is lost by then has an heir, whatever is committed
            # in between.
            there = read_nodes(connection)
            known = connection.execute(
                select(boots.c.number, boots.c.node, boots.c.owner).order_by(boots.c.number)
            ).all()
            return Beat(
                answer,
                there,
                read_leases(connection, node_lease("")),
                {row.number: row.owner for row in known},
                {row.node: row.owner for row in known},
                read_moved_tags(connection),
            )

        return await self._database.write(work, of_nodes=False)

    async def release(self, name: str, owner: str, fence: int) -> bool:
        """Give the lease of a node back."""
        return await self._database.write(
            lambda c: release(c, node_lease(name), owner, fence), of_nodes=False
        )

    async def say(self, name: str, state: str) -> None:
        """Note how a node stands."""
        await self._database.write(
            lambda c: c.execute(update(nodes).where(nodes.c.name == name).values(state=state)), of_nodes=False
        )

    async def owner(self, boot: int) -> str | None:
        """Return the node that has the calls of a boot; None when nobody knows that boot."""
        query = select(boots.c.owner).where(boots.c.number == boot)
        return await self._database.read(lambda c: c.scalar(query), of_nodes=False)

    async def adopt(
        self, fence: Fence, owner: str, to: str, name: str, seen: LeaseRow | None
    ) -> Adopted | None:
        """Make all that is in progress at a node another one's, and return it; None if its lease has changed meanwhile.

        Args:
            fence: That of the node which takes over.
            owner: What it is called as the owner of leases.
            to: Its name.
            name: Whose is taken over.
            seen: The lease of that one, which is over; None when somebody says that the node is no more.

        Raises:
            FencedError: The one that takes over is not the owner of its own lease any more.
        """
        return await self._database.write(lambda c: _adopt(c, fence, owner, to, name, seen))


def count_calls(connection: Connection) -> dict[str, int]:
    """Return how many calls each node has."""
    column = tables.calls.c
    query = select(column.node, func.count()).group_by(column.node)
    return {row[0]: row[1] for row in connection.execute(query)}


def count_phones(connection: Connection, node: str) -> int:
    """Return how many accounts have a phone that is registered at a node."""
    column = tables.bindings.c
    is_there = column.source.startswith(f"{node}!", autoescape=True)
    return connection.scalar(select(func.count(column.account_id.distinct())).where(is_there)) or 0


def read_nodes(connection: Connection, name: str | None = None) -> list[NodeRow]:
    """Return a node, or all by name."""
    column = nodes.c
    query = select(
        column.name, column.home, column.boot, column.state, column.version, column.edge, column.started_at,
        (database_time(connection) - column.heartbeat_at).label("age"),
    )  # fmt: skip
    if name is not None:
        query = query.where(column.name == name)
    return [NodeRow(*row) for row in connection.execute(query.order_by(column.name))]


def _adopt(
    connection: Connection, fence: Fence, owner: str, to: str, name: str, seen: LeaseRow | None
) -> Adopted | None:
    hold_fence(connection, fence)
    if seen is None:
        seize(connection, node_lease(name), owner)
    elif not _take_lapsed(connection, seen, owner):
        return None
    adopted = _read(connection, to, name)
    is_ours = unfinished_executions(name)
    connection.execute(update(tables.executions).where(is_ours).values(node=to))
    for table in (tables.calls, watching_tables.subscriptions, tables.registrations):
        connection.execute(update(table).where(table.c.node == name).values(node=to))
    hand_requests_on(connection, name, to)
    adopt_shares(connection, name, to)
    connection.execute(delete(tables.provider_states).where(tables.provider_states.c.node == name))
    connection.execute(
        update(boots).where(boots.c.owner == name).values(owner=to, at=database_time(connection))
    )
    is_lost = (nodes.c.name == name) & nodes.c.state.in_(("up", "draining"))
    connection.execute(update(nodes).where(is_lost).values(state="lost"))
    return adopted


def _take_lapsed(connection: Connection, seen: LeaseRow, owner: str) -> bool:
    column = leases.c
    is_over = (
        (column.name == seen.name)
        & (column.fence == seen.fence)
        & (column.until == seen.until)
        & (column.until <= database_time(connection))
    )
    taken = update(leases).where(is_over).values(owner=owner, fence=seen.fence + 1, until=0.0)
    return connection.execute(taken).rowcount == 1


def _read(connection: Connection, to: str, name: str) -> Adopted:
    """Read what is in progress at a node, as it will be at another one."""
    unfinished = unfinished_executions(name)
    calls = [CallRow(*row) for row in _rows(connection, "call", tables.calls.c.node == name)]
    runs = [ExecutionRow(*row) for row in _rows(connection, "execution", unfinished)]
    subscriptions = [
        SubscriptionRow(*row)
        for row in _rows(connection, "subscription", watching_tables.subscriptions.c.node == name)
    ]
    registrations = [
        RegistrationRow(*row)
        for row in _rows(connection, "registration", tables.registrations.c.node == name)
    ]
    return Adopted(
        name,
        sorted((row._replace(node=to) for row in calls), key=lambda row: row.started_at),
        [row._replace(node=to) for row in runs],
        read_journals(connection, unfinished),
        [row._replace(node=to) for row in subscriptions],
        [row._replace(node=to) for row in registrations],
    )


def _rows(connection: Connection, kind: str, which: ColumnElement[bool]) -> Sequence[tuple[Any, ...]]:
    table: Table = KINDS[kind].table
    columns = [table.c[column] for column in KINDS[kind].columns]
    return [restored(tuple(row)) for row in connection.execute(select(*columns).where(which))]


def _forget_boots(connection: Connection, name: str) -> None:
    """Forget the boots that nobody has calls of any more; those of a node that begins anew may still have some."""
    now, column = database_time(connection), boots.c
    connection.execute(update(boots).where(column.owner == name).values(at=now))
    newest = set(connection.scalars(select(func.max(column.number)).group_by(column.node)))
    old = set(connection.scalars(select(column.number).where(column.at < now - _KEPT)))
    if gone := old - newest:
        connection.execute(delete(boots).where(column.number.in_(gone)))


def read_doors(connection: Connection, within: float) -> dict[str, str]:
    """Return how phones reach each node that was heard of within so many seconds, as it has said itself."""
    now = database_time(connection)
    query = select(nodes.c.name, nodes.c.doors).where(
        nodes.c.doors.is_not(None), nodes.c.heartbeat_at > now - within
    )
    return {row.name: row.doors for row in connection.execute(query.order_by(nodes.c.name))}


def living_others(connection: Connection, name: str) -> list[str]:
    """Return the names of the other nodes that live, by their leases."""
    prefix = node_lease("")
    living = {
        lease.name.removeprefix(prefix) for lease in read_leases(connection, prefix) if lease.left > 0.0
    }
    return [row.name for row in read_nodes(connection) if row.name in living and row.name != name]


def edges_of_others(connection: Connection, name: str) -> dict[str, list[str]]:
    """Return where the edges of the other nodes are that are there, as SIP URIs by their names."""
    query = select(nodes.c.name, nodes.c.edge).where(nodes.c.name != name, nodes.c.state == "up")
    found = connection.execute(query.order_by(nodes.c.name))
    return {other: [f"sip:{edge}"] for other, edge in found if edge}
