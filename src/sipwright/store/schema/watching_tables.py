"""The tables of what is watched: what phones want to know, what they say of themselves, what nodes have measured."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from sipwright.store.schema.tables import metadata

__all__ = ["event_states", "rollups", "subscriptions"]

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("node", Text, nullable=False),
    Column("account_id", Integer, nullable=False),
    Column("subscriber_id", Integer, nullable=False),
    Column("event", Text, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("document", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

event_states = Table(
    "event_states",
    metadata,
    Column("account_id", Integer, nullable=False),
    Column("event", Text, nullable=False),
    Column("tag", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("expires_at", Double),
    Column("updated_at", Double, nullable=False),
    PrimaryKeyConstraint("account_id", "event", "tag"),
    sqlite_with_rowid=False,
)

# What nodes have measured of themselves, rolled up: a row for each span of time (services/rows.py:RollupRow).
rollups = Table(
    "rollups",
    metadata,
    Column("span", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("node", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),
    PrimaryKeyConstraint("span", "at", "node"),
)
