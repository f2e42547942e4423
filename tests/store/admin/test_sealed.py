"""Secrets of the system, and changes of the key."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from administering import Administering
from sipwright.services.rows import SEALED_RUN, snapshot_place
from sipwright.store import Administration, ProviderChange, ProviderSpec, Store
from sipwright.store.admin import sealed
from sipwright.store.admin.specs import AccountChange
from sipwright.store.crypto import forget_old_keys, rotate_key_file
from sipwright.store.errors import WrongKeyError
from sipwright.store.schema import tables


async def test_a_secret_is_made_once_and_shared(url: str, store: Store, key_file: Path):
    secret = await store.secret("nonce")
    other = await Administration.open(url, key_file)

    assert len(secret) == 32
    assert await other.secret("nonce") == secret
    assert await other.secret("other", 16) != secret[:16]
    await other.close()


async def test_a_rotation_goes_a_little_at_a_time_and_tells_how_far_it_is(
    url: str, store: Store, key_file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sealed, "AT_ONCE", 2)
    for number in range(4):
        await store.add_account(f"phone{number}", "secret")
    rotate_key_file(key_file)
    rotated = await Administration.open(url, key_file)
    told: list[tuple[int, int]] = []

    assert await rotated.reseal(lambda done, total: told.append((done, total))) == 13
    assert told[:6] == [(2, 13), (4, 13), (4, 13), (6, 13), (8, 13), (8, 13)]
    assert told[-1] == (13, 13)
    assert await rotated.reseal() == 0
    await rotated.close()


async def test_after_a_rotation_everything_opens_with_the_new_key_alone(
    url: str, store: Store, key_file: Path
):
    account = await store.add_account("alice", "secret")
    await Administering(store).add_provider(ProviderSpec("blueface", "s", "u", "p"))
    secret = await store.secret("nonce")
    rotate_key_file(key_file)
    rotated = await Administration.open(url, key_file)
    assert await rotated.reseal() == 5
    assert await rotated.reseal() == 0
    await rotated.close()
    forget_old_keys(key_file)
    reopened = await Administration.open(url, key_file)

    assert (await reopened.find_account("alice")).ha1 == account.ha1
    assert (await Administering(reopened).find_provider("blueface")).password == "p"
    assert await reopened.secret("nonce") == secret
    await reopened.close()

    # The running node still holds values of the old key, and gets new ones.
    await store.catch_up()
    running = store.directory.account("alice", "example.org")
    assert running is not None
    assert running.ha1 == account.ha1
    assert (await store.find_account("alice")).ha1 == account.ha1


async def test_what_cannot_be_decrypted_is_named_and_stays(url: str, store: Store, key_file: Path):
    """Everything else is sealed anew; a new password ends it."""
    await store.add_account("alice", "secret")
    await store.add_account("bob", "secret")
    await Administering(store).add_provider(ProviderSpec("blueface", "s", "u", "p"))
    await store.secret("nonce")
    lost = {
        tables.accounts: ("username", "alice", "ha1_md5"),
        tables.providers: ("name", "blueface", "password"),
    }
    for table, (column, name, value) in lost.items():
        statement = update(table).where(table.c[column] == name).values({value: b"\x01" * 60})
        await store.database.write(lambda c, statement=statement: c.execute(statement))
    rotate_key_file(key_file)
    rotated = await Administration.open(url, key_file)
    names: list[str] = []

    assert await rotated.reseal(on_lost=names.append) == 6
    assert names == ["account alice@example.org", "provider blueface of admin"]
    assert "set its password again" in str((await rotated.find_account("alice")).fault)
    assert "set its password again" in str((await Administering(rotated).find_provider("blueface")).fault)
    assert (await rotated.find_account("bob")).fault is None
    with pytest.raises(WrongKeyError):
        await rotated.reseal()
    await Administering(rotated).change_account("alice", AccountChange(password="new"))
    await Administering(rotated).change_provider("blueface", ProviderChange(password="new"))
    assert await rotated.reseal() == 0
    assert (await rotated.find_account("alice")).fault is None
    await rotated.close()


async def test_runs_that_know_a_secret_are_sealed_with_the_new_key_and_others_stay(
    url: str, store: Store, key_file: Path
):
    place = snapshot_place("run-1")
    kept = {
        "run-1": SEALED_RUN + store.keys.seal(b"a script that waits", place),
        "run-2": b"a script without secrets",
        "run-3": None,
    }
    rows = [
        {"id": name, "state": "waiting", "snapshot": one, "started_at": 1.0} for name, one in kept.items()
    ]
    await store.database.write(lambda c: c.execute(insert(tables.executions), rows))
    rotate_key_file(key_file)
    rotated = await Administration.open(url, key_file)
    await rotated.reseal()
    assert await rotated.reseal() == 0
    await rotated.close()
    forget_old_keys(key_file)
    column = tables.executions.c
    reopened = await Administration.open(url, key_file)
    found = dict(await reopened.database.read(lambda c: c.execute(select(column.id, column.snapshot)).all()))
    await reopened.close()

    assert found["run-1"] != kept["run-1"]
    assert reopened.keys.open(bytes(found["run-1"])[len(SEALED_RUN) :], place) == b"a script that waits"
    assert (bytes(found["run-2"]), found["run-3"]) == (kept["run-2"], None)
