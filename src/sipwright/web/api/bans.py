"""`/bans`: who may not come any more; an admin's."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from sipwright.usecases.actor import READ
from sipwright.usecases.page import Page
from sipwright.usecases.rights import Needs, allow
from sipwright.web.api.common import USUALLY, Cursor, Limit
from sipwright.web.api.identity import Asking
from sipwright.web.api.models import Listing, Time

__all__ = ["router"]

router = APIRouter(prefix="/bans", tags=["administration"])


class Ban(BaseModel):
    """An address from which nobody is let in."""

    address: str
    reason: str
    since: Time
    until: Time | None


@router.get("", response_model=Listing[Ban])
async def list_bans(actor: Asking, limit: Limit = USUALLY, cursor: Cursor = None) -> Any:
    """List who is banned: nobody, as this release bans no one; too many tries are only refused for a while."""
    allow(actor, Needs(READ, admin=True))
    return Page(())
