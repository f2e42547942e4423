"""Stores to test with: on SQLite in a fresh folder, and on a PostgreSQL and a MariaDB of our own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Connection

from databases import SERVERS
from sipwright.store import Store
from sipwright.store.admin import users
from sipwright.store.crypto import create_key_file


class CheapHasher(PasswordHasher):
    """Argon2id in no time: how strong a hash is says nothing about what is done with it."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argon2.PasswordHasher", CheapHasher)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "sipwright.key"
    create_key_file(path)
    return path


@pytest.fixture(params=[pytest.param("sqlite_url", id="sqlite"), *SERVERS])
def url(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
async def store(url: str, key_file: Path) -> AsyncIterator[Store]:
    """A store with a domain and an admin, on each database in turn."""
    opened = await Store.open(url, key_file)
    await opened.ensure_domains(["example.org"])
    await opened.database.write(_add_admin)
    await opened.catch_up()
    yield opened
    await opened.close()


def _add_admin(connection: Connection) -> None:
    # Hashing a password takes 50 ms, and most tests need none.
    users.add(connection, "admin", "no hash", "admin")
