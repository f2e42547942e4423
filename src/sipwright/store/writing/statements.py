"""The SQL of the hot writes, made from the tables: many rows to one statement.

One statement means one trip into SQLite without the interpreter lock, or one round trip to PostgreSQL,
however many rows it carries.
"""

from __future__ import annotations

from collections.abc import Iterable

from sipwright.store.dialects import CLOCKS
from sipwright.store.schema.rows import Kind

__all__ = [
    "LONGEST",
    "mariadb_delete",
    "mariadb_upsert",
    "postgres_commit",
    "postgres_delete",
    "postgres_upsert",
    "sqlite_delete",
    "sqlite_upsert",
]

# Rows to one SQLite statement at most: every length up to this is a statement of its own, kept prepared.
LONGEST = 32


def sqlite_upsert(kind: Kind, count: int) -> str:
    """Insert or replace ``count`` rows, given as one flat list of values."""
    row = "(" + ",".join(_or_now(kind, "?", CLOCKS["sqlite"])) + ")"
    values = ",".join([row] * count)
    columns = ",".join(kind.columns)
    return f"INSERT INTO {kind.table.name} ({columns}) VALUES {values} {_on_conflict(kind)}"


def sqlite_delete(kind: Kind, count: int) -> str:
    """Delete ``count`` rows by key, given as one flat list of key parts."""
    row = "(" + ",".join("?" * len(kind.key)) + ")"
    return f"DELETE FROM {kind.table.name} WHERE ({','.join(kind.key)}) IN (VALUES {','.join([row] * count)})"


def postgres_upsert(kind: Kind, first: int = 1, beside: str = "") -> str:
    """Insert or replace any number of rows, given as one array per column from number ``first`` on.

    Where something is ``beside`` them it is looked at first, and there is nothing to write if that has no row.
    """
    arrays = ",".join(
        f"${n}::{kind.postgres_type(name)}[]" for n, name in enumerate(kind.columns, start=first)
    )
    columns = ",".join(kind.columns)
    values = ",".join(CLOCKS["postgresql"] if name == kind.dated else name for name in kind.columns)
    given = f"{beside}unnest({arrays}) AS given({columns})"
    return f"INSERT INTO {kind.table.name} ({columns}) SELECT {values} FROM {given} {_on_conflict(kind)}"


def postgres_delete(kind: Kind, first: int = 1, beside: str = "") -> str:
    """Delete any number of rows by key, given as one array per key column; see ``postgres_upsert``."""
    arrays = ",".join(f"${n}::{kind.postgres_type(name)}[]" for n, name in enumerate(kind.key, start=first))
    same = " AND ".join(f"target.{name} = gone.{name}" for name in kind.key)
    gone = f"{beside}unnest({arrays}) AS gone({','.join(kind.key)})"
    return f"DELETE FROM {kind.table.name} target USING {gone} WHERE {same}"


def postgres_commit(parts: Iterable[tuple[Kind, bool]], *, is_fenced: bool) -> str:
    """Write rows of some kinds, or delete them where a part is gone, in one statement that is a transaction.

    With a fence its number, the name of its lease, and what stands there as `writes` are given first. The lease is
    locked and looked at before anything is written, as all that is written stands beside it. Of the parts the server
    does the last one first, and whoever writes is to write kinds in one order.
    """
    held, first = "1 AS one", 1
    writes: list[str] = []
    if is_fenced:
        is_ours = "(fence = $1::bigint AND writes = $3::bigint)::int"
        lease = f"SELECT {is_ours} FROM leases WHERE name = $2::text FOR SHARE"
        held, first = f"1 / COALESCE(({lease}), 0) AS one", 4
    for kind, is_gone in parts:
        write = postgres_delete if is_gone else postgres_upsert
        writes.append(f"part{len(writes)} AS ({write(kind, first, 'held, ')})")
        first += len(kind.key if is_gone else kind.columns)
    return f"WITH held AS MATERIALIZED (SELECT {held}), {', '.join(reversed(writes))} SELECT one FROM held"


def mariadb_upsert(kind: Kind, count: int) -> str:
    """Insert or replace ``count`` rows, given as one flat list of values."""
    row = "(" + ",".join(_or_now(kind, "%s", CLOCKS["mariadb"])) + ")"
    columns = ",".join(f"`{name}`" for name in kind.columns)
    changes = ",".join(f"`{name}`=VALUES(`{name}`)" for name in _changing(kind))
    values = ",".join([row] * count)
    return f"INSERT INTO {kind.table.name} ({columns}) VALUES {values} ON DUPLICATE KEY UPDATE {changes}"


def mariadb_delete(kind: Kind, count: int) -> str:
    """Delete ``count`` rows by key, given as one flat list of key parts."""
    row = "(" + ",".join(["%s"] * len(kind.key)) + ")"
    key = ",".join(f"`{name}`" for name in kind.key)
    return f"DELETE FROM {kind.table.name} WHERE ({key}) IN ({','.join([row] * count)})"


def _or_now(kind: Kind, value: str, clock: str) -> list[str]:
    """Return what takes the value of each column; the one that is dated has the time, and its value is left alone."""
    return [f"COALESCE({clock}, {value})" if name == kind.dated else value for name in kind.columns]


def _changing(kind: Kind) -> list[str]:
    return [name for name in kind.columns if name not in kind.key and name not in kind.fixed]


def _on_conflict(kind: Kind) -> str:
    changes = ",".join(f"{name}=excluded.{name}" for name in _changing(kind))
    return f"ON CONFLICT ({','.join(kind.key)}) DO UPDATE SET {changes}"
