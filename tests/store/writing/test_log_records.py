"""Records in a segment of the log."""

from __future__ import annotations

import marshal
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from sipwright.store import CallRow
from sipwright.store.errors import StoreError
from sipwright.store.writing import log as log_file
from sipwright.store.writing import log_records
from sipwright.store.writing.log import RedoLog
from sipwright.store.writing.log_applier import Applier
from sipwright.store.writing.log_records import (
    STAMP,
    UNSTAMPED,
    Rows,
    begun_at,
    encode,
    heading,
    is_cut_off,
    read_records,
    stamp_of,
)
from store.writing.batches import call, calls, segment, stored


def test_batches_are_read_as_they_were_appended(log: RedoLog, directory: Path):
    first, second = calls(a=b"1"), calls(a=None, b="caf\udce9".encode("utf-8", "surrogateescape"))
    log.append(first | {"cdr": {}})
    log.append(second)
    end = segment(directory).stat().st_size

    assert read_records(segment(directory), 0) == ([first, second], end, 0)
    assert read_records(segment(directory), end) == ([], end, 0)


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 30])
def test_an_unfinished_record_is_not_read_until_it_is_whole(log: RedoLog, directory: Path, cut: int):
    log.append(calls(a=b"1"))
    path = segment(directory)
    whole = path.stat().st_size
    log.append(calls(b=b"2"))
    data = path.read_bytes()
    path.write_bytes(data[: whole + cut])

    assert read_records(path, 0) == ([calls(a=b"1")], whole, 0)
    assert is_cut_off(path, whole)
    path.write_bytes(data)
    assert read_records(path, whole) == ([calls(b=b"2")], len(data), 0)


# --- damage ---


class Damaged(NamedTuple):
    """A segment with three batches, of which the second was damaged."""

    path: Path
    starts: int
    ends: int


@pytest.fixture
def damaged(request: pytest.FixtureRequest, log: RedoLog, directory: Path) -> Damaged:
    """A segment that was damaged in the way of the parameter."""
    log.append(calls(a=b"1"))
    path = segment(directory)
    starts = path.stat().st_size
    log.append(calls(b=b"2"))
    ends = path.stat().st_size
    log.append(calls(c=b"3"))
    data = bytearray(path.read_bytes())
    request.param(data, starts, ends)
    path.write_bytes(data)
    return Damaged(path, starts, ends)


def bit_of_data(data: bytearray, starts: int, ends: int) -> None:
    data[starts + 20] ^= 1


def bit_of_length(data: bytearray, starts: int, ends: int) -> None:
    data[starts] ^= 1


def beyond_the_file(data: bytearray, starts: int, ends: int) -> None:
    data[starts + 3] ^= 0x40


def zeros(data: bytearray, starts: int, ends: int) -> None:
    data[starts:ends] = bytes(ends - starts)


def half_of_it(data: bytearray, starts: int, ends: int) -> None:
    del data[starts + 11 : ends - 5]


@pytest.mark.parametrize("damaged", [bit_of_data, bit_of_length, beyond_the_file, zeros], indirect=True)
def test_whole_records_behind_a_damaged_one_are_read(damaged: Damaged):
    path, starts, ends = damaged

    assert read_records(path, 0) == ([calls(a=b"1"), calls(c=b"3")], path.stat().st_size, ends - starts)
    assert read_records(path, starts) == ([calls(c=b"3")], path.stat().st_size, ends - starts)


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 3, b"\xff" * 19, b"{{{", *map(marshal.dumps, (5, (2,), {"call": 5}))],
)
def test_a_record_that_is_no_batch_is_damaged_whatever_its_checksum_says(
    log: RedoLog, directory: Path, data: bytes
):
    """The CRC-32 of nothing but 0xff, as an erased disk has it, is nothing but 0xff."""
    log.append(calls(a=b"1"))
    path, nonsense = segment(directory), b"".join(encode(data))
    path.write_bytes(path.read_bytes() + nonsense + b"".join(encode(log_records.plain(calls(c=b"3")))))

    assert read_records(path, 0) == ([calls(a=b"1"), calls(c=b"3")], path.stat().st_size, len(nonsense))
    path.write_bytes(nonsense + b"".join(encode(log_records.plain(calls(c=b"3")))))
    assert read_records(path, 0) == ([calls(c=b"3")], path.stat().st_size, len(nonsense))


