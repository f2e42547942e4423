"""Databases on servers of our own, one of each kind for all tests of a process: a plugin for all of them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

import database_servers as servers
from sipwright.store import Administration
from sipwright.store.crypto import create_key_file

SERVERS = [
    pytest.param("postgres_url", marks=pytest.mark.peer("postgresql"), id="postgresql"),
    pytest.param("mariadb_url", marks=pytest.mark.peer("mariadbd"), id="mariadb"),
]


_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Path]:
    """A PostgreSQL server that listens on a socket in this folder, and nowhere else."""
    if servers.postgres_programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian package: postgresql)")
    with servers.postgres() as folder:
        yield folder


@pytest.fixture(scope="session")
def prepared_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key for databases whose sealed settings are deleted again."""
    key_file = tmp_path_factory.mktemp("template") / "key"
    create_key_file(key_file)
    return key_file


async def _make_tables(url: str, key_file: Path) -> None:
    store = await Administration.open(url, key_file, migrate=True)
    await store.database.write(
        lambda c: c.execute(text("DELETE FROM settings"))
    )  # sealed with a key no test has
    await store.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, prepared_key: Path) -> Path:
    """A database with all tables, to copy: ten times as fast as making them."""
    path = tmp_path_factory.mktemp("template") / "prepared.db"
    asyncio.run(_make_tables(f"sqlite:///{path}", prepared_key))
    return path


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of our own: with tables for tests that use ``store`` or ``usecases``, not there otherwise."""
    path = tmp_path / "sipwright.db"
    if _wants_tables(request):
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def postgres_template(postgres_folder: Path, prepared_key: Path) -> str:
    """The name of a database with all tables, to copy: three times as fast as making them."""

    async def make() -> None:
        connection = await asyncpg.connect(f"postgresql://postgres@/postgres?host={postgres_folder}")
        await connection.execute("CREATE DATABASE prepared")
        await connection.close()
        await _make_tables(f"postgresql://postgres@/prepared?host={postgres_folder}", prepared_key)

    asyncio.run(make())
    return "prepared"


@pytest.fixture
async def postgres_url(
    request: pytest.FixtureRequest, postgres_folder: Path, postgres_template: str
) -> AsyncIterator[str]:
    """A database of our own: with tables for tests that use ``store`` or ``usecases``, empty otherwise."""
    name = f"test{next(_numbers)}"
    template = postgres_template if _wants_tables(request) else "template1"
    connection = await asyncpg.connect(f"postgresql://postgres@/postgres?host={postgres_folder}")
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield f"postgresql://postgres@/{name}?host={postgres_folder}"
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


def _wants_tables(request: pytest.FixtureRequest) -> bool:
    return bool({"store", "usecases"} & set(request.fixturenames))


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[servers.Mariadb]:
    """A MariaDB server that listens on a socket, and nowhere else."""
    server = servers.Mariadb()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def mariadb_tables(mariadb_server: servers.Mariadb, prepared_key: Path) -> servers.CleanTables:
    """A database with all tables, which tests use one after the other: to make them takes seconds."""
    asyncio.run(servers.query(mariadb_server.socket, "CREATE DATABASE prepared"))
    asyncio.run(_make_tables(mariadb_server.url("prepared"), prepared_key))
    return asyncio.run(servers.CleanTables.of(mariadb_server.socket, "prepared"))


@pytest.fixture
def mariadb_prepared(request: pytest.FixtureRequest) -> servers.CleanTables | None:
    """The database with all tables, for tests that use ``store`` or ``usecases``."""
    return request.getfixturevalue("mariadb_tables") if _wants_tables(request) else None


@pytest.fixture
async def mariadb_url(
    mariadb_server: servers.Mariadb, mariadb_prepared: servers.CleanTables | None
) -> AsyncIterator[str]:
    """A database of our own: with empty tables for tests that use ``store`` or ``usecases``, without any otherwise."""
    if mariadb_prepared is not None:
        yield mariadb_server.url("prepared")
        await mariadb_prepared.clean()
        return
    name = f"test{next(_numbers)}"
    await servers.query(mariadb_server.socket, f"CREATE DATABASE {name}")
    yield mariadb_server.url(name)
    await servers.query(mariadb_server.socket, f"DROP DATABASE {name}")


@pytest.fixture(params=SERVERS)
def server_url(request: pytest.FixtureRequest) -> str:
    """Each database on a server in turn."""
    return str(request.getfixturevalue(request.param))
