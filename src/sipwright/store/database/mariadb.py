"""MariaDB through asyncmy: alone, or as one of the servers of a Galera cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import registry
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

from sipwright.store.database.server import CONNECTIONS, ServerDatabase
from sipwright.store.dialects import mariadb
from sipwright.store.errors import StoreError

if TYPE_CHECKING:
    from asyncmy.connection import Connection as Driver

__all__ = ["MariadbDatabase", "servers_of"]

registry.register("mariadb.sipwright", "sipwright.store.database.mariadb_schema", "MariadbDialect")

CONNECT_WITHIN = 10
PORT = 3306

_SESSION = (
    # Each statement sees what was committed before it, as on PostgreSQL; what does not fit is an error.
    "SET SESSION tx_isolation = 'READ-COMMITTED', innodb_lock_wait_timeout = 10, "
    "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO,SIMULTANEOUS_ASSIGNMENT', "
    "sql_notes = 0, "
    # The local time of a server comes twice when its summer ends; by UNIX_TIMESTAMP() it would go back then.
    "time_zone = '+00:00', "
    "collation_connection = 'utf8mb4_nopad_bin'"
)
# At a server of a Galera cluster whoever reads waits for what was committed at the others before.
_CAUSAL = "SET SESSION wsrep_sync_wait = 7"


class MariadbDatabase(ServerDatabase):
    """MariaDB; a URL may name several servers of a cluster, the first that is ready is used."""

    dialect = "mariadb"
    _words = mariadb

    def __init__(self, url: URL, patience: float | None = None) -> None:
        super().__init__(patience)
        self.url = url.set(drivername="mysql")
        self._engine = create_async_engine(
            url.set(drivername="mariadb+sipwright", query={}),
            async_creator=self.connect,
            pool_size=CONNECTIONS,
            pool_pre_ping=True,
        )
        self._options = _options(url)
        self._servers = servers_of(url)

    async def connect(self) -> Driver:
        """Open one more connection, to the first server that is ready."""
        failed: Exception | None = None
        for server in self._servers:
            try:
                return await self._connect(server)
            except _errors() as error:
                failed = failed or error
        assert failed is not None
        raise failed

    async def _connect(self, server: dict[str, Any]) -> Driver:
        import asyncmy

        connection = await asyncmy.connect(**self._options, **server)
        try:
            async with connection.cursor() as cursor:
                await cursor.execute(_SESSION)
                if self._patience is not None:
                    seconds = max(1, round(self._patience))
                    await cursor.execute(
                        f"SET SESSION innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}"
                    )
                if self._silence is not None:
                    await cursor.execute(
                        f"SET SESSION idle_transaction_timeout = {self._silence},"
                        f" innodb_lock_wait_timeout = {max(1, self._silence // 2)}"
                    )
                await cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'")
                if ("wsrep_on", "ON") in await cursor.fetchall():
                    await cursor.execute(_CAUSAL)
                    await cursor.execute(
                        "SELECT COUNT(*) FROM information_schema.schemata"
                    )  # 1047: not ready
        except BaseException:
            connection.close()
            raise
        self._opened.add(connection)
        return connection


def _errors() -> tuple[type[Exception], ...]:
    from asyncmy.errors import MySQLError

    return MySQLError, OSError


def _options(url: URL) -> dict[str, Any]:
    """Return what the driver is told whichever server it is."""
    from asyncmy.constants.CLIENT import FOUND_ROWS
    from asyncmy.constants.FIELD_TYPE import DECIMAL, NEWDECIMAL
    from asyncmy.converters import conversions

    return {
        "user": url.username,
        "password": url.password or "",
        "database": url.database,
        "charset": "utf8mb4",
        "connect_timeout": CONNECT_WITHIN,
        "client_flag": FOUND_ROWS,  # an UPDATE says how many rows it has found, as elsewhere
        "cursor_cls": _cursor(),
        "conv": {**conversions, DECIMAL: _number, NEWDECIMAL: _number},
        **_tls(url),
    }


def _cursor() -> type[Any]:
    """Return a cursor that refuses a text with half a character, which the driver would send as it is."""
    from asyncmy.cursors import Cursor

    class WholeTexts(Cursor):
        """A cursor whose statements are UTF-8, but for bytes."""

        def _escape_args(self, args: Any, conn: Any) -> Any:
            for value in args.values() if isinstance(args, dict) else args:
                if isinstance(value, str) and not value.isascii():
                    value.encode()
            return super()._escape_args(args, conn)  # type: ignore[misc]  # the driver has no types

    return WholeTexts


def _number(text: str) -> int | float:
    """Give what a sum or an average is, which the driver would make a `Decimal`."""
    return float(text) if "." in text else int(text)


def _tls(url: URL) -> dict[str, Any]:
    """Read whether the server is spoken to over TLS, and whether its certificate is looked at."""
    import ssl

    mode = _one(url, "ssl-mode") or _one(url, "sslmode") or "disable"
    if mode in ("disable", "DISABLED"):
        return {}
    if mode not in ("require", "REQUIRED", "verify-full", "VERIFY_IDENTITY"):
        raise StoreError(f"the database URL has sslmode={mode}; write disable, require or verify-full")
    context = ssl.create_default_context(cafile=_one(url, "sslrootcert") or _one(url, "ssl-ca"))
    if mode in ("require", "REQUIRED"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return {"ssl": context}


def servers_of(url: URL) -> list[dict[str, Any]]:
    """Return where the servers are: a socket, or hosts with ports."""
    if (path := _one(url, "unix_socket") or _one(url, "host") or "").startswith("/"):
        return [{"unix_socket": path}]
    listed = _one(url, "host")
    if listed is None:
        return [{"host": url.host or "localhost", "port": url.port or PORT}]
    return [_server(text, url.port or PORT) for text in listed.split(",")]


def _server(text: str, default: int) -> dict[str, Any]:
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port:
        host, port = text, str(default)
    return {"host": host.strip("[]"), "port": int(port)}


def _one(url: URL, name: str) -> str | None:
    found = url.query.get(name)
    return found[-1] if isinstance(found, tuple) else found
