"""``sipwright restore``."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from sipwright.commands.init import initialise
from sipwright.commands.run import hold
from sipwright.store.admin.administration import Administration
from sipwright.store.schema.rows import CallRow, ExecutionRow


@pytest.fixture
def saved(command, tmp_path: Path) -> Path:
    """A backup of a folder with an account that the folder has not any more."""
    command.ok("account", "add", "alice", "--password", "secret")
    file = tmp_path / "monday.tar.gz"
    command.ok("backup", str(file))
    command.ok("account", "remove", "alice")
    return file


def accounts(command, folder: Path) -> list[str]:
    return [row["account"] for row in command.json("account", "list", "--data", str(folder))]


def test_a_new_folder_is_as_the_old_one_was(command, saved: Path, tmp_path: Path):
    folder, key = tmp_path / "new", command.folder / "sipwright.key"
    said = command.ok("restore", str(saved), "--data", str(folder), "--key", str(key))

    assert accounts(command, folder) == ["alice@example.org"]
    assert accounts(command, command.folder) == []
    assert "is as it was on" in said
    assert f"sipwright run --data {folder}" in said
    assert sorted(path.name for path in folder.iterdir()) == [
        "sipwright.db",
        "sipwright.key",
        "sipwright.toml",
    ]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_what_is_there_is_put_aside_and_only_by_force(command, saved: Path):
    assert "--force" in command.fails("restore", str(saved))
    assert accounts(command, command.folder) == []

    command.ok("restore", str(saved), "--force")
    assert accounts(command, command.folder) == ["alice@example.org"]
    (aside,) = command.folder.glob("before-restore-*")
    assert {"sipwright.db", "sipwright.key", "sipwright.toml"} <= {path.name for path in aside.iterdir()}
    command.ok("account", "list", "--data", str(aside))


def test_without_its_key_nothing_is_done(command, saved: Path, tmp_path: Path):
    folder, other = tmp_path / "new", tmp_path / "other"
    initialise(other)

    assert "--key" in command.fails("restore", str(saved), "--data", str(folder))
    wrong = str(other / "sipwright.key")
    assert "key" in command.fails("restore", str(saved), "--data", str(folder), "--key", wrong)
    assert "cannot be read" in command.fails(
        "restore", str(saved), "--data", str(folder), "--key", str(tmp_path / "none")
    )
    assert list(folder.iterdir()) == []


def test_with_the_keys_console_and_phones_know_it_again(command, tmp_path: Path):
    file, folder = tmp_path / "safe.tar.gz", tmp_path / "new"
    for name in ("sip-key.pem", "sip-certificate.pem"):
        (command.folder / name).write_text(f"{name} of the switch\n")
    command.ok("backup", str(file), "--with-key")
    command.ok("restore", str(file), "--data", str(folder))

    for name in ("sipwright.key", "ssh_host_ed25519_key", "sip-key.pem", "sip-certificate.pem"):
        assert (folder / name).read_bytes() == (command.folder / name).read_bytes()
        assert (folder / name).stat().st_mode & 0o777 == 0o600


def test_a_key_that_the_backup_has_not_stays_the_folders(command, saved: Path):
    before = (command.folder / "ssh_host_ed25519_key").read_bytes()
    command.ok("restore", str(saved), "--force")

    assert (command.folder / "ssh_host_ed25519_key").read_bytes() == before


def test_a_running_switch_is_left_alone(command, saved: Path):
    held = hold(command.folder)

    assert "running already" in command.fails("restore", str(saved), "--force")
    assert held > 0


async def _put_call(folder: Path) -> None:
    from sipwright.config import Settings
    from sipwright.store import Store

    settings = Settings.load(folder)
    store = await Store.open(settings.database_url, settings.key_file)
    store.writer.put(
        "call", "c1", CallRow("c1", "node1", 1, None, "out", "ringing", "a", "b", 1.0, None, b"{}")
    )
    run = ExecutionRow("e1", "c1", None, None, None, 1, "waiting", b"", 1.0, None, None, "node1", "[]")
    store.writer.put("execution", "e1", run)
    await store.writer.drain()
    await store.close()


async def _rows(folder: Path) -> tuple[int, int]:
    from sqlalchemy import func, select

    from sipwright.config import Settings
    from sipwright.store.schema import tables

    settings = Settings.load(folder)
    store = await Administration.open(settings.database_url, settings.key_file)
    counts = [
        await store.database.read(lambda c, table=table: c.scalar(select(func.count()).select_from(table)))
        for table in (tables.calls, tables.executions)
    ]
    await store.close()
    return counts[0], counts[1]


@pytest.mark.parametrize(("option", "left"), [((), (0, 0)), (("--with-calls",), (1, 1))])
def test_calls_of_another_time_are_forgotten_unless_they_are_wanted(
    command, tmp_path: Path, option: tuple[str, ...], left: tuple[int, int]
):
    import asyncio

    asyncio.run(_put_call(command.folder))
    file, folder = tmp_path / "calls.tar.gz", tmp_path / "new"
    command.ok("backup", str(file), "--with-key")
    said = command.ok("restore", str(file), "--data", str(folder), *option)

    assert asyncio.run(_rows(folder)) == left
    assert ("1 calls that were in progress then are forgotten" in said) is not bool(option)


def _tar(path: Path, **contents: bytes) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def test_what_is_no_backup_is_told_so(command, saved: Path, tmp_path: Path):
    new = ("--data", str(tmp_path / "new"))
    text = tmp_path / "text"
    text.write_text("hello")
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(saved.read_bytes()[:-2_000])
    newer = _tar(tmp_path / "newer", **{"backup.json": b'{"format": 2, "database": "sqlite"}'})

    assert "there is no" in command.fails("restore", str(tmp_path / "none"), *new)
    assert "is no backup" in (told := command.fails("restore", str(text), *new))
    assert "method" not in told
    assert "is damaged" in command.fails("restore", str(cut), *new)
    assert "only a part" in command.fails("restore", str(_tar(tmp_path / "empty")), *new)
    assert "newer Sipwright" in command.fails("restore", str(newer), *new)
    for hostile in ("../evil", "/etc/evil", "sub/evil"):
        file = _tar(tmp_path / "hostile", **{hostile: b"x"})
        assert "which no backup has" in command.fails("restore", str(file), *new)
    assert not (tmp_path / "evil").exists()
    assert list((tmp_path / "new").iterdir()) == []
