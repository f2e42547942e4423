"""Rows of the audit on disk until they are in the database: what was done is known, whenever the process ends.

What the switch has done already cannot wait for a database that is locked or away, and its row in the audit is no part
of a transaction of the change. So each such row is a file of the data folder, which whichever process comes next writes
into the database.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import structlog

from sipwright.usecases.trail import Noted

__all__ = ["MOST", "AuditSpool"]

log = structlog.get_logger(__name__)

FOLDER = "audit-waiting"

MOST = 10_000
"""Rows that wait; what comes on top of them is in the log alone."""


class AuditSpool:
    """The folder of rows that wait."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER
        self._numbers = count()

    def put(self, noted: Noted) -> Path | None:
        """Keep a row until it is taken away again; None if that cannot be done, and then the log has it."""
        name = f"{int(noted.at * 1e6):020}-{os.getpid()}-{next(self._numbers)}"
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if len(os.listdir(self._folder)) >= MOST:
                raise OSError(f"{MOST:,} rows wait already")
            half = self._folder / f"{name}.half"
            half.write_text(json.dumps(noted.as_json()))
            half.chmod(0o600)
            return half.rename(self._folder / f"{name}.json")
        except OSError as error:
            log.warning("what is done cannot wait on disk for the audit", error=str(error))
            return None

    def take_away(self, path: Path | None) -> None:
        """Forget a row: it is in the database."""
        if path is not None:
            path.unlink(missing_ok=True)

    def is_used(self) -> bool:
        """Return whether there may be rows that wait: hardly ever there are."""
        try:
            with os.scandir(self._folder) as entries:
                return any(entry.name.endswith(".json") for entry in entries)
        except OSError:
            return False

    def waiting(self) -> list[tuple[Path, Noted]]:
        """Return what waits, the oldest first; a file that nobody can read is put aside."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                found.append((path, Noted.from_json(json.loads(path.read_bytes()))))
            except FileNotFoundError:  # whoever has put it there has written it meanwhile
                continue
            except (ValueError, TypeError, KeyError) as error:
                log.warning("a row that waits for the audit cannot be read", file=str(path), error=str(error))
                path.rename(path.with_suffix(".unreadable"))
        return found

    @contextmanager
    def held(self, *, alone: bool) -> Iterator[bool]:
        """Let many write the rows that they have just put there, or one those that wait; says whether that may be."""
        try:
            handle = os.open(self._folder, os.O_RDONLY)
        except OSError:  # there is none, and so nothing waits
            yield not alone
            return
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            is_held = True
        except OSError as error:  # somebody else has it; or this file system has no locks
            is_held = not isinstance(error, BlockingIOError)
        try:
            yield is_held
        finally:
            os.close(handle)
