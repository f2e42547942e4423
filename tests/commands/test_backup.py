"""``sipwright backup``; what a backup is worth is shown in ``test_restore.py`` and under load in ``tests/nights``."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path


def members(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


def test_a_backup_has_settings_and_database_and_no_key(command, tmp_path: Path):
    file = tmp_path / "monday.tar.gz"
    said = command.ok("backup", str(file))
    found = members(file)

    assert set(found) == {"backup.json", "sipwright.toml", "database.sqlite"}
    assert found["sipwright.toml"] == (command.folder / "sipwright.toml").read_bytes()
    assert found["database.sqlite"].startswith(b"SQLite format 3")
    assert "keep a copy of" in said
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_key_goes_in_when_it_is_asked_for(command, tmp_path: Path):
    file = tmp_path / "safe.tar.gz"
    done = command.json("backup", str(file), "--with-key")

    assert members(file)["sipwright.key"] == (command.folder / "sipwright.key").read_bytes()
    assert done["key"] is True
    assert done["bytes"] == file.stat().st_size
    about = json.loads(members(file)["backup.json"])
    assert (about["format"], about["database"], about["node"]) == (1, "sqlite", "node1")


def test_no_file_is_written_over_unasked(command, tmp_path: Path):
    file = tmp_path / "monday.tar.gz"
    file.write_text("something dear")

    assert "--force" in command.fails("backup", str(file))
    assert file.read_text() == "something dear"
    command.ok("backup", str(file), "--force")
    assert "sipwright.toml" in members(file)


def test_a_folder_that_is_not_there_is_named(command, tmp_path: Path):
    told = command.fails("backup", str(tmp_path / "none" / "b.tar.gz"))

    assert told == f"{tmp_path / 'none'}: No such file or directory; make that folder first"


def test_a_backup_that_fails_leaves_nothing(command, tmp_path: Path):
    nowhere = tmp_path / "nowhere" / "monday.tar.gz"
    assert "No such file" in command.fails("backup", str(nowhere))
    (command.folder / "sipwright.key").write_text("1 " + "A" * 43 + "=\n")

    assert "is not the one of this database" in command.fails("backup", str(tmp_path / "monday.tar.gz"))
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
