"""`/cdrs`: what became of calls, as JSON a page at a time, or all of it as CSV."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import Header, Query
from starlette.responses import StreamingResponse

from sipwright.usecases.cdr_csv import csv_lines
from sipwright.usecases.cdrs import CdrFilter, CdrView
from sipwright.usecases.page import Page
from sipwright.web.api.common import USUALLY, Cursor, Filter, Limit, OfAccount, Parts, Whose
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Instant, Listing, model_of
from sipwright.web.api.route import resource

__all__ = ["csv_lines", "router"]

router = resource("/cdrs", tags=["cdrs"])

Shown: Any = model_of(CdrView)


@router.get(
    "",
    response_model=Listing[Shown],
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def list_cdrs(
    actor: Asking,
    uses: Uses,
    from_: Annotated[Instant | None, Query(alias="from", description="Begun then or later.")] = None,
    to: Annotated[Instant | None, Query(description="Begun before.")] = None,
    user: Whose = None,
    account: OfAccount = None,
    direction: Literal["in", "out", "callback", "transfer", "refused"] | None = None,
    status: Annotated[str | None, Query(description="486, 4xx, answered or failed.", max_length=20)] = None,
    q: Filter = None,
    legs: Parts = False,
    limit: Limit = USUALLY,
    cursor: Cursor = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Any:
    """List calls, the newest first, or with `legs` each record of them; `Accept: text/csv` gives all, one a line."""
    which = CdrFilter(
        from_=from_, to=to, user=user, account=account, direction=direction, status=status, q=q, by_call=not legs
    )  # fmt: skip
    if not _wants_csv(accept):
        return await uses.cdrs.list(actor, which, limit=limit, cursor=cursor)
    first: Page[CdrView] = await uses.cdrs.list(
        actor, which, limit=1
    )  # whatever is wrong is told before it begins
    del first
    headers = {"Content-Disposition": 'attachment; filename="cdrs.csv"'}
    return StreamingResponse(csv_lines(uses.cdrs.rows(actor, which)), media_type="text/csv", headers=headers)


def _wants_csv(accept: str) -> bool:
    """Return whether CSV is asked for, and JSON not more (RFC 9110 §12.5.1); of two wishes alike the one by name."""
    wishes = dict(map(_wish, accept.lower().split(",")))
    csv, json = (_weight(wishes, kind) for kind in ("text/csv", "application/json"))
    return csv > json or (csv == json > 0 and "text/csv" in wishes)


def _weight(wishes: dict[str, float], kind: str) -> float:
    for named in (kind, kind.partition("/")[0] + "/*", "*/*"):
        if named in wishes:
            return wishes[named]
    return 0.0


def _wish(text: str) -> tuple[str, float]:
    kind, *parameters = (part.strip() for part in text.split(";"))
    weights = [float(one[2:]) for one in parameters if _WEIGHT.fullmatch(one)]
    return kind, weights[0] if weights else 1.0


_WEIGHT = re.compile(r"q=[01](\.[0-9]{0,3})?")
