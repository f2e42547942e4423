"""``/cdrs.csv``: the records that the page shows, all of them, as a file that is written while it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from sipwright.usecases.errors import UseCaseError
from sipwright.web.pages.cdrs import csv_lines, wanted

if TYPE_CHECKING:
    from sipwright.usecases import UseCases
    from sipwright.web.pages.door import Door

__all__ = ["ExportedRecords"]


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
        except UseCaseError as error:
            return PlainTextResponse(f"{error}\n", 422)
        rows = self._usecases.cdrs.rows(
            actor, which, oldest_first=request.query_params.get("sort") == "oldest"
        )
        return StreamingResponse(
            csv_lines(rows),
            media_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": 'attachment; filename="call-records.csv"',
                "Cache-Control": "no-store",
            },
        )
