"""What the scenarios in virtual time share: a real database."""

import pytest

from scenarios.simulated import DOMAIN, PASSWORD, PHONES
from sipwright.store import Store
from sipwright.store.crypto import create_key_file
from sipwright.store.writing.grouping import AT_ONCE, Grouping
from sipwright.store.writing.sqlite_committer import SqliteCommitter
from sipwright.store.writing.writer import Writer


@pytest.fixture
async def store(tmp_path):
    """A store with the accounts phone0, phone1 ..."""
    key_file = tmp_path / "key"
    create_key_file(key_file)
    store = await Store.open(f"sqlite:///{tmp_path / 'sipwright.db'}", key_file)
    await store.writer.close()
    # Time is virtual: there is nothing to be won by waiting for more rows.
    store.writer = Writer(
        SqliteCommitter(tmp_path / "sipwright.db"), grouping=Grouping(urgent=AT_ONCE, patient=AT_ONCE)
    )
    await store.ensure_domains([DOMAIN])
    await store.add_user("root", "very secret", "admin")
    for number in range(PHONES):
        await store.add_account(f"phone{number}", PASSWORD)
    await store.catch_up()
    yield store
    await store.close()
