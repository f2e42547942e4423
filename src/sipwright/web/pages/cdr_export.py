"""``/cdrs.csv``: the records that the page shows, all of them, as a file that is written while it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sipwright.usecases.cdr_csv import csv_lines
from sipwright.usecases.errors import UseCaseError
from sipwright.web.errors import answer_of
from sipwright.web.pages.cdr_query import wanted
from sipwright.web.pages.format import sortable_moment

if TYPE_CHECKING:
    from sipwright.usecases import UseCases
    from sipwright.usecases.cdrs import CdrView
    from sipwright.web.pages.door import Door

__all__ = ["ExportedRecords", "spreadsheet"]

_CSV = (
    "call", "call_id", "leg", "direction", "user", "account", "from_uri", "to_uri", "target", "answered_by", "dialplan",
    "dialplan_version", "started_at", "rang_at", "answered_at", "ended_at", "talked", "status", "reason", "hung_up_by",
    "sip_call_id",
)  # fmt: skip


class ExportedRecords:
    """Sends records; never more than a page of them is in memory."""

    def __init__(self, usecases: UseCases, door: Door) -> None:
        self._usecases = usecases
        self._door = door

    async def send(self, request: Request) -> Response:
        """Send the records that the address asks for."""
        await self._door(request)
        actor = request.scope["sipwright.actor"]
        try:
            me = await self._usecases.me.get(actor)
            which = wanted(dict(request.query_params), me.timezone)
            await self._usecases.cdrs.list(actor, which, limit=1)  # what is wrong is told before it begins
        except UseCaseError as error:
            return answer_of(error)
        rows = self._usecases.cdrs.rows(
            actor, which, oldest_first=request.query_params.get("sort") == "oldest"
        )
        return StreamingResponse(
            spreadsheet(rows, me.timezone),
            media_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": 'attachment; filename="call-records.csv"',
                "Cache-Control": "no-store",
            },
        )


async def spreadsheet(rows: AsyncIterator[CdrView], timezone: str) -> AsyncIterator[str]:
    """Give the lines of a file that people open with a spreadsheet: marked as UTF-8, with times by their clock."""
    yield "\ufeff"
    async for part in csv_lines(rows, fields=_CSV, instant=partial(sortable_moment, timezone=timezone)):
        yield part
