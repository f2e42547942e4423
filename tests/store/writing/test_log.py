"""The log as the process sees it that appends to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sipwright.store.writing import log as log_file
from sipwright.store.writing.log import RedoLog, Segment, segments_in
from sipwright.store.writing.log_applier import Applier
from sipwright.store.writing.log_records import read_records
from store.writing.batches import calls, segment, stored


def test_a_record_that_cannot_be_written_whole_is_not_there(
    log: RedoLog, directory: Path, monkeypatch: pytest.MonkeyPatch
):
    log.append(calls(a=b"1"))
    whole = segment(directory).stat().st_size
    write = os.pwritev
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwritev", lambda fd, parts, at: write(fd, [b"".join(parts)[:20]], at))
        with pytest.raises(OSError, match="20 of"):
            log.append(calls(b=b"2"))
    assert segment(directory).stat().st_size == whole
    log.append(calls(c=b"3"))

    assert read_records(segment(directory), whole)[0] == [calls(c=b"3")]


@pytest.mark.parametrize("row", [7, object()])
def test_what_is_no_row_is_refused(log: RedoLog, directory: Path, row: object):
    with pytest.raises((TypeError, ValueError)):
        log.append({"call": {"a": row if row == 7 else (row,)}})  # type: ignore[dict-item]
    log.append(calls(b=b"2"))

    assert read_records(segment(directory), 0)[0] == [calls(b=b"2")]


def test_a_large_segment_is_followed_by_another_and_removed_when_applied(
    database: Path, directory: Path, log: RedoLog, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(log_file, "SEGMENT_SIZE", 4_000)
    log.append(calls(a=bytes(8_000)))
    first = segment(directory)
    log.append(calls(a=b"2"))
    full = log.full()
    assert [each.path for each in full] == [first]
    log.append(calls(b=b"3"))
    applier.apply(in_any_case=True)
    log.remove(full)

    assert segment(directory) > first
    assert log.full() == []
    assert stored(database) == {"a": b"2", "b": b"3"}


def test_segments_come_in_the_order_in_which_they_were_begun(directory: Path):
    begun = [Segment(directory).path for _ in range(12)]

    assert segments_in(directory) == begun


def test_a_new_segment_that_was_taken_for_a_dead_one_is_given_up(
    directory: Path, log: RedoLog, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    """Another process reaps between the making of the file and its lock."""
    lock = log_file.fcntl.flock

    def late(fd: int, how: int) -> None:
        monkeypatch.undo()
        applier.reap()
        lock(fd, how)

    monkeypatch.setattr(log_file.fcntl, "flock", late)
    with pytest.raises(OSError, match="taken for one of a dead process"):
        log.append(calls(a=b"1"))
    log.append(calls(a=b"1"))

    assert read_records(segment(directory), 0)[0] == [calls(a=b"1")]
