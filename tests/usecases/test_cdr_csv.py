"""CDRs as CSV, for spreadsheets."""

import asyncio
import csv
import io
from types import SimpleNamespace

import pytest

from sipwright.usecases.cdr_csv import csv_lines
from sipwright.usecases.cdrs import CdrView


def written(**values):
    """Return the one row of a CSV as a program reads it."""

    async def lines():
        async def rows():
            yield SimpleNamespace(**dict.fromkeys(CdrView.__dataclass_fields__) | values)

        return "".join([part async for part in csv_lines(rows())])

    (row,) = csv.DictReader(io.StringIO(asyncio.run(lines())))
    return row


@pytest.mark.parametrize(
    "text",
    [
        "=cmd|' /C calc'!A0",
        "@SUM(1)",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "+1-800-555",
        "\t=1",
        "\r=1",
        "+353@x!A0",
        "-",
    ],
)
def test_no_cell_of_the_csv_is_a_formula(text):
    assert written(from_uri=text)["from_uri"] == f"'{text}"


@pytest.mark.parametrize("text", ["+35312345", "-1", "+35312345@blueface", "sip:alice@example.org", "a=b"])
def test_numbers_are_as_they_were_dialled(text):
    assert written(to_uri=text)["to_uri"] == text


def test_instants_are_rfc_3339():
    assert written(started_at=0.5)["started_at"] == "1970-01-01T00:00:00.500Z"
