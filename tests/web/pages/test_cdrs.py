"""The conditions in the address of the call records, and the file that is taken along."""

import csv
import io
from datetime import date
from types import SimpleNamespace

import pytest

from sipwright.usecases.cdrs import CdrDay
from sipwright.usecases.errors import Invalid
from sipwright.web.pages.cdr_chart import each_day
from sipwright.web.pages.cdr_export import _CSV, spreadsheet
from sipwright.web.pages.cdr_query import wanted

DAY = 86_400.0


def test_days_are_whole_ones_and_the_last_is_in_it():
    which = wanted({"from": "2026-11-28", "to": "2026-11-29"})

    assert (which.to - which.from_) / DAY == 2.0


def test_each_call_is_shown_once_unless_each_leg_is_asked_for():
    assert [wanted(query).by_call for query in ({}, {"legs": "1"})] == [True, False]


@pytest.mark.parametrize("name", ["from", "to"])
def test_what_is_no_day_is_told_at_its_field(name):
    with pytest.raises(Invalid) as told:
        wanted({name: "tomorrow"})

    assert [(one.field, one.message) for one in told.value.fields] == [
        (name, "'tomorrow' is no day; write one such as 2026-11-29")
    ]


async def test_a_file_of_records_is_one_for_spreadsheets():
    """Excel takes a file for UTF-8 by its mark alone, and an instant for a time if it is written like one."""

    async def rows():
        call = {
            "call": "c0",
            "call_id": "c1",
            "leg": 0,
            "from_uri": '=cmd|"x", 1',
            "reason": "Besetzt, später",
        }
        yield SimpleNamespace(**{**dict.fromkeys(_CSV), **call, "started_at": 1_792_890_000.25})

    text = "".join([part async for part in spreadsheet(rows(), "Europe/Dublin")])
    (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))

    assert text.startswith("\ufeffcall,call_id,leg,direction,")
    assert (row["call"], row["from_uri"], row["reason"]) == ("c0", '\'=cmd|"x", 1', "Besetzt, später")
    assert row["started_at"] == "2026-10-25 01:00:00"  # after the clocks have gone back


def test_the_days_of_a_time_zone_are_meant_and_a_day_without_a_call_has_a_place_in_the_chart():
    which = wanted({"from": "2026-11-28"}, "Asia/Tokyo")
    assert which.from_ == wanted({"from": "2026-11-28"}).from_ - 9 * 3_600.0
    busy = CdrDay("2026-11-28", 3, 2, 1, 60.0)

    shown = each_day([busy], date(2026, 11, 27), date(2026, 11, 29))
    assert [(day.day, day.calls) for day in shown] == [
        ("2026-11-27", 0),
        ("2026-11-28", 3),
        ("2026-11-29", 0),
    ]
    assert each_day([busy], date(2020, 1, 1), date(2026, 11, 29)) == (busy,)
