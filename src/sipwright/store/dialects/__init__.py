"""What each database says in a way of its own: one module for each, and `dialect_of` finds the one of a connection.

Whatever else is asked of a database is said in SQLAlchemy's words, or in its committer's (``store/writing``).
"""

from sipwright.store.dialects.dialect import CLOCKS, Dialect, Trouble, dialect_of

__all__ = ["CLOCKS", "Dialect", "Trouble", "dialect_of"]
