"""Bindings that other nodes have made, moved or taken back: looked for every second, where there are several nodes."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, select

from sipwright.store.live.leases import database_time
from sipwright.store.schema import tables
from sipwright.store.schema.cluster_tables import binding_news
from sipwright.store.schema.rows import BindingRow, restored

__all__ = ["forget_news", "read_bindings", "read_news"]

_AT_ONCE = 1_000


def read_news(connection: Connection, within: float) -> dict[int, float]:
    """Return whose phones have come, moved or gone within so many seconds, and when; by the database's clock.

    An account has one row. So what the asker has said itself is among them: it may have replaced what another node has.
    """
    column = binding_news.c
    query = select(column.account_id, column.at).where(column.at > database_time(connection) - within)
    return {row.account_id: row.at for row in connection.execute(query)}


def read_bindings(connection: Connection, account_ids: Iterable[int]) -> dict[int, list[BindingRow]]:
    """Return the bindings of accounts, the one refreshed longest ago first; of one that has none an empty list."""
    ids, column = sorted(account_ids), tables.bindings.c
    found: dict[int, list[BindingRow]] = {account_id: [] for account_id in ids}
    columns = [column[name] for name in BindingRow._fields]
    for start in range(0, len(ids), _AT_ONCE):
        query = select(*columns).where(column.account_id.in_(ids[start : start + _AT_ONCE]))
        for row in connection.execute(query.order_by(column.updated_at)):
            binding = BindingRow(*restored(tuple(row)))
            found[binding.account_id].append(binding)
    return found


def forget_news(connection: Connection, kept: float) -> None:
    """Delete what every node has long seen: what is older than so many seconds."""
    connection.execute(delete(binding_news).where(binding_news.c.at < database_time(connection) - kept))
