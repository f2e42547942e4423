"""The database is locked, read-only, moved, replaced, or stopped: whoever asks is answered, and the log says why."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess

import pytest

from computing import fair_seconds
from gate import Gate
from nights.night import PATIENCE
from sipwright.store.crypto import create_key_file


@pytest.fixture
def night(begin):
    """A switch that is not started yet, with an account that nobody is registered for."""
    made = begin()
    made.command("account", "add", "carol", "--password", "secret")
    return made


def call(night, number):
    """Call her from outside, and return what was heard, in no more than two seconds; 480 if all is well."""
    with fair_seconds() as taken:
        found = night.ask(
            "INVITE",
            "sip:carol@example.org",
            user="stranger",
            call_id=f"call-{number}",
            domain="example.net",
        )
    assert taken() < 2.0
    return found


def is_away(night, number):
    statuses, response = call(night, number)
    return (statuses, "Retry-After: 10" in response) == ([100, 503], True)


def refused(night):
    """Start a switch that cannot start, and return the line that it says."""
    with pytest.raises(AssertionError):
        night.start()
    assert night.process.wait(PATIENCE) == 1
    night.process = None
    (line,) = night.said().splitlines()
    return line


@contextlib.contextmanager
def locked(night):
    with contextlib.closing(sqlite3.connect(night.folder / "sipwright.db", isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        yield


def test_whoever_locks_the_database_holds_up_nobody(night):
    """What is committed is in the log in front of it; the tables follow when they can."""
    night.start()
    with locked(night):
        for number in range(3):
            assert night.register() == [401, 200]
            assert call(night, number)[0] == [480]
        assert night.ask("OPTIONS", "sip:example.org")[0] == [200]

    night.wait_until(lambda: "alice@example.org" in night.command("bindings"))
    assert "Traceback" not in night.said()
    assert night.end() == 0


IMPATIENT = """
import sys
from sipwright.commands.__main__ import run
from sipwright.store.database import sqlite
sqlite.PATIENCE = 0.5
sys.exit(run(sys.argv[1:]))
"""
"""The switch, which waits half a second for a lock in the place of ten."""


def test_a_start_with_a_locked_database_is_one_line(night):
    night.program = ("-c", IMPATIENT)
    with locked(night):
        assert "sipwright.db does not work: database is locked" in refused(night)


@pytest.mark.parametrize("what", ["moved", "replaced"])
def test_a_database_that_is_not_where_it_was_is_away(night, what):
    night.start()
    assert night.register() == [401, 200]
    path, aside = night.folder / "sipwright.db", night.folder / "aside"
    path.rename(aside)
    if what == "replaced":
        shutil.copy(aside, path)

    night.wait_for(
        "is not there any more" if what == "moved" else "is another file than the one that was opened"
    )
    assert is_away(night, 1)
    assert night.register() == [401, 200], "a refresh: what is stored of it leads there still"
    assert night.ask("OPTIONS", "sip:example.org")[0] == [503]
    os.replace(aside, path)
    night.wait_until(lambda: night.ask("OPTIONS", "sip:example.org")[0] == [200])
    assert call(night, 2)[0] == [480]
    assert night.said().count("nothing can be stored: ") == 1
    assert night.end() == 0


def test_a_folder_that_is_not_where_it_was_is_away_too(night):
    night.start()
    night.folder.rename(night.folder.with_name("aside"))
    night.wait_for("is not there any more")
    assert is_away(night, 1)

    night.folder.with_name("aside").rename(night.folder)
    night.wait_until(lambda: night.ask("OPTIONS", "sip:example.org")[0] == [200])
    assert night.register() == [401, 200]


def test_a_start_with_the_key_of_another_folder_is_one_line(night, tmp_path):
    create_key_file(tmp_path / "key")
    shutil.copy(tmp_path / "key", night.folder / "sipwright.key")

    assert "is not the one of this database" in refused(night)


def test_a_start_without_its_database_is_one_line(night):
    (night.folder / "sipwright.db").unlink()

    assert "is not here, though its key file is; copy it back" in refused(night)


def test_a_start_with_something_else_for_a_database_is_one_line(night):
    (night.folder / "sipwright.db").write_bytes(b"no database at all" * 1000)

    line = refused(night)
    assert line.startswith("sipwright: ")
    assert "sipwright.db" in line
    assert "is not a database" in line


def test_a_start_on_a_read_only_folder_is_one_line(night):
    folder = str(night.folder)
    mounted = subprocess.run(["mount", "--bind", folder, folder], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("a folder cannot be made read-only here: that takes root")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        line = refused(night)
    finally:
        subprocess.run(["umount", "-l", folder], check=False)
    assert line.startswith(f"sipwright: the database {folder}/sipwright.db does not work: ")


@pytest.fixture
def gate(server_url, monkeypatch):
    """A way to each server in turn, whose database is named in the environment."""
    made = Gate(server_url)
    monkeypatch.setenv("SIPWRIGHT_DATABASE__URL", made.url)
    yield made
    made.close()


@pytest.mark.parametrize("how", ["cut", "hang"])
def test_a_server_that_is_away_is_noticed_by_nobody(gate, begin, how):
    """A server that has ended, or that takes everything and answers nothing; the switch is killed meanwhile."""
    night = begin()
    for name in ("bob", "carol"):
        night.command("account", "add", name, "--password", "secret")
    night.start()
    assert night.register() == [401, 200]
    getattr(gate, how)()

    assert night.register("bob")[-1] == 200, "a phone that comes anew"
    assert night.register("alice")[-1] == 200, "a refresh"
    assert night.ask("OPTIONS", "sip:example.org")[0] == [200]
    assert call(night, 1)[0] == [480]
    night.wait_for("the database is away; what is committed waits on the disk")
    night.end(signal.SIGKILL)
    gate.open()
    night.start()
    assert call(night, 2)[0] == [480]

    assert "bob@example.org" in night.command("bindings")
    assert "carol@example.org" in night.command("cdrs")
    assert len(json.loads(night.command("cdrs", "--json"))) == 2
    gate.cut()
    assert call(night, 3)[0] == [480]
    gate.open()
    night.wait_for("the database has all that waited")
    assert len(json.loads(night.command("cdrs", "--json"))) == 3
    assert "Traceback" not in night.said()
    assert night.end() == 0
