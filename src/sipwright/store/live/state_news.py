"""What was said about accounts at other nodes: looked for every second, where there are several nodes."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, func, select

from sipwright.services.rows import EventStateRow
from sipwright.store.live.leases import database_time
from sipwright.store.schema import watching_tables
from sipwright.store.schema.cluster_tables import state_news
from sipwright.store.schema.rows import restored

__all__ = ["forget_news", "read_news", "read_states"]

_AT_ONCE = 1_000


def read_news(connection: Connection, within: float, but_of: str) -> dict[int, float]:
    """Return of whom something was said at other nodes within so many seconds, and when; by the database's clock."""
    column = state_news.c
    newest = func.max(column.at).label("newest")
    since = database_time(connection) - within
    query = select(column.account_id, newest).where(column.at > since, column.node != but_of)
    return {row.account_id: row.newest for row in connection.execute(query.group_by(column.account_id))}


def read_states(connection: Connection, account_ids: Iterable[int]) -> dict[int, list[EventStateRow]]:
    """Return what is said of accounts; of one of which nothing is an empty list."""
    ids, column = sorted(account_ids), watching_tables.event_states.c
    found: dict[int, list[EventStateRow]] = {account_id: [] for account_id in ids}
    columns = [column[name] for name in EventStateRow._fields]
    for start in range(0, len(ids), _AT_ONCE):
        for row in connection.execute(
            select(*columns).where(column.account_id.in_(ids[start : start + _AT_ONCE]))
        ):
            state = EventStateRow(*restored(tuple(row)))
            found[state.account_id].append(state)
    return found


def forget_news(connection: Connection, kept: float) -> None:
    """Delete what every node has long seen: what is older than so many seconds."""
    connection.execute(delete(state_news).where(state_news.c.at < database_time(connection) - kept))
