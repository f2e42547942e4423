"""`/store`: the values that the scripts of a user keep."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query, Response
from pydantic import JsonValue

from sipwright.usecases.values import ValueView
from sipwright.web.api.common import (
    NOT_MODIFIED,
    USUALLY,
    Cursor,
    IfMatch,
    IfNoneMatch,
    Limit,
    Whose,
    tagged,
)
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Given, Listing, model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource("/store", tags=["store"])

Shown: Any = model_of(ValueView, "StoredValue")
Key = Annotated[str, Path(max_length=64)]


class NewValue(Given):
    """What to keep: any JSON value but null."""

    value: JsonValue


@router.get("", response_model=Listing[Shown])
async def list_values(
    actor: Asking, uses: Uses, user: Whose = None, prefix: Annotated[str, Query(max_length=64)] = "",
    limit: Limit = USUALLY, cursor: Cursor = None,
) -> Any:  # fmt: skip
    """List values by key."""
    return await uses.values.list(actor, prefix=prefix, user=user, limit=limit, cursor=cursor)


@router.get("/{key:path}", response_model=Shown, responses=NOT_MODIFIED)
async def get_value(actor: Asking, uses: Uses, key: Key, response: Response, user: Whose = None) -> Any:
    """Show the value under a key."""
    return tagged(response, await uses.values.get(actor, key, user=user))


@router.put("/{key:path}", response_model=Shown)
async def put_value(
    actor: Asking, uses: Uses, key: Key, given: NewValue, response: Response, user: Whose = None,
    if_match: IfMatch = None, if_none_match: IfNoneMatch = None,
) -> Any:  # fmt: skip
    """Keep a value under a key."""
    kept = await uses.values.put(
        actor, key, given.value, user=user, if_match=if_match, if_none_match=if_none_match
    )
    return tagged(response, kept)


@router.delete("/{key:path}", status_code=204)
async def remove_value(
    actor: Asking, uses: Uses, key: Key, user: Whose = None, if_match: IfMatch = None
) -> None:
    """Forget the value under a key."""
    await uses.values.remove(actor, key, user=user, if_match=if_match)
