"""Which database a URL names."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from sipwright.store.database.database import Database
from sipwright.store.errors import StoreError

__all__ = ["dialect_of_url", "missing_file", "open_database"]

_DIALECTS = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mariadb", "mariadb": "mariadb"}

HOW_TO_WRITE = "write sqlite:///FILE, postgresql://USER:PASSWORD@HOST/NAME or mysql://USER:PASSWORD@HOST/NAME"


def dialect_of_url(url: str) -> str:
    """Tell which kind of database a URL names: sqlite, postgresql or mariadb.

    Raises:
        StoreError: None that we know.
    """
    try:
        backend = make_url(url).get_backend_name()
    except ArgumentError:
        raise StoreError(f"{url!r} is not a database URL; {HOW_TO_WRITE}") from None
    if backend not in _DIALECTS:
        raise StoreError(f"{backend}:// is not supported; {HOW_TO_WRITE}")
    return _DIALECTS[backend]


def open_database(url: str, patience: float | None = None) -> Database:
    """Choose the driver for a database URL; only that one is loaded.

    Args:
        url: Which database.
        patience: For how many seconds the locks of others are waited for, instead of the usual ones.
    """
    dialect = dialect_of_url(url)
    if dialect == "sqlite":
        from sipwright.store.database.sqlite import PATIENCE, SqliteDatabase

        return SqliteDatabase(make_url(url), PATIENCE if patience is None else patience)
    if dialect == "postgresql":
        from sipwright.store.database.postgres import PostgresDatabase

        return PostgresDatabase(make_url(url), patience)
    from sipwright.store.database.mariadb import MariadbDatabase

    return MariadbDatabase(make_url(url), patience)


def missing_file(url: str) -> Path | None:
    """Return the file of an SQLite database that is not there."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    if parsed.get_backend_name() != "sqlite" or not parsed.database or Path(parsed.database).exists():
        return None
    return Path(parsed.database)
