"""The schema's history, additive only, and bringing a database up to date with it.

Nodes of one release and the next share a database, so the older one goes on, is started again and takes commands where
the newer one has brought the schema up to date already. Beside the number of the revision stands from which on the code
may be that uses it (`usable_from`): a migration that older code cannot live with raises that to its own number.

Alembic takes a quarter of a second to import, so a database that is at ``HEAD`` already never loads it.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

from sipwright.store.dialects import dialect_of
from sipwright.store.errors import StoreError

__all__ = ["HEAD", "current_revision", "migrate", "require_head"]

HEAD = "0037"


def current_revision(connection: Connection) -> str | None:
    """Tell which revision a database is at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if revision is None else str(revision)


def migrate(connection: Connection) -> bool:
    """Bring a database up to date; True if there was something to do."""
    if current_revision(connection) == HEAD:
        return False
    with dialect_of(connection).turns(connection):  # nodes may start together
        return _upgrade(connection)


def _upgrade(connection: Connection) -> bool:
    revision = current_revision(connection)
    if revision == HEAD:
        return False
    if revision is not None and revision > HEAD:
        _require_usable(connection, revision)
        return False
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "sipwright:store/migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return True


def require_head(connection: Connection) -> None:
    """Refuse a database that another version of Sipwright left behind.

    Raises:
        StoreError: It is empty, older or newer; it says what to do.
    """
    revision = current_revision(connection)
    if revision is None:
        raise StoreError("the database is empty; run 'sipwright init'")
    if revision > HEAD:
        _require_usable(connection, revision)
    elif revision != HEAD:
        raise StoreError(
            f"the database is at revision {revision}; run 'sipwright init' to bring it to {HEAD}"
        )


def _require_usable(connection: Connection, revision: str) -> None:
    """Refuse a database that is too new for this code."""
    usable_from = connection.scalar(text("SELECT usable_from FROM alembic_version"))
    if usable_from is None or str(usable_from) > HEAD:
        raise StoreError(
            f"the database is at revision {revision}, newer than this Sipwright; install the newer one"
        )
