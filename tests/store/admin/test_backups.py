"""Copies of databases that are written to meanwhile."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import make_url

from administering import Administering
from sipwright.store import Administration, CallRow, Store, StoreError
from sipwright.store.admin.backups import copy_server, copy_sqlite, drop_calls, restore_server


def _call(number: int) -> CallRow:
    return CallRow(f"c{number}", "node1", 1, None, "out", "ringing", "a", "b", 1.0, None, b"{}")


async def _commit(store: Store, *numbers: int) -> None:
    for number in numbers:
        store.writer.put("call", f"c{number}", _call(number))
    await store.writer.drain()


async def test_a_copy_has_what_was_committed_also_into_the_log_alone(
    url: str, store: Store, key_file: Path, tmp_path: Path
):
    await store.add_user("zoe", "password")
    await _commit(store, *range(300))
    copy = tmp_path / "copy"
    if store.database.dialect == "sqlite":
        copy_sqlite(Path(make_url(url).database or ""), copy)
        copied = f"sqlite:///{copy}"
    else:
        await asyncio.to_thread(copy_server, url, copy)
        await Administering(store).remove_user("zoe")
        await _commit(store, 300)
        await asyncio.to_thread(restore_server, url, copy)  # over what is there, in its place
        copied = url

    restored = await Administration.open(copied, key_file)
    assert [user.name for user in await restored.list_users()][-1] == "zoe"
    assert len(await Administering(restored).list_calls()) == 300
    assert await restored.database.write(drop_calls) == 300
    assert await Administering(restored).list_calls() == []
    await restored.close()


async def test_a_copy_is_one_moment_whoever_commits_while_it_is_made(store: Store, tmp_path: Path):
    if store.database.dialect != "sqlite":
        pytest.skip("the dump of a server sees to that")
    database = Path(store.database.url.database or "")
    await _commit(store, *range(3_000))
    await Administering(store).list_calls()  # and so they are in the tables
    done: list[tuple[int, int]] = []

    def progress(now: int, total: int) -> None:
        if not done:  # somebody else commits between two parts of the copy
            with sqlite3.connect(database) as other:
                other.execute("DELETE FROM calls WHERE id >= 'c2'")
        done.append((now, total))

    copy_sqlite(database, tmp_path / "copy", progress)
    with sqlite3.connect(tmp_path / "copy") as copy:
        assert copy.execute("SELECT count(*) FROM calls").fetchone() == (3_000,)
    assert done[-1][0] == done[-1][1] > 0
    assert len(await Administering(store).list_calls()) < 3_000


def test_what_cannot_be_copied_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "broken").write_bytes(b"no database " * 1_000)
    with pytest.raises(StoreError, match="cannot be copied"):
        copy_sqlite(tmp_path / "broken", tmp_path / "copy")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StoreError, match="postgresql-client"):
        copy_server("postgresql://sipwright@/sipwright", tmp_path / "copy")
    with pytest.raises(StoreError, match="mariadb-client"):
        copy_server("mysql://sipwright@/sipwright", tmp_path / "copy")


@pytest.mark.parametrize(("kind", "program"), [("postgresql", "pg_dump"), ("mysql", "mariadb-dump")])
def test_a_server_that_is_not_there_is_told_and_no_password_with_it(tmp_path: Path, kind: str, program: str):
    url = f"{kind}://someone:secret@/x?host={tmp_path}"
    with pytest.raises(StoreError, match=f"{program} has failed|there is no {program}") as raised:
        copy_server(url, tmp_path / "copy")
    assert "secret" not in str(raised.value)


def test_half_a_dump_of_mariadb_replaces_nothing(tmp_path: Path):
    dump = tmp_path / "database.sql"
    dump.write_text("DROP TABLE IF EXISTS `users`;\n")

    with pytest.raises(StoreError, match="only a part"):
        restore_server("mysql://root@/x", dump)
