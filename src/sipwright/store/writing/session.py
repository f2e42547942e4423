"""One connection to a database on a server, as `server_committer.py` uses it, whichever server that is."""

from __future__ import annotations

from typing import Any, Protocol

from sipwright.services.leases import Fence
from sipwright.store.dialects import Trouble
from sipwright.store.writing.writer import Row

__all__ = ["Parts", "Rows", "Session", "parts", "write"]

Rows = dict[str, dict[Any, Row | None]]
"""What a batch says, by kind and key; None deletes."""

Parts = list[tuple[str, list[Row], list[Any]]]
"""Of each kind that there are rows of which are kept, and the keys of those that are gone."""


class Session(Protocol):
    """One connection to a server, as a committer uses it."""

    ERRORS: tuple[type[Exception], ...]
    """What its methods may raise: of the server, the network (`OSError`), or of rows that no server takes."""

    async def connect(self) -> None:
        """Open the connection."""

    def disconnect(self) -> None:
        """Close it at once, without a word."""

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, that may have ended unnoticed."""

    @property
    def is_alive(self) -> bool:
        """Whether there is a connection that has not ended, as far as is known."""

    async def commit(self, rows: Rows, fence: Fence | None) -> None:
        """Commit rows as a whole, before somebody else has the lease of a fence, or not at all.

        Raises:
            FencedError: Somebody has it.
        """

    async def roll_back(self) -> None:
        """Be ready for the next transaction after one whose rows were not taken, of which nothing is left."""

    async def begin(self, fence: Fence | None) -> None:
        """Begin a transaction that ends before somebody else has the lease of a fence, or not at all.

        Raises:
            FencedError: Somebody has it.
        """

    async def upsert(self, kind: str, rows: list[Row]) -> None:
        """Insert or replace rows."""

    async def delete(self, kind: str, keys: list[Any]) -> None:
        """Delete rows by their keys."""

    async def command(self, sql: str) -> None:
        """Execute a statement without values."""

    def trouble(self, error: BaseException) -> Trouble:
        """Tell what an error means."""


async def write(session: Session, rows: Rows) -> None:
    """Write rows in the transaction that was begun, each kind by a statement of its own."""
    for kind, kept, gone in parts(rows):
        if kept:
            await session.upsert(kind, kept)
        if gone:
            await session.delete(kind, gone)


def parts(rows: Rows) -> Parts:
    """Return what a batch says, kind by kind."""
    return [
        (
            kind,
            [row for row in of_kind.values() if row is not None],
            [key for key, row in of_kind.items() if row is None],
        )
        for kind, of_kind in rows.items()
        if of_kind
    ]
