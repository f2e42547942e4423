"""Whose a data folder is."""

import os
import shutil
import tarfile

import pytest

from sipwright.commands import ownership

SOMEBODY = 54_321
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def closed(command, monkeypatch: pytest.MonkeyPatch):
    """Let nobody read some path."""

    def close(name):
        path = command.folder / name
        monkeypatch.setattr(ownership.os, "access", lambda asked, _mode: asked != path)

    return close


@pytest.mark.parametrize("name", ["", "sipwright.toml", "sipwright.key"])
@pytest.mark.parametrize(
    "arguments", [("status",), ("account", "list"), ("init",), ("restore", "x"), ("run",)]
)
def test_whoever_may_not_read_it_hears_whose_it_is(command, closed, name, arguments):
    closed(name)

    owner = command.folder.owner()
    assert command.fails(*arguments) == (
        f"the data folder {command.folder} is for {owner} alone; put 'sudo -u {owner}' before the command, or name "
        "another folder with --data"
    )


def test_a_file_that_is_not_there_is_closed_to_nobody(command, closed):
    (command.folder / "sipwright.toml").unlink()
    closed("sipwright.toml")

    assert command.ok("domain", "list")


@is_root
def test_an_owner_without_a_name_has_a_number(command):
    os.chown(command.folder, SOMEBODY, SOMEBODY)

    assert f"sudo -u #{SOMEBODY} sipwright run" in (ownership.warn_root(command.folder) or "")


def test_nobody_is_warned_of_their_own_folder(command):
    assert ownership.warn_root(command.folder) is None


@is_root
@pytest.mark.parametrize(
    "arguments", [("init", "--systemd"), ("key", "rotate"), ("restore", "--force", "FILE")]
)
def test_what_root_makes_in_the_folder_of_another_is_for_that_one(command, tmp_path, arguments):
    backup = tmp_path / "backup.tar.gz"
    command.ok("backup", str(backup), "--with-key")
    with tarfile.open(backup) as tar:
        assert "sipwright.key" in tar.getnames()
    for path in (command.folder, *command.folder.rglob("*")):
        os.chown(path, SOMEBODY, SOMEBODY)
    if arguments[0] == "init":
        shutil.rmtree(command.folder)
        command.folder.mkdir()
        os.chown(command.folder, SOMEBODY, SOMEBODY)
    command.ok(*(str(backup) if argument == "FILE" else argument for argument in arguments))

    whose = {path.name: path.stat().st_uid for path in command.folder.rglob("*")}
    assert "sipwright.key" in whose
    assert set(whose.values()) == {SOMEBODY}
