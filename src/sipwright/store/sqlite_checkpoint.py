"""Folds SQLite's write-ahead log back into the file, beside the writer rather than in its way.

A checkpoint syncs the disk, and on a slow one that takes longer than a phone wants to wait for its 200.  So
the bulk is done here, in a thread and a connection of its own, while commits go on; the writer thread itself
folds only what has come meanwhile, which is little, so that the log can begin anew.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

__all__ = ["CHECKPOINT", "Checkpointer"]

CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)"
# Rows between two checkpoints; a row dirties one page or two of 4 kB.
_ROWS = 4_000


class Checkpointer:
    """Counts what the writer commits, and works when it is enough."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = 0
        self._due = threading.Event()
        self.has_folded = False
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="store-checkpoint", daemon=True)
        self._thread.start()

    def fold_rest(self, connection: sqlite3.Connection) -> None:
        """Fold what has come since the bulk was; for the writer thread, whose next commit begins the log anew."""
        if self.has_folded:
            self.has_folded = False
            connection.execute(CHECKPOINT)
            self._rows = 0

    def count(self, rows: int) -> None:
        """Count rows that were committed."""
        self._rows += rows
        if self._rows >= _ROWS:
            self._rows = 0
            self._due.set()

    def close(self) -> None:
        """Stop; SQLite makes the last checkpoint itself when the last connection is closed."""
        self._is_closing = True
        self._due.set()
        self._thread.join()

    def _run(self) -> None:
        while self._due.wait() and not self._is_closing:
            self._due.clear()
            try:
                connection = sqlite3.connect(self._path, isolation_level=None)
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute(CHECKPOINT)
                connection.close()
            except sqlite3.Error:
                continue  # the writer meets the same fault, and says so
            self.has_folded = True
