"""Secrets of the system, and changes of the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipwright.store import (
    Administration,
    ProviderSpec,
    Store,
)
from sipwright.store.admin import sealed
from sipwright.store.crypto import forget_old_keys, rotate_key_file


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
    await store.add_provider(ProviderSpec("blueface", "s", "u", "p"))
    secret = await store.secret("nonce")
    rotate_key_file(key_file)
    rotated = await Administration.open(url, key_file)
    assert await rotated.reseal() == 5
    assert await rotated.reseal() == 0
    await rotated.close()
    forget_old_keys(key_file)
    reopened = await Administration.open(url, key_file)

    assert (await reopened.find_account("alice")).ha1 == account.ha1
    assert (await reopened.find_provider("blueface")).password == "p"
    assert await reopened.secret("nonce") == secret
    await reopened.close()

    # The running node still holds values of the old key, and gets new ones.
    await store.catch_up()
    running = store.directory.account("alice", "example.org")
    assert running is not None
    assert running.ha1 == account.ha1
    assert (await store.find_account("alice")).ha1 == account.ha1
