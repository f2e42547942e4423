"""Times in stored things are moved wherever they stand, and once."""

import json
import marshal
import sqlite3
from contextlib import closing

import pytest

from . import folder
from .conftest import RELEASES
from .times import moved


@pytest.mark.parametrize(
    ("value", "later"),
    [
        (1_795_000_000.25, 1_795_000_060.25),
        ("at 1795000000.25, 1.79500000025000000000e+09", "at 1795000060.25, 1.7950000602500000000e+09"),
        (b'{"at":1795000000.2,"n":1795000000}', b'{"at":1795000060.2,"n":1795000000}'),
        ({"a": [1_795_000_000.0, (2, None)]}, {"a": [1_795_000_060.0, (2, None)]}),
        (12.5, 12.5),
    ],
)
def test_what_is_a_time_is_moved(value, later):
    assert moved(value, 60) == later


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_a_folder_is_as_old_as_it_was_whenever_it_is_read(release, tmp_path, monkeypatch):
    """Years from now, all of it is still a moment old: in the tables, and in the log."""
    made = json.loads((release / "folder" / "moment.json").read_text())["now"]
    monkeypatch.setattr(folder.time, "time", lambda: made + 50_000_000.0)
    folder.read_folder(release / "folder", tmp_path / "data")
    with closing(sqlite3.connect(tmp_path / "data" / "sipwright.db")) as database:
        query = "select expires_at, updated_at from bindings union select expires_at, updated_at from registrations"
        times = [time for row in database.execute(query) for time in row]
    (log,) = (tmp_path / "data" / "sipwright.db-redo").iterdir()
    data, at = log.read_bytes(), 0
    while at < len(data):
        length, _ = folder._HEAD.unpack_from(data, at)
        batch = marshal.loads(data[at + 8 : at + 8 + length])
        at += 8 + length
        times += [row[-1] for row in batch.get("binding", {}).values()] if isinstance(batch, dict) else []

    assert len(times) >= 5
    assert {(time - made - 50_000_000.0) // 100 for time in times} == {-1, 35}
