"""`/bans`: who may not come any more; an admin's."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from sipwright.web.api.common import USUALLY, Cursor, Limit
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Given, Listing, Time
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource("/bans", tags=["administration"])


class Ban(BaseModel):
    """An address or a network from which nobody is let in; `until` is null for ever."""

    model_config = ConfigDict(from_attributes=True)

    address: str
    reason: str
    since: Time
    until: Time | None
    by: str
    times: int
    phones: int | None


class NewBan(Given):
    """Whom to ban, for how long, and why."""

    address: str = Field(max_length=100)
    seconds: float | None = None
    reason: str = Field("", max_length=200)


@router.get("", response_model=Listing[Ban])
async def list_bans(actor: Asking, uses: Uses, limit: Limit = USUALLY, cursor: Cursor = None) -> Any:
    """List who is banned now, the newest first."""
    return await uses.bans.list(actor, limit=limit, cursor=cursor)


@router.post("", response_model=Ban, status_code=201)
async def add_ban(actor: Asking, uses: Uses, given: NewBan, request: Request, response: Response) -> Any:
    """Ban an address or a network, also one where phones are registered: `phones` says how many."""
    view = await uses.bans.add(actor, given.address, reason=given.reason, seconds=given.seconds)
    response.headers["Location"] = f"{request.url.path}/{view.address}"
    return view


@router.get("/{address:path}", response_model=Ban)
async def get_ban(actor: Asking, uses: Uses, address: str) -> Any:
    """Show the ban of an address or a network."""
    return await uses.bans.get(actor, address)


@router.delete("/{address:path}", status_code=204)
async def remove_ban(actor: Asking, uses: Uses, address: str) -> None:
    """Let an address or a network come again."""
    await uses.bans.remove(actor, address)
