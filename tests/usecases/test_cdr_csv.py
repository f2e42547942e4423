"""CDRs as CSV, for spreadsheets."""

import asyncio
import csv
import io
from types import SimpleNamespace

from sipwright.usecases.cdr_csv import csv_lines
from sipwright.usecases.cdrs import CdrView


def test_no_cell_of_the_csv_is_a_formula():
    async def lines():
        fields = dict.fromkeys(CdrView.__dataclass_fields__)
        row = SimpleNamespace(
            **fields | {"from_uri": "=cmd|' /C calc'!A0", "started_at": 0.5, "to_uri": "+35312345"}
        )

        async def rows():
            yield row

        return "".join([part async for part in csv_lines(rows())])

    (row,) = csv.DictReader(io.StringIO(asyncio.run(lines())))
    assert (row["from_uri"][0], row["to_uri"]) == ("'", "+35312345")
    assert row["started_at"] == "1970-01-01T00:00:00.500Z"
