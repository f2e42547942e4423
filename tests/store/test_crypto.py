"""Encrypted columns and their key file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sipwright.store import StoreError
from sipwright.store.crypto import KeyRing, create_key_file, forget_old_keys, rotate_key_file


@pytest.fixture
def keys(key_file: Path) -> KeyRing:
    return KeyRing.load(key_file)


def test_a_sealed_value_opens_in_its_place(keys: KeyRing):
    sealed = keys.seal(b"secret", "accounts:ha1_md5:alice@example.org")

    assert keys.open(sealed, "accounts:ha1_md5:alice@example.org") == b"secret"
    assert len(sealed) == len(b"secret") + 1 + 12 + 16
    assert keys.seal(b"secret", "accounts:ha1_md5:alice@example.org") != sealed


def test_a_sealed_value_moved_to_another_place_does_not_open(keys: KeyRing):
    sealed = keys.seal(b"secret", "accounts:ha1_md5:alice@example.org")

    with pytest.raises(StoreError, match=r"bob@example\.org cannot be decrypted"):
        keys.open(sealed, "accounts:ha1_md5:bob@example.org")


def test_a_value_without_its_key_says_so(keys: KeyRing):
    for sealed in (b"", b"\xff" + bytes(40)):
        with pytest.raises(StoreError, match="is not in the key file"):
            keys.open(sealed, "settings:value:nonce")


def test_a_key_file_is_private_and_never_overwritten(key_file: Path):
    before = key_file.read_text()
    create_key_file(key_file)

    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.read_text() == before


def test_a_key_file_that_anybody_can_read_is_refused(key_file: Path):
    key_file.chmod(0o644)

    with pytest.raises(StoreError, match="run 'chmod 600"):
        KeyRing.load(key_file)


@pytest.mark.parametrize(
    "text", ["1", "1 abc", "0 " + "A" * 43 + "=", "x " + "A" * 43 + "=", ("1 " + "A" * 43 + "=\n") * 2]
)
def test_a_damaged_key_file_names_the_line(key_file: Path, text: str):
    key_file.write_text(text)

    with pytest.raises(StoreError, match=r"line [12] of the key file"):
        KeyRing.load(key_file)


def test_an_empty_or_missing_key_file_is_an_error(key_file: Path):
    key_file.write_text("# nothing\n")
    with pytest.raises(StoreError, match="holds no key"):
        KeyRing.load(key_file)

    key_file.write_bytes(b"\xff")
    with pytest.raises(StoreError, match="cannot read"):
        KeyRing.load(key_file)

    key_file.unlink()
    with pytest.raises(StoreError, match="restore it from a copy"):
        KeyRing.load(key_file)


def test_a_rotated_file_opens_old_values_and_seals_with_the_new_key(key_file: Path, keys: KeyRing):
    old = keys.seal(b"old", "here")
    assert rotate_key_file(key_file) == 2
    rotated = KeyRing.load(key_file)

    assert rotated.open(old, "here") == b"old"
    assert not rotated.is_current(old)
    assert rotated.is_current(rotated.seal(b"new", "here"))
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_a_running_process_takes_up_a_new_key_when_it_meets_it(key_file: Path, keys: KeyRing):
    rotate_key_file(key_file)
    os.utime(key_file, ns=(1, 1))
    sealed = KeyRing.load(key_file).seal(b"new", "here")

    assert keys.open(sealed, "here") == b"new"
    assert keys.current == 2


def test_forgotten_keys_open_only_what_a_running_process_still_holds(key_file: Path, keys: KeyRing):
    old = keys.seal(b"old", "here")
    rotate_key_file(key_file)
    assert forget_old_keys(key_file) == 1
    os.utime(key_file, ns=(1, 1))
    keys.follow_file()

    assert keys.open(old, "here") == b"old"
    with pytest.raises(StoreError, match="is not in the key file"):
        KeyRing.load(key_file).open(old, "here")


def test_a_full_key_file_refuses_one_more(key_file: Path):
    for _ in range(254):
        rotate_key_file(key_file)

    with pytest.raises(StoreError, match="is full"):
        rotate_key_file(key_file)


def test_a_key_file_that_went_away_leaves_a_running_process_with_its_keys(key_file: Path, keys: KeyRing):
    sealed = keys.seal(b"value", "here")
    key_file.unlink()
    keys.follow_file()

    assert keys.open(sealed, "here") == b"value"


def test_a_key_ring_needs_a_key():
    with pytest.raises(StoreError, match="holds no key"):
        KeyRing({})


def swapped(key_file: Path) -> bytes:
    """Put the key file of another folder in the place of ours, which is returned."""
    ours = key_file.read_bytes()
    key_file.unlink()
    create_key_file(key_file)
    return ours


def test_another_key_file_is_told_and_not_used(key_file: Path, keys: KeyRing):
    sealed = keys.seal(b"ours", "here")
    ours = swapped(key_file)
    keys.follow_file()

    assert "is not the one of this database any more" in keys.fault
    assert keys.open(sealed, "here") == b"ours"
    assert keys.open(keys.seal(b"later", "here"), "here") == b"later"
    with pytest.raises(StoreError):
        KeyRing.load(key_file).open(keys.seal(b"later", "here"), "here")

    key_file.write_bytes(ours)
    keys.follow_file()
    assert keys.fault is None
    assert KeyRing.load(key_file).open(sealed, "here") == b"ours"


@pytest.mark.parametrize(
    ("text", "told"),
    [("1 nonsense\n", "line 1 of the key file"), ("# nothing\n", "not the one"), ("\u00fc", "cannot be used"),
     (None, "is gone")],
)  # fmt: skip
def test_a_key_file_that_is_none_any_more_is_told(key_file: Path, keys: KeyRing, text: str | None, told: str):
    if text is None:
        key_file.unlink()
    else:
        key_file.write_text(text)
    keys.follow_file()

    assert told in keys.fault
    assert "put the right one back" in keys.fault
    assert keys.open(keys.seal(b"value", "here"), "here") == b"value"


def test_an_older_copy_of_the_key_file_is_told(key_file: Path, keys: KeyRing):
    older = key_file.read_bytes()
    rotate_key_file(key_file)
    keys.follow_file()
    sealed = keys.seal(b"value", "here")
    key_file.write_bytes(older)
    keys.follow_file()

    assert "is not the one" in keys.fault
    assert (keys.current, keys.open(sealed, "here")) == (2, b"value")


def test_an_old_key_with_other_bytes_beside_ours_is_another_file(key_file: Path, keys: KeyRing):
    rotate_key_file(key_file)
    keys.follow_file()
    lines = key_file.read_text().splitlines()
    swapped(key_file)
    key_file.write_text(key_file.read_text() + lines[-1] + "\n")
    keys.follow_file()

    assert "is not the one" in keys.fault


def test_a_key_that_replaced_ours_between_two_looks_counts_once_it_opens_something(
    key_file: Path, keys: KeyRing
):
    rotate_key_file(key_file)
    forget_old_keys(key_file)
    keys.follow_file()
    assert (keys.current, bool(keys.fault)) == (1, True)

    sealed = KeyRing.load(key_file).seal(b"new", "here")
    with pytest.raises(StoreError):
        keys.open(sealed, "elsewhere")
    assert keys.open(sealed, "here") == b"new"
    assert (keys.current, keys.fault) == (2, None)
