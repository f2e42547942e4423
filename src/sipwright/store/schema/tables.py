"""Every table of the database, as SQLAlchemy Core sees it.

Times are unix seconds.  The upper half is what people administer; the lower half (bindings, calls, cdrs,
executions, journal, messages) is written by running nodes through ``store/writing/writer.py``, many rows to a
transaction, and therefore carries no foreign keys: a row that a race has orphaned is skipped when it is read.

Which rows an index has is said here for SQLite, and for PostgreSQL in its migration alone, where it is made: here that
would load the other dialect at every start.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows only where the column is called INTEGER.
Serial = BigInteger().with_variant(Integer, "sqlite")


def owner_column(column: str = "user_id") -> Column[int]:
    """Make the column that says whose a row is; it goes with them."""
    return Column(column, Integer, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True)


users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("script_runs", Integer),
    Column("script_runs_per_minute", Integer),
    Column("script_seconds_per_minute", Double),
    Column("longest_call", Double),
    Column("email", Text),
    sqlite_autoincrement=True,
)

domains = Table(
    "domains",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("is_default", Boolean, nullable=False),
    Column("digest_algorithm", Text, nullable=False),
    sqlite_autoincrement=True,
)

dialplans = Table(
    "dialplans",
    metadata,
    Column("id", Integer, primary_key=True),
    owner_column(),
    Column("name", Text, nullable=False),
    Column("live_version", Integer, nullable=False),
    UniqueConstraint("user_id", "name"),
    sqlite_autoincrement=True,
)

dialplan_versions = Table(
    "dialplan_versions",
    metadata,
    Column("dialplan_id", Integer, ForeignKey("dialplans.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("kind", Text, nullable=False),
    PrimaryKeyConstraint("dialplan_id", "version"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    owner_column(),
    Column("username", Text, nullable=False),
    Column("domain_id", Integer, ForeignKey("domains.id"), nullable=False),
    Column("ha1_md5", LargeBinary, nullable=False),
    Column("ha1_sha256", LargeBinary, nullable=False),
    Column("ha1_sha512_256", LargeBinary, nullable=False),
    Column("out_plan", Integer, ForeignKey("dialplans.id", ondelete="SET NULL")),
    Column("in_plan", Integer, ForeignKey("dialplans.id", ondelete="SET NULL")),
    Column("digest_algorithm", Text),
    Column("is_enabled", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("most_calls", Integer),
    Column("do_not_disturb", Boolean),
    Column("keep_alive", Text),
    Column("watched_by", Text),
    Column("members", Text),
    UniqueConstraint("username", "domain_id"),
    sqlite_autoincrement=True,
)

providers = Table(
    "providers",
    metadata,
    Column("id", Integer, primary_key=True),
    owner_column(),
    Column("name", Text, nullable=False),
    Column("server", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("auth_username", Text),
    Column("password", LargeBinary, nullable=False),
    Column("register", Boolean, nullable=False),
    Column("realm", Text),
    Column("from_template", Text),
    Column("outbound_proxy", Text),
    Column("is_enabled", Boolean, nullable=False),
    Column("answer_within", Double),
    Column("longest_call", Double),
    # Who takes its calls. No foreign keys: whoever is gone is not replaced by somebody else in silence.
    Column("account_id", Integer),
    Column("is_account_chosen", Boolean),
    Column("in_plan", Integer),
    Column("number_in", Text),
    Column("networks", Text),
    Column("contact_token", Text),
    Column("most_calls", Integer),
    Column("tls_verify", Text),
    Column("certificate", Text),
    Column("certificate_key", Text),
    Column("caller_out", Text),
    Column("caller_in", Text),
    Column("number_format", Text),
    Column("identity", Text),
    Column("messages", Boolean),
    UniqueConstraint("user_id", "name"),
    sqlite_autoincrement=True,
)

# Which of the numbers that a trunk brings are whose; who takes all others is in `providers`.
provider_numbers = Table(
    "provider_numbers",
    metadata,
    Column("provider_id", Integer, ForeignKey("providers.id", ondelete="CASCADE"), nullable=False),
    Column("pattern", Text, nullable=False),
    Column("account_id", Integer),
    Column("in_plan", Integer),
    PrimaryKeyConstraint("provider_id", "pattern"),
)

# What the scripts of a user keep: JSON, one store for all dialplans of that user.
script_values = Table(
    "script_values",
    metadata,
    Column("user_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("updated_at", Double, nullable=False),
    PrimaryKeyConstraint("user_id", "key"),
)

# What scripts may know and nobody else (``secret()``), sealed.
secrets = Table(
    "secrets",
    metadata,
    Column("id", Integer, primary_key=True),
    owner_column(),
    Column("name", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("updated_at", Double, nullable=False),
    UniqueConstraint("user_id", "name"),
    sqlite_autoincrement=True,
)

# What our registration agent holds at providers: one row each, written by the node that owns it.
registrations = Table(
    "registrations",
    metadata,
    Column("provider_id", Integer, primary_key=True, autoincrement=False),
    Column("node", Text),
    Column("state", Text, nullable=False),
    Column("contact", Text),
    Column("call_id", Text),
    Column("cseq", BigInteger),
    Column("expires_at", Double),
    Column("status", Integer),
    Column("reason", Text),
    Column("updated_at", Double, nullable=False),
    Column("address", Text),
    Column("service_route", Text),
)

# Which providers a node cannot reach now; there is no row for the others.
provider_states = Table(
    "provider_states",
    metadata,
    Column("provider_id", Integer, nullable=False),
    Column("node", Text, nullable=False),
    Column("server", Text, nullable=False),
    Column("unreachable_since", Double, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("provider_id", "node"),
)

# What was found out about a provider, looked at again now and then; `drift` is what has changed since, a line each.
provider_profiles = Table(
    "provider_profiles",
    metadata,
    Column("provider_id", Integer, primary_key=True, autoincrement=False),
    Column("profile", Text, nullable=False),
    Column("checked_at", Double, nullable=False),
    Column("drift", Text),
)

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

# One row per administrative change, committed with it: running nodes follow this table.
changes = Table(
    "changes",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("at", Double, nullable=False),
    sqlite_autoincrement=True,
)

# No row number of its own: a refreshed binding then costs SQLite one page instead of two.
bindings = Table(
    "bindings",
    metadata,
    Column("account_id", Integer, nullable=False),
    Column("contact", Text, nullable=False),
    Column("q", Double),
    Column("source", Text, nullable=False),
    Column("path", Text),
    Column("call_id", Text, nullable=False),
    Column("cseq", BigInteger, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("user_agent", Text),
    Column("instance", Text),
    Column("reg_id", BigInteger),
    Column("updated_at", Double, nullable=False),
    PrimaryKeyConstraint("account_id", "contact"),
    sqlite_with_rowid=False,
)

calls = Table(
    "calls",
    metadata,
    Column("id", Text, primary_key=True),
    Column("node", Text, nullable=False),
    Column("user_id", Integer),
    Column("account_id", Integer),
    Column("direction", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("from_text", Text, nullable=False),
    Column("to_text", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("answered_at", Double),
    Column("document", LargeBinary, nullable=False),
    Column("linked_id", Text),
    Index(
        "ix_calls_linked_id",
        "linked_id",
        sqlite_where=text("linked_id IS NOT NULL"),
    ),
)

cdrs = Table(
    "cdrs",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("call_id", Text, nullable=False),
    Column("leg", Integer, nullable=False),
    Column("direction", Text, nullable=False),
    Column("account_id", Integer),
    Column("user_id", Integer),
    Column("from_uri", Text),
    Column("to_uri", Text),
    Column("target", Text),
    Column("dialplan", Text),
    Column("dialplan_version", Integer),
    Column("started_at", Double, nullable=False),
    Column("rang_at", Double),
    Column("answered_at", Double),
    Column("ended_at", Double),
    Column("status", Integer),
    Column("reason", Text),
    Column("hung_up_by", Text),
    Column("sip_call_id", Text),
    Column("execution_id", Text),
    Column("linked_id", Text),
    UniqueConstraint("call_id", "leg"),
    Index("ix_cdrs_started_at", "started_at"),
    Index("ix_cdrs_user_id_started_at", "user_id", "started_at"),
    Index(
        "ix_cdrs_linked_id",
        "linked_id",
        sqlite_where=text("linked_id IS NOT NULL"),
    ),
)

executions = Table(
    "executions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("call_id", Text),
    Column("dialplan_id", Integer),
    Column("version", Integer),
    Column("account_id", Integer),
    Column("user_id", Integer),
    Column("state", Text, nullable=False),
    Column("snapshot", LargeBinary),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("outcome", Text),
    Column("node", Text),
    Column("journal", Text),
    Index("ix_executions_call_id", "call_id"),
    Index("ix_executions_started_at", "started_at"),
    Index("ix_executions_dialplan_id_started_at", "dialplan_id", "started_at"),
    Index("ix_executions_failed", "dialplan_id", "started_at", sqlite_where=text("state = 'failed'")),
)

# The first entries of journals that are too long for the rows of their runs.
journal = Table(
    "journal",
    metadata,
    Column("execution_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("function", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("result", Text),
    PrimaryKeyConstraint("execution_id", "sequence"),
    sqlite_with_rowid=False,
)

# What was said on the wire for some calls within about a second, packed (messages.py); call_id names all of them.
messages = Table(
    "messages",
    metadata,
    Column("call_id", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("call_id", "at"),
    Index("ix_messages_at", "at"),
)
