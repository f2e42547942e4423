"""The tables of the guard: who may not come any more, where calls may lead, what they may cost, and what is usual."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from sipwright.store.schema.tables import metadata

__all__ = ["bans", "baselines", "guard_rules", "guard_shares", "provider_rates", "spendings", "unusual_calls"]

# A ban that is over stays for a while: the next one of the same network is longer. One for wrong passwords of a single
# account ends when that gets another password.
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
    Column("account_id", Integer),
    sqlite_autoincrement=True,
)

# Where whose calls may lead (kinds and countries that are open, with a minus those that are not), and how much of them
# there may be. No foreign keys, as `subject` is a user, an account or a provider.
guard_rules = Table(
    "guard_rules",
    metadata,
    Column("scope", Text, nullable=False),
    Column("subject", Integer, nullable=False),
    Column("destinations", Text, nullable=False),
    Column("calls_at_once", Integer),
    Column("calls_per_hour", Integer),
    Column("minutes_per_day", Double),
    Column("money_per_day", BigInteger),
    PrimaryKeyConstraint("scope", "subject"),
)

# Money is in millionths.
provider_rates = Table(
    "provider_rates",
    metadata,
    Column("provider_id", Integer, ForeignKey("providers.id", ondelete="CASCADE"), nullable=False),
    Column("prefix", Text, nullable=False),
    Column("per_minute", BigInteger, nullable=False),
    Column("connection", BigInteger, nullable=False),
    PrimaryKeyConstraint("provider_id", "prefix"),
)

# Written by running nodes, with the records of calls.
spendings = Table(
    "spendings",
    metadata,
    Column("node", Text, nullable=False),
    Column("user_id", Integer, nullable=False),
    Column("account_id", Integer, nullable=False),
    Column("provider_id", Integer, nullable=False),
    Column("hour", Integer, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("money", BigInteger, nullable=False),
    PrimaryKeyConstraint("node", "user_id", "account_id", "provider_id", "hour"),
    sqlite_with_rowid=False,
)

# What is usual for a user, as services/guard/baseline.py writes it; an empty document where that is not known.
baselines = Table(
    "baselines",
    metadata,
    Column("user_id", Integer, nullable=False, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("learnt_at", Double, nullable=False),
    PrimaryKeyConstraint("user_id"),
)

# Calls that were held back as they are unlike all others of their user, a row for each place they led to. One that is
# confirmed lets calls there leave until then.
unusual_calls = Table(
    "unusual_calls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", Integer, nullable=False),
    Column("account_id", Integer, nullable=False),
    Column("place", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("times", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("mailed_at", Double),
    Column("confirmed_at", Double),
    Column("confirmed_by", Text),
    Column("until", Double),
    UniqueConstraint("user_id", "place"),
    sqlite_autoincrement=True,
)

# The parts of limits that are a node's own; the row of no node is what whoever takes one locks.
guard_shares = Table(
    "guard_shares",
    metadata,
    Column("scope", Text, nullable=False),
    Column("subject", Integer, nullable=False),
    Column("node", Text, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("begun", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("money", BigInteger, nullable=False),
    PrimaryKeyConstraint("scope", "subject", "node"),
)
