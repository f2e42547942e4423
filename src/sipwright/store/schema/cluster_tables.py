"""The tables that several nodes of one database keep together by: who is there, and who may act.

Their times are by the database's clock, which is the only one that all nodes share.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from sipwright.store.schema.tables import Serial, metadata

__all__ = [
    "binding_news",
    "boots",
    "leases",
    "moved_tags",
    "node_events",
    "node_lamps",
    "node_requests",
    "nodes",
    "state_news",
]

# The account whose phones have come, moved or gone last, at which node: what other nodes look at every second.
binding_news = Table(
    "binding_news",
    metadata,
    Column("account_id", Integer, primary_key=True, autoincrement=False),
    Column("node", Text, nullable=False),
    Column("at", Double, nullable=False),
    Index("ix_binding_news_at", "at"),
)

nodes = Table(
    "nodes",
    metadata,
    Column("name", Text, primary_key=True),
    # Which data folder it runs with, so that two nodes of one name are told apart.
    Column("home", Text, nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Text, nullable=False),
    # Where other nodes reach its edge over UDP, as HOST:PORT.
    Column("edge", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("heartbeat_at", Double, nullable=False),
    # How phones reach it (`cluster/zone.py:Doors`), as JSON.
    Column("doors", Text),
)

# The fence only rises; 0 seconds of `until` are a lease that was given back.
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("until", Double, nullable=False),
    # Counts what was written under it, where only a row that is written keeps others out (dialects/mariadb.py), and
    # elsewhere the connections over which it was (writing/postgres_committer.py).
    Column("writes", BigInteger),
)

# Each start of a node: its number stands in the tags that it makes, `owner` is the node that has its calls now.
boots = Table(
    "boots",
    metadata,
    Column("number", Serial, primary_key=True),
    Column("node", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("at", Double, nullable=False),
    Index("ix_boots_owner", "owner"),
    sqlite_autoincrement=True,
)

# The tags of calls that have gone to another node while the one lives whose boot they name: the boot that they lead to.
# There are few, which every node reads with each beat; they are deleted when their calls are over.
moved_tags = Table(
    "moved_tags",
    metadata,
    Column("tag", Text, primary_key=True),
    Column("boot", BigInteger, nullable=False),
)

# What one node is asked for by another, or by a face beside it: `asked`, then `taken` by the node, then `done`; or
# `withdrawn`, which nobody may do any more. JSON both ways. Rows are deleted a minute later.
node_requests = Table(
    "node_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("node", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("answer", Text),
    Index("ix_node_requests_node", "node"),
)

# What a node tells those who read its events at others: lines of JSON up to the event `number`, which follow on the one
# called `after`; 0 is the beginning. Rows are deleted a minute later.
node_events = Table(
    "node_events",
    metadata,
    Column("node", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("after", BigInteger, nullable=False),
    Column("told", LargeBinary, nullable=False),
    Column("at", Double, nullable=False),
    PrimaryKeyConstraint("node", "number"),
)

# All dialogs of an account at a node, for busy lamps at others; JSON. The number rises with each change at that node.
node_lamps = Table(
    "node_lamps",
    metadata,
    Column("account_id", Integer, nullable=False),
    Column("node", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("dialogs", Text, nullable=False),
    PrimaryKeyConstraint("account_id", "node"),
)

# When something was said last of an account at a node (presence, messages that wait): what others look at every second.
state_news = Table(
    "state_news",
    metadata,
    Column("account_id", Integer, nullable=False),
    Column("node", Text, nullable=False),
    Column("at", Double, nullable=False),
    PrimaryKeyConstraint("account_id", "node"),
    Index("ix_state_news_at", "at"),
)
