"""Opening a database, and what it says when it does not work."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from sipwright.store import (
    Administration,
    Store,
    StoreError,
)
from sipwright.store.database import _advice


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "is not a database URL"),
        ("mysql://u@h/d", "mysql:// is not supported yet"),
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


async def test_a_postgres_that_is_not_there_is_an_error(tmp_path: Path, key_file: Path):
    with pytest.raises(StoreError, match=r"does not work: .*"):
        await Store.open(f"postgresql://u:hidden@/d?host={tmp_path}", key_file)
    with pytest.raises(StoreError) as error:
        await Store.open(f"postgresql://u:hidden@/d?host={tmp_path}", key_file)
    assert "hidden" not in str(error.value)


@pytest.mark.peer("postgresql")
async def test_a_postgres_deadlock_is_tried_again(postgres_url: str, key_file: Path):
    store = await Administration.open(postgres_url, key_file, migrate=True)
    attempts = 0

    def work(connection):  # type: ignore[no-untyped-def]
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            connection.execute(text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$"))
        return attempts

    assert await store.database.write(work) == 3
    await store.close()


async def test_who_is_in_the_way_of_an_sqlite_database_is_told(tmp_path: Path, key_file: Path, monkeypatch):
    monkeypatch.setattr("sipwright.store.database._BUSY_TIMEOUT_MS", 10)
    url = f"sqlite:///{tmp_path}/sipwright.db"
    store = await Administration.open(url, key_file, migrate=True)
    with sqlite3.connect(tmp_path / "sipwright.db") as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            StoreError, match=r"another program keeps it locked: 'fuser .*sipwright.db' says which"
        ):
            await store.ensure_domains(["example.net"])
    await store.close()
    assert _advice("attempt to write a readonly database", tmp_path).startswith("; it belongs to ")