@pytest.mark.parametrize("damaged", [half_of_it], indirect=True)
def test_whole_records_behind_a_hole_are_read(damaged: Damaged):
    path, _, _ = damaged

    assert read_records(path, 0) == ([calls(a=b"1"), calls(c=b"3")], path.stat().st_size, 16)


def test_a_batch_that_looks_like_records_is_left_out_as_a_whole(tmp_path: Path):
    """What strangers have sent is never read as a record while the length of what holds it is known."""
    path = tmp_path / "000000000001-x.redo"
    looks_like_one = written({"call": {"evil": None}})
    outer = bytearray(written({"call": {"a": (b"--" + looks_like_one + b"--",)}}))
    outer[12] ^= 1
    path.write_bytes(written(heading()) + outer + written({"call": {"b": None}}))

    assert read_records(path, 0) == ([{"call": {"b": None}}], path.stat().st_size, len(outer))


def written(record: Any) -> bytes:
    return b"".join(encode(record))


@pytest.mark.parametrize("damage", [bit_of_data, zeros])
def test_a_damaged_record_at_the_end_is_not_read(
    log: RedoLog, directory: Path, damage: Callable[[bytearray, int, int], None]
):
    log.append(calls(a=b"1"))
    path = segment(directory)
    whole = path.stat().st_size
    log.append(calls(b=b"2"))
    data = bytearray(path.read_bytes())
    damage(data, whole, len(data))
    path.write_bytes(data)

    assert read_records(path, 0) == ([calls(a=b"1")], whole, 0)
    assert not is_cut_off(path, whole)


@pytest.mark.parametrize("batch", [{"call": {"b": None}}, {"call": {"b": None}, "cdr": {}}])
def test_a_heading_that_is_gone_costs_no_batch(tmp_path: Path, batch: Rows):
    path = tmp_path / "segment"
    path.write_bytes(written(batch))

    assert read_records(path, 0) == ([batch], len(written(batch)), 0)


def test_a_damaged_heading_costs_no_batch(log: RedoLog, directory: Path):
    log.append(calls(a=b"1"))
    path = segment(directory)
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    batches, end, damaged = read_records(path, 0)

    assert (batches, end) == ([calls(a=b"1")], len(data))
    assert damaged == len(written(heading()))


@pytest.mark.parametrize("damaged", [bit_of_data], indirect=True)
def test_damage_is_believed_when_it_is_there_at_a_second_look(
    damaged: Damaged, monkeypatch: pytest.MonkeyPatch
):
    """A write that failed for want of room, and the next one in its place, look like damage to who reads both."""
    path, starts, ends = damaged
    read_once = log_records._whole_records

    def mend_behind(data: bytes, *more: int) -> tuple[list[Rows], int, int]:
        monkeypatch.undo()
        mended = bytearray(path.read_bytes())
        bit_of_data(mended, starts, ends)
        path.write_bytes(mended)
        return read_once(data, *more)

    monkeypatch.setattr(log_records, "_whole_records", mend_behind)

    assert read_records(path, 0) == (
        [calls(a=b"1"), calls(b=b"2"), calls(c=b"3")],
        path.stat().st_size,
        0,
    )


