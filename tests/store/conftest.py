"""Stores to test with: on SQLite in a fresh folder, and on a throw-away PostgreSQL of our own."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Connection

from sipwright.store import Administration, Store
from sipwright.store.admin import users
from sipwright.store.crypto import create_key_file

_numbers = count(1)


def _postgres_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Path]:
    """A PostgreSQL server that listens on a socket in this folder, and nowhere else."""
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian package: postgresql)")
    as_postgres = []
    if os.geteuid() == 0:
        as_postgres = ["runuser", "-u", "postgres", "--"]
    folder = Path(tempfile.mkdtemp(prefix="sipwright-pg-", dir="/tmp"))
    if as_postgres:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [*as_postgres, str(programs / program), *arguments],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )

    data = str(folder / "data")
    options = f"-c listen_addresses= -k {folder} -c fsync=off -c max_connections=40"
    run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    run("pg_ctl", "-D", data, "-l", str(folder / "log"), "-o", options, "-w", "start")
    yield folder
    run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_template(postgres_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database with all tables, to copy: three times as fast as making them."""
    key_file = tmp_path_factory.mktemp("template") / "key"
    create_key_file(key_file)

    async def make() -> None:
        connection = await asyncpg.connect(f"postgresql://postgres@/postgres?host={postgres_folder}")
        await connection.execute("CREATE DATABASE prepared")
        await connection.close()
        url = f"postgresql://postgres@/prepared?host={postgres_folder}"
        await (await Administration.open(url, key_file, migrate=True)).close()
        connection = await asyncpg.connect(url)
        await connection.execute("DELETE FROM settings")  # which are sealed with a key that no test has
        await connection.close()

    asyncio.run(make())
    return "prepared"


@pytest.fixture
async def postgres_url(
    request: pytest.FixtureRequest, postgres_folder: Path, postgres_template: str
) -> AsyncIterator[str]:
    """A database of our own: with tables for tests that use ``store`` or ``usecases``, empty otherwise."""
    name = f"test{next(_numbers)}"
    is_prepared = {"store", "usecases"} & set(request.fixturenames)
    template = postgres_template if is_prepared else "template1"
    connection = await asyncpg.connect(f"postgresql://postgres@/postgres?host={postgres_folder}")
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield f"postgresql://postgres@/{name}?host={postgres_folder}"
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "sipwright.key"
    create_key_file(path)
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sipwright.db"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer("postgresql"))])
def url(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


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
