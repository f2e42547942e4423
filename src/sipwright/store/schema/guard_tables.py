"""The tables of the guard: who may not come any more."""

from __future__ import annotations

from sqlalchemy import Column, Double, Integer, Table, Text

from sipwright.store.schema.tables import metadata

__all__ = ["bans"]

# A ban that is over stays for a while: the next one of the same network is longer.
bans = Table(
    "bans",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("network", Text, nullable=False, unique=True),
    Column("reason", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("until", Double),
    Column("made_by", Text, nullable=False),
    Column("times", Integer, nullable=False),
    sqlite_autoincrement=True,
)
