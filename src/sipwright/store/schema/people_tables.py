"""The tables of those who log in: sessions, tokens, keys, second factors, invites, throttles, and who changed what.

What somebody proves who they are with is kept as a hash, or sealed: who reads the database can log in as nobody.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from sipwright.store.schema.tables import Serial, metadata, owner_column

__all__ = [
    "api_tokens",
    "audit",
    "invites",
    "password_resets",
    "public_keys",
    "recovery_codes",
    "second_factors",
    "sessions",
    "throttles",
]

# A session that is over stays for a while: from where somebody has logged in is known by it.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Integer, primary_key=True),
    owner_column(),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("face", Text, nullable=False),
    Column("address", Text),
    Column("user_agent", Text),
    Column("created_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Column("ended_at", Double),
    sqlite_autoincrement=True,
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    owner_column(),
    Column("name", Text, nullable=False),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("used_at", Double),
    UniqueConstraint("user_id", "name"),
    sqlite_autoincrement=True,
)

public_keys = Table(
    "public_keys",
    metadata,
    Column("id", Integer, primary_key=True),
    owner_column(),
    Column("name", Text, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("used_at", Double),
    UniqueConstraint("user_id", "name"),
    UniqueConstraint("user_id", "fingerprint"),
    sqlite_autoincrement=True,
)

# `last_step` is the time step (RFC 6238 section 4) of the newest code that was taken: none is taken twice.
second_factors = Table(
    "second_factors",
    metadata,
    Column(
        "user_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("confirmed_at", Double),
    Column("last_step", BigInteger, nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("id", Integer, primary_key=True),
    owner_column(),
    Column("code_hash", Text, nullable=False),
    UniqueConstraint("user_id", "code_hash"),
)

invites = Table(
    "invites",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code_hash", Text, nullable=False, unique=True),
    Column("note", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    sqlite_autoincrement=True,
)

password_resets = Table(
    "password_resets",
    metadata,
    Column("id", Integer, primary_key=True),
    owner_column(),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("expires_at", Double, nullable=False),
)

# Failed log-ins of a name or an address, counted for all processes together.
throttles = Table(
    "throttles",
    metadata,
    Column("key", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
)

# No foreign key: what somebody has changed is told for longer than there is such a user.
audit = Table(
    "audit",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", Double, nullable=False, index=True),
    Column("user_id", Integer),
    Column("user", Text, nullable=False, index=True),
    Column("face", Text, nullable=False),
    Column("address", Text),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    sqlite_autoincrement=True,
)
