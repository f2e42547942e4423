"""A connection to SQLite, PostgreSQL or MariaDB behind two verbs, ``read`` and ``write``.

Work is an ordinary function of a SQLAlchemy Core ``Connection``, run inside one transaction: on SQLite in a thread, on
a server in SQLAlchemy's greenlet over asyncpg or asyncmy, so that the same code serves all and never blocks the loop.
The hot writes of a running node do not come through here: see ``store/writing/writer.py``.  On SQLite they are in the
redo log for a second before they are in the tables; both verbs apply it first.
"""

from sipwright.store.database.database import Database, insert_row, rows_as_stored
from sipwright.store.database.urls import dialect_of_url, missing_file, open_database

__all__ = [
    "Database",
    "dialect_of_url",
    "insert_row",
    "missing_file",
    "open_database",
    "rows_as_stored",
]
