"""Opening a database, and what it says when it does not work."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from sipwright.store import (
    Administration,
    Store,
    StoreError,
)
from sipwright.store.database.sqlite import _advice


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


async def test_who_is_in_the_way_of_an_sqlite_database_is_told(tmp_path: Path, key_file: Path, monkeypatch):
    monkeypatch.setattr("sipwright.store.database.sqlite._BUSY_TIMEOUT_MS", 10)
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
