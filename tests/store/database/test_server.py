"""Transactions on servers: what is repeated, how often, and what is never repeated."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url, text
from sqlalchemy.schema import CreateTable
from sqlalchemy.util import await_

from computing import fair_seconds
from sipwright.store import Administration, Store, StoreError
from sipwright.store.database import server
from sipwright.store.database.mariadb import servers_of
from sipwright.store.database.mariadb_schema import MariadbDialect
from sipwright.store.dialects import Trouble, mariadb, postgresql, sqlite
from sipwright.store.errors import DatabaseAwayError
from sipwright.store.schema import tables

# What ends the connection that it is said over.
END = {
    "postgresql": "SELECT pg_terminate_backend(pg_backend_pid())",
    "mariadb": "KILL CONNECTION connection_id()",
}
CONFLICT = {
    "postgresql": "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$",
    "mariadb": "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'x'",
}


@pytest.fixture
def shared(store: Store) -> Store:
    """A store on each server in turn."""
    if not store.is_shared:
        pytest.skip("a file has one writer")
    return store


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
async def test_a_server_that_is_not_there_is_an_error_without_the_password(
    tmp_path: Path, key_file: Path, kind: str
):
    with pytest.raises(DatabaseAwayError, match=r"does not work: .*") as error:
        await Store.open(f"{kind}://u:hidden@/d?host={tmp_path}", key_file)

    assert "hidden" not in str(error.value)


async def test_two_transactions_that_hold_what_the_other_one_wants_both_succeed(shared: Store):
    domains = await shared.list_domains()
    await shared.ensure_domains(["example.net"])
    there = [asyncio.Event(), asyncio.Event()]
    attempts = [0, 0]

    def swap(connection: Connection, own: int) -> None:
        for number in (own, 1 - own):
            name = ("example.org", "example.net")[number]
            connection.execute(
                text("UPDATE domains SET digest_algorithm = :said WHERE name = :name"),
                {"said": f"by {own}", "name": name},
            )
            if number == own and not attempts[own]:
                attempts[own] += 1
                there[own].set()
                await_(there[1 - own].wait())

    await asyncio.gather(*(shared.database.write(lambda c, own=own: swap(c, own)) for own in (0, 1)))

    algorithms = {one.digest_algorithm for one in await shared.list_domains()}
    assert len(domains) == 1
    assert algorithms in ({"by 0"}, {"by 1"})


async def test_who_has_little_patience_waits_for_no_lock(shared: Store, key_file: Path):
    url = shared.database.url.render_as_string(hide_password=False)
    hurried = await Administration.open(url, key_file, patience=0.5)
    is_held, is_over = asyncio.Event(), asyncio.Event()

    def change(connection: Connection) -> None:
        connection.execute(text("UPDATE domains SET digest_algorithm = 'x'"))

    def hold(connection: Connection) -> None:
        change(connection)
        is_held.set()
        await_(is_over.wait())

    holding = asyncio.create_task(shared.database.write(hold))
    await is_held.wait()
    with fair_seconds() as taken, pytest.raises(DatabaseAwayError):
        await hurried.database.write(change)
    assert taken() < 5.0
    is_over.set()
    await holding
    await hurried.database.write(change)
    await hurried.close()


async def test_a_conflict_is_repeated_so_often(shared: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server, "_PAUSE", 0.0)
    attempts = 0

    def work(connection: Connection, failing: int) -> int:
        nonlocal attempts
        attempts += 1
        if attempts <= failing:
            connection.execute(text(CONFLICT[shared.database.dialect]))
        return attempts

    assert await shared.database.write(lambda c: work(c, server.ATTEMPTS - 1)) == server.ATTEMPTS
    attempts = 0
    with pytest.raises(DatabaseAwayError):
        await shared.database.write(lambda c: work(c, 99))
    assert attempts == server.ATTEMPTS


async def test_a_connection_that_is_lost_before_the_commit_is_replaced(shared: Store):
    attempts = 0

    def work(connection: Connection) -> int:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            connection.execute(text("UPDATE domains SET digest_algorithm = 'lost'"))
            connection.execute(text(END[shared.database.dialect]))
            connection.execute(text("SELECT 1"))
        return attempts

    assert await shared.database.write(work) == 2
    assert [one.digest_algorithm for one in await shared.list_domains()] != ["lost"]


async def test_what_was_lost_behind_its_commit_is_not_repeated(
    shared: Store, monkeypatch: pytest.MonkeyPatch
):
    """It may be there: whoever asked has to look."""
    attempts = 0

    def work(connection: Connection) -> None:
        nonlocal attempts
        connection.execute(text("SELECT 1"))
        attempts += 1

    monkeypatch.setattr(type(shared.database._engine.dialect), "do_commit", fail_to_commit)  # type: ignore[attr-defined]
    with pytest.raises(DatabaseAwayError):
        await shared.database.write(work)
    assert attempts == 1


def fail_to_commit(_dialect: object, connection: object) -> None:
    raise ConnectionResetError("the way back is lost")


async def test_a_text_that_no_database_keeps_is_the_fault_of_whoever_wrote_it(shared: Store):
    with pytest.raises(StoreError, match="leave it out") as error:
        await shared.database.write(
            lambda c: c.execute(text("SELECT :said"), {"said": "half a \udc80"}).scalar_one()
        )

    assert not isinstance(error.value, DatabaseAwayError)


@pytest.mark.parametrize("number", [1047, 2006, 2013, 1927, 1053])
def test_a_server_that_is_away_is_told_from_one_that_objects(number: int):
    """1047 is a server of a Galera cluster that is not ready."""
    from asyncmy.errors import OperationalError

    assert mariadb.trouble(OperationalError(number, "x")) is Trouble.AWAY
    assert mariadb.trouble(OperationalError(1213, "x")) is Trouble.CONFLICT
    assert mariadb.trouble(OperationalError(1205, "x")) is Trouble.CONFLICT
    assert mariadb.trouble(OperationalError(1146, "no such table")) is Trouble.OTHER


@pytest.mark.parametrize(
    ("state", "trouble"),
    [
        ("40001", Trouble.CONFLICT), ("40P01", Trouble.CONFLICT), ("57P01", Trouble.AWAY),
        ("08006", Trouble.AWAY), ("25006", Trouble.AWAY), ("22021", Trouble.UNFIT), ("42P01", Trouble.OTHER),
    ],
)  # fmt: skip
def test_the_states_of_postgresql_mean_the_same(state: str, trouble: Trouble):
    error = Exception("x")
    error.sqlstate = state  # type: ignore[attr-defined]

    assert postgresql.trouble(error) is trouble


def test_a_url_may_name_several_servers_of_a_cluster():
    def of(url: str) -> list[dict[str, object]]:
        return servers_of(make_url(url))

    assert of("mysql://u@db.example/x") == [{"host": "db.example", "port": 3306}]
    assert of("mysql://u@/x?host=a:3307,b,[::1]:3308") == [
        {"host": "a", "port": 3307},
        {"host": "b", "port": 3306},
        {"host": "::1", "port": 3308},
    ]
    assert of("mysql://u@/x?unix_socket=/run/mysqld/mysqld.sock") == [
        {"unix_socket": "/run/mysqld/mysqld.sock"}
    ]


@pytest.mark.peer("mariadbd")
async def test_the_first_server_that_answers_is_used(mariadb_url: str, key_file: Path, tmp_path: Path):
    store = await Administration.open(mariadb_url, key_file, migrate=True)
    database = store.database
    database._servers.insert(0, {"unix_socket": str(tmp_path / "nobody")})  # type: ignore[attr-defined]
    await database._engine.dispose()  # type: ignore[attr-defined]

    assert await database.read(lambda c: c.scalar(text("SELECT 1"))) == 1
    await store.close()


def test_a_file_has_no_conflicts():
    assert sqlite.trouble(OSError("no room")) is Trouble.AWAY
    assert sqlite.trouble(OverflowError("too large")) is Trouble.UNFIT


def test_a_key_has_the_beginning_of_a_text_that_may_be_too_long_for_it():
    made = str(CreateTable(tables.bindings).compile(dialect=MariadbDialect()))

    assert "contact LONGTEXT NOT NULL" in made
    assert "PRIMARY KEY (account_id, contact(750))" in made
    assert "CREATE TABLE IF NOT EXISTS bindings" in made


@pytest.mark.peer("mariadbd")
async def test_the_clock_of_a_server_with_a_local_time_goes_on_when_summer_ends(
    mariadb_url: str, key_file: Path
):
    """An hour comes twice then: a lease of the first one would be an hour longer."""
    store = await Administration.open(mariadb_url, key_file, migrate=True)
    half_past_two = text("SELECT UNIX_TIMESTAMP('2026-10-25 02:30:00')")
    found = await store.database.read(lambda c: c.scalar(half_past_two))
    await store.close()

    assert found == datetime(2026, 10, 25, 2, 30, tzinfo=UTC).timestamp()
