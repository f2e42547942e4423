"""Finding scripts and reading times."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sipwright.testing.scripts import ScriptError, instant, script_of
from sipwright.testing.stage import NOON


def test_a_script_is_a_file_in_one_of_the_folders_or_a_text(tmp_path):
    (tmp_path / "out.py").write_bytes(b"respond(480)\r\n")
    folders = (tmp_path / "nowhere", tmp_path)

    for plan, found in (
        ("out.py", ("out", "respond(480)\n")),
        (tmp_path / "out.py", ("out", "respond(480)\n")),
        ("respond(486)", ("script", "respond(486)")),
    ):
        script = script_of(plan, folders)
        assert (script.name, script.source) == found
    with pytest.raises(ScriptError, match=r"no dialplan in\.py in .*nowhere or"):
        script_of("in.py", folders)


def test_a_script_that_changes_is_read_again(tmp_path):
    path = tmp_path / "out.py"
    path.write_text("respond(480)\n")
    script_of("out.py", [tmp_path])
    path.write_text("respond(486)\n")
    import os

    os.utime(path, (1, 1))

    assert script_of("out.py", [tmp_path]).source == "respond(486)\n"


@pytest.mark.parametrize(
    ("text", "timezone", "expected"),
    [
        (12.5, "UTC", None),
        ("2026-11-20 18:30", "UTC", datetime(2026, 11, 20, 18, 30, tzinfo=UTC)),
        ("2026-07-20 18:30", "Europe/Dublin", datetime(2026, 7, 20, 17, 30, tzinfo=UTC)),
        ("2026-07-20T18:30+03:00", "Europe/Dublin", datetime(2026, 7, 20, 15, 30, tzinfo=UTC)),
        ("23:10", "UTC", datetime(2026, 1, 12, 23, 10, tzinfo=UTC)),
        ("sat 23:10", "UTC", datetime(2026, 1, 17, 23, 10, tzinfo=UTC)),
        ("Monday 8:05", "UTC", datetime(2026, 1, 12, 8, 5, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_the_time_zone_of_the_owner(text, timezone, expected):
    assert instant(text, timezone) == (12.5 if expected is None else expected.timestamp())


@pytest.mark.parametrize("text", ["soon", "25:00", "2026-13-01", "fri"])
def test_what_is_no_time_is_explained(text):
    with pytest.raises(ScriptError, match="write 2026-11-20 18:30"):
        instant(text)


def test_the_usual_noon_is_a_monday():
    assert datetime.fromtimestamp(NOON, UTC).strftime("%a %H:%M:%S") == "Mon 12:00:00"