@given(
    documents=st.lists(st.binary(max_size=60), min_size=1, max_size=6),
    where=st.floats(0.0, 1.0, exclude_max=True),
    length=st.integers(1, 120),
    put_there=st.one_of(st.none(), st.binary(min_size=1, max_size=120)),
)
def test_damage_costs_what_it_touches_and_nothing_else(
    documents: list[bytes], where: float, length: int, put_there: bytes | None
):
    """Wherever it is, zeros or anything else, of the same length or not."""
    batches = [{"call": {number: (document,)}} for number, document in enumerate(documents)]
    records = [written(heading()), *map(written, batches)]
    data = b"".join(records)
    starts = int(where * len(data))
    ends = min(starts + length, len(data))
    ends_of = list(accumulate(map(len, records)))
    untouched = [
        batch
        for batch, end, record in zip(batches, ends_of[1:], records[1:], strict=True)
        if end <= starts or end - len(record) >= ends
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "000000000001-x.redo"
        path.write_bytes(data[:starts] + (bytes(length) if put_there is None else put_there) + data[ends:])
        found = read_records(path, 0).batches

    assert [batch for batch in found if batch in untouched] == untouched
    assert [batch for batch in found if batch not in batches] == []


# --- other versions ---


def test_the_log_of_a_newer_version_is_left_alone(
    directory: Path, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patched:
        patched.setattr(log_records, "_FORMAT", 3)
        RedoLog(directory).append(calls(a=b"1"))

    with pytest.raises(StoreError, match=r"redo was written by a newer version of Sipwright$"):
        applier.apply()


def test_rows_of_another_version_get_the_columns_of_this_one(
    database: Path, directory: Path, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    """One that had no `answered_at`, and another order, and something that is unknown here."""
    names = (
        "document",
        *(name for name in CallRow._fields if name not in ("document", "answered_at")),
        "mood",
    )
    row = tuple({**call("a", b"old")._asdict(), "mood": "good"}[name] for name in names)
    with monkeypatch.context() as patched:
        patched.setattr(log_records, "_COLUMNS", {**log_records._COLUMNS, "call": names, "dance": ("step",)})
        RedoLog(directory).append({"call": {"a": row, "gone": None}, "dance": {"x": ("left",)}})
    with capture_logs() as logs:
        applier.apply()

    assert stored(database) == {"a": b"old"}
    assert [entry["event"] for entry in logs] == ["rows of a kind that is unknown here"]


# --- the times of several processes ---


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the time that batches get."""

    def set_to(now: int) -> None:
        monkeypatch.setattr(log_file.time, "monotonic_ns", lambda: now)

    set_to(100)
    return set_to


def stamped(time: int, rows: Rows) -> Rows:
    return {STAMP: {time: None}, **rows}


def test_what_was_appended_later_than_is_asked_for_is_not_read(directory: Path, clock: Callable[[int], None]):
    log = RedoLog(directory, is_stamped=True)
    for now in (100, 110, 120):
        clock(now)
        log.append(calls(a=b"%d" % now))
    path = segment(directory)
    first = read_records(path, 0, 119)
    rest = read_records(path, first.end, 120)

    assert first.batches == [stamped(100, calls(a=b"100")), stamped(110, calls(a=b"110"))]
    assert rest == ([stamped(120, calls(a=b"120"))], path.stat().st_size, 0)
    assert [stamp_of(batch) for batch in first.batches] == [100, 110]
    assert begun_at(path) == 100


def test_what_is_of_an_earlier_start_of_the_machine_comes_before_all_of_this_one(
    directory: Path, clock: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
):
    clock(1_000)
    with monkeypatch.context() as patched:
        patched.setattr(log_records, "machine_start", lambda: "another")
        RedoLog(directory, is_stamped=True).append(calls(a=b"1"))
    found = read_records(segment(directory), 0, 10)

    assert [stamp_of(batch) for batch in found.batches] == [begun_at(segment(directory))]
    assert UNSTAMPED < begun_at(segment(directory)) < 0


def test_times_of_which_nobody_knows_the_start_hold_nothing_back(
    directory: Path, clock: Callable[[int], None]
):
    clock(1_000)
    RedoLog(directory, is_stamped=True).append(calls(a=b"1"))
    path = segment(directory)
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)

    assert read_records(path, 0, 10).batches == [stamped(1_000, calls(a=b"1"))]


def test_rows_of_another_version_keep_their_time(
    directory: Path, clock: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patched:
        patched.setattr(log_records, "_COLUMNS", {**log_records._COLUMNS, "dance": ("step",)})
        RedoLog(directory, is_stamped=True).append(calls(a=b"1"))

    assert read_records(segment(directory), 0).batches == [stamped(100, calls(a=b"1"))]
