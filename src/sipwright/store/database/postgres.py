"""PostgreSQL through asyncpg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

from sipwright.store.database.server import CONNECTIONS, ServerDatabase
from sipwright.store.dialects import postgresql

if TYPE_CHECKING:
    import asyncpg

__all__ = ["PostgresDatabase"]

CONNECT_WITHIN = 10.0


class PostgresDatabase(ServerDatabase):
    """PostgreSQL; a URL may name several servers, the one that takes writes is looked for."""

    dialect = "postgresql"
    _words = postgresql

    def __init__(self, url: URL, patience: float | None = None) -> None:
        super().__init__(patience)
        self.url = url.set(drivername="postgresql")
        self.dsn = self.url.render_as_string(hide_password=False)
        self._engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg", query={}),
            async_creator=self.connect,
            pool_size=CONNECTIONS,
            pool_pre_ping=True,
        )

    async def connect(self) -> asyncpg.Connection:
        """Open one more connection, with the options of the URL (TLS, a socket folder, ...)."""
        import asyncpg

        connection = await asyncpg.connect(self.dsn, timeout=CONNECT_WITHIN)
        self._opened.add(connection)
        if self._patience is not None:
            await connection.execute(f"SET lock_timeout = {round(self._patience * 1000)}")
        if self._silence is not None:
            silence = 1000 * self._silence
            await connection.execute(
                f"SET idle_in_transaction_session_timeout = {silence}; SET lock_timeout = {silence // 2}"
            )
        return connection

    def _end(self, connection: asyncpg.Connection) -> None:
        connection.terminate()
