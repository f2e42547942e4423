"""Opening a database, and what it says when it does not work."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from computing import fair_seconds
from sipwright.store import (
    Administration,
    Store,
    StoreError,
)
from sipwright.store.admin import domains
from sipwright.store.database.sqlite import _advice
from sipwright.store.errors import DatabaseAwayError


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "is not a database URL"),
        ("oracle://u@h/d", "oracle:// is not supported"),
        ("sqlite://", "in-memory"),
        ("sqlite:////no/such/folder/x.db", "there is no folder /no/such/folder"),
    ],
)
async def test_a_wrong_database_url_is_refused(url: str, message: str, key_file: Path):
    with pytest.raises(StoreError, match=message):
        await Store.open(url, key_file)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path, key_file: Path):
    (tmp_path / "x.db").write_bytes(b"this is not a database, whatever its name says" * 100)

    with pytest.raises(StoreError, match=r"x\.db does not work: file is not a database"):
        await Store.open(f"sqlite:///{tmp_path}/x.db", key_file)


async def test_who_waits_for_a_lock_in_vain_is_told_in_time_with_all_others(tmp_path: Path, key_file: Path):
    """Nobody waits for the lock after those before them, and what was not written then is never written."""
    url = f"sqlite:///{tmp_path}/sipwright.db"
    await (await Administration.open(url, key_file, migrate=True)).close()
    store = await Administration.open(url, key_file, patience=0.5)
    with closing(sqlite3.connect(tmp_path / "sipwright.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with fair_seconds() as taken:
            many = [store.database.write(lambda c: domains.ensure(c, ["example.net"])) for _ in range(12)]
            found = await asyncio.gather(*many, return_exceptions=True)
        assert await store.database.read(domains.read_all) == []
        other.execute("ROLLBACK")

    assert {type(one) for one in found} == {DatabaseAwayError}
    assert taken() < 2.0
    assert [one.name for one in await store.ensure_domains(["example.org"])] == ["example.org"]
    await store.close()


async def test_who_is_in_the_way_of_an_sqlite_database_is_told(tmp_path: Path, key_file: Path):
    url = f"sqlite:///{tmp_path}/sipwright.db"
    await (await Administration.open(url, key_file, migrate=True)).close()
    store = await Administration.open(url, key_file, patience=0.01)
    with sqlite3.connect(tmp_path / "sipwright.db") as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            StoreError, match=r"another program keeps it locked: 'fuser .*sipwright.db' says which"
        ):
            await store.ensure_domains(["example.net"])
    await store.close()
    assert _advice("attempt to write a readonly database", tmp_path).startswith("; it belongs to ")
