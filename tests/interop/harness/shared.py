"""A switch that shares a database with others: a node."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from .network import free_port
from .switch import HOST, RunningSwitch

__all__ = ["SharedSwitch", "new_database"]

_URL = "SIPWRIGHT_DATABASE__URL"


class SharedSwitch(RunningSwitch):
    """A node of a name; the first one makes the `key` of the database, which all others have to be given."""

    def __init__(
        self, name: str, url: str, key: Path | None, *, lost_after: float = 10.0, port: int | None = None
    ) -> None:
        self.name, self._key = name, key
        with _environment(_URL, url):
            super().__init__()
        self.port = port or self.port
        self.ws_port = free_port(HOST)
        listen = f'["{HOST}:{self.port}"]'
        (self.data / "sipwright.toml").write_text(
            f'node = "{name}"\n[sip]\nudp = {listen}\ntcp = {listen}\nws = ["{HOST}:{self.ws_port}"]\n'
            f'[database]\nurl = "{url}"\n[cluster]\nlost_after = {lost_after}\n'
        )

    @property
    def key(self) -> Path:
        """The key that the database is sealed with."""
        return self.data / "sipwright.key"

    def run_command(self, *arguments: str) -> str:
        """Run a command; the first one is `init`, which has to find the key of the database."""
        self._take_key()
        return super().run_command(*arguments)

    def _take_key(self) -> None:
        if self._key is not None:
            self.data.mkdir()
            shutil.copy(self._key, self.key)
            self._key = None

    def takeovers(self) -> int:
        """Return how often it has taken over from another node."""
        return len(self.events("the calls of another node are taken over"))


def new_database(folder: Path, name: str, template: str = "template1") -> str:
    """Make a database on a PostgreSQL whose socket is in a folder, empty or like another one, and return its URL."""

    async def create() -> None:
        connection = await asyncpg.connect(f"postgresql://postgres@/postgres?host={folder}")
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        await connection.close()

    asyncio.run(create())
    return f"postgresql://postgres@/{name}?host={folder}"


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
