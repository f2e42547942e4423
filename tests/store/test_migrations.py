"""The schema's history leads to the tables, on each database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Text, func, select, text

from administering import Administering
from sipwright.store import Administration, JournalRow, ProviderSpec, Store, StoreError
from sipwright.store.dialects.dialect import dialect_of
from sipwright.store.history.journals import read_journals
from sipwright.store.migrations import HEAD, current_revision
from sipwright.store.schema import people_tables, tables
from sipwright.store.schema.tables import metadata


def test_head_is_the_newest_revision():
    config = Config()
    config.set_main_option("script_location", "sipwright:store/migrations")

    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


async def test_the_migrated_schema_is_that_of_the_tables(store: Store):
    def differences(connection: Connection) -> list[object]:
        opts = {"compare_server_default": True, "compare_type": is_another_type}
        context = MigrationContext.configure(connection, opts=opts)
        return [found for found in compare_metadata(context, metadata) if "remove_table" not in str(found[0])]

    assert await store.database.read(differences) == []
    assert await store.database.read(current_revision) == HEAD


def is_another_type(context, inspected, of_table, inspected_type, type_) -> bool | None:  # type: ignore[no-untyped-def]
    """On MariaDB a text has the length that keys take, or any: see `mariadb_schema`."""
    if context.dialect.name != "mariadb" or not isinstance(type_, Text):
        return None
    wanted = context.dialect.ddl_compiler(context.dialect, None).get_column_specification(of_table)
    return inspected_type.compile(context.dialect).split("(")[0] not in wanted


async def test_an_empty_database_is_refused_unless_it_may_be_migrated(url: str, key_file: Path):
    with pytest.raises(StoreError, match="run 'sipwright init'"):
        await Administration.open(url, key_file)


async def at_revision(url: str, key_file: Path, revision: str, usable_from: str) -> None:
    """Make a database that stands where code of another version has brought it."""
    store = await Administration.open(url, key_file, migrate=True)
    values = f"version_num = '{revision}', usable_from = {usable_from}"
    await store.database.write(lambda c: c.execute(text(f"UPDATE alembic_version SET {values}")))
    await store.close()


@pytest.mark.parametrize(
    ("revision", "usable_from", "message"),
    [
        ("9999", "'9999'", "install the newer one"),
        ("9999", "NULL", "install the newer one"),
        ("0000", "NULL", "to bring it to"),
    ],
)
async def test_a_database_of_another_version_is_refused(
    url: str, key_file: Path, revision: str, usable_from: str, message: str
):
    await at_revision(url, key_file, revision, usable_from)

    with pytest.raises(StoreError, match=message):
        await Administration.open(url, key_file)


async def test_a_database_that_is_too_new_is_not_migrated(url: str, key_file: Path):
    await at_revision(url, key_file, "9999", "'9999'")

    with pytest.raises(StoreError, match="newer than this Sipwright"):
        await Administration.open(url, key_file, migrate=True)


@pytest.mark.parametrize("migrate", [False, True])
async def test_an_older_node_uses_a_database_that_a_newer_one_has_brought_up_to_date(
    url: str, key_file: Path, migrate: bool
):
    """It is drained, and started again after a crash, while another one is upgraded; the schema is left as it is."""
    await at_revision(url, key_file, "9999", f"'{HEAD}'")
    store = await Administration.open(url, key_file, migrate=migrate)

    assert await store.database.read(current_revision) == "9999"
    await store.close()


async def test_a_new_database_may_be_used_from_this_revision_on_by_older_code(url: str, key_file: Path):
    """A later one raises that only where older code could not live with what it does."""
    store = await Administration.open(url, key_file, migrate=True)
    query = text("SELECT usable_from FROM alembic_version")

    assert await store.database.read(lambda c: c.scalar(query)) == "0036"
    await store.close()


async def test_who_waits_for_its_turn_keeps_nobody_from_changing_the_schema(url: str, key_file: Path):
    """What it has looked at is locked on MariaDB until its transaction is over."""
    if "mysql" not in url:
        pytest.skip("the other databases change their schema in one transaction")
    store = await Administration.open(url, key_file, migrate=True)

    def waiting(connection: Connection) -> None:
        assert current_revision(connection) == HEAD
        with dialect_of(connection).turns(connection), connection.engine.connect() as other:
            other.execute(text("SET SESSION lock_wait_timeout = 1"))
            other.execute(text("ALTER TABLE alembic_version COMMENT 'changed'"))

    await store.database.write(waiting)
    await store.close()


async def test_nodes_that_start_together_migrate_once(url: str, key_file: Path):
    stores = await asyncio.gather(*(Administration.open(url, key_file, migrate=True) for _ in range(4)))

    assert [await store.database.read(current_revision) for store in stores] == [HEAD] * 4
    for store in stores:
        await store.close()


def drop_index(connection: Connection, index: str) -> None:
    table = index.split("_")[1]
    where = f" ON {table}" if connection.dialect.name == "mariadb" else ""
    connection.execute(text(f"DROP INDEX {index}{where}"))


ADDED_LATER = (
    "providers.account_id", "providers.is_account_chosen", "providers.in_plan", "providers.number_in",
    "providers.networks", "providers.contact_token", "registrations.address", "users.email",
    "registrations.service_route",
    "calls.linked_id", "cdrs.linked_id", "accounts.do_not_disturb", "providers.most_calls",
    "accounts.keep_alive", "providers.tls_verify", "providers.certificate", "providers.certificate_key",
    "accounts.watched_by", "accounts.members", "providers.caller_out", "providers.caller_in", "providers.number_format",
    "providers.identity", "providers.messages", "alembic_version.usable_from",
)  # fmt: skip

TABLES_ADDED_LATER = (
    "rollups",
    "bans",
    "guard_rules",
    "provider_rates",
    "spendings",
    "baselines",
    "unusual_calls",
    "nodes",
    "binding_news",
    "node_requests",
    "node_events",
    "guard_shares",
    "node_lamps",
    "state_news",
    "leases",
    "boots",
    "moved_tags",
    "provider_numbers",
    "secrets",
    "subscriptions",
    "event_states",
    "provider_profiles",
    *people_tables.__all__,
)

INDEXES_ADDED_LATER = (
    "ix_cdrs_user_id_started_at",
    "ix_executions_dialplan_id_started_at",
    "ix_executions_failed",
    "ix_calls_linked_id",
    "ix_cdrs_linked_id",
)


async def test_every_provider_gets_a_name_for_us_that_nobody_can_guess(url: str, key_file: Path):
    store = await Administration.open(url, key_file, migrate=True)
    await store.add_user("admin", "x", "admin")
    for name in ("one", "two"):
        await Administering(store).add_provider(ProviderSpec(name, "b.example", "u", "p"))

    def older(connection: Connection) -> None:
        for index in INDEXES_ADDED_LATER:
            drop_index(connection, index)
        for added in ADDED_LATER:
            table, _, column = added.partition(".")
            connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))
        for table in TABLES_ADDED_LATER:
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0009'"))

    await store.database.write(older)
    await store.close()
    store = await Administration.open(url, key_file, migrate=True)
    tokens = {one.contact_token for one in await store.list_providers()}
    await store.close()

    assert sorted(map(len, tokens)) == [20, 20]


async def test_the_journals_of_runs_that_go_on_move_into_their_rows(url: str, key_file: Path):
    """A node that finds its runs after an upgrade goes on with what they have asked for."""
    store = await Administration.open(url, key_file, migrate=True)

    def older(connection: Connection) -> None:
        for name, state in (("on", "waiting"), ("over", "done")):
            connection.execute(
                text("INSERT INTO executions (id, state, started_at) VALUES (:id, :state, 1.0)"),
                {"id": name, "state": state},
            )
            for sequence, result in ((0, "7"), (1, None)):
                connection.execute(
                    text("INSERT INTO journal VALUES (:id, :sequence, 2.5, 'dial', '[1]', :result)"),
                    {"id": name, "sequence": sequence, "result": result},
                )
        for index in INDEXES_ADDED_LATER:
            drop_index(connection, index)
        connection.execute(text("DROP TABLE provider_states"))
        for added in (
            "executions.journal", "providers.answer_within", "users.longest_call", "providers.longest_call",
            "accounts.most_calls", *ADDED_LATER,
        ):  # fmt: skip
            table, _, column = added.partition(".")
            connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))
        for table in TABLES_ADDED_LATER:
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))

    await store.database.write(older)
    await store.close()
    store = await Administration.open(url, key_file, migrate=True)
    journals = await store.database.read(lambda c: read_journals(c, tables.executions.c.state != ""))
    left = await store.database.read(lambda c: c.scalar(select(func.count()).select_from(tables.journal)))
    await store.close()

    for name in ("on", "over"):
        assert journals[name] == [
            JournalRow(name, 0, 2.5, "dial", "[1]", "7"),
            JournalRow(name, 1, 2.5, "dial", "[1]", None),
        ]
    assert left == 2
