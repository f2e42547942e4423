"""``sipwright run``: what keeps it from starting."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

from sipwright.commands import run
from sipwright.commands.init import initialise
from sipwright.commands.run import explain, hold
from sipwright.config import Settings


def test_a_second_switch_on_one_data_folder_is_refused_until_the_first_has_ended(command):
    first = hold(command.folder)
    assert f"running already with the data folder {command.folder}" in command.fails("run")

    os.close(first)
    os.close(hold(command.folder))


def test_several_workers_on_sqlite_are_refused_where_files_have_no_locks(command, monkeypatch):
    """Each tells by its lock that the log of another one is in use."""

    def have_none(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(run.fcntl, "flock", have_none)

    assert "several workers on SQLite need locks" in command.fails("run", "--workers", "2")


def test_a_database_that_is_gone_is_not_made_anew_beside_its_key(command):
    path = command.folder / "sipwright.db"
    path.rename(command.folder / "elsewhere")

    said = command.fails("run")
    assert said.startswith(f"the database {path} is not here, though its key file is; copy it back")
    assert command.fails("account", "list") == f"there is no database {path}; run 'sipwright init'"
    assert not path.exists()


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EADDRINUSE, "is another switch running?"),
        (errno.EADDRNOTAVAIL, "this machine has no such address"),
        (errno.EACCES, "for root only"),
    ],
)
def test_an_address_that_cannot_be_had_is_explained(number, advice):
    said = explain(OSError(number, os.strerror(number)), Settings())

    assert said.startswith(f"cannot listen on 0.0.0.0:5060: {os.strerror(number)}; ")
    assert advice in said


@pytest.mark.parametrize(
    "arguments", [("account", "add", "zed", "--password", "z"), ("provider", "list"), ("run",)]
)
def test_every_command_refuses_the_key_file_of_another_folder(command, tmp_path, arguments):
    """What it would write, nobody could read afterwards."""
    other = tmp_path / "other"
    initialise(other, "example.org", "admin", "password")
    shutil.copy(other / "sipwright.key", command.folder / "sipwright.key")

    assert "is not the one of this database" in command.fails(*arguments)
