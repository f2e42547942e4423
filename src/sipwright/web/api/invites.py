"""`/invites`: codes with which people sign up; an admin's."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path

from sipwright.usecases.invites import InviteRow, IssuedInvite
from sipwright.web.api.common import USUALLY, Cursor, Limit
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Given, Listing, model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource("/invites", tags=["users"])

Shown: Any = model_of(InviteRow, "Invite")
Issued: Any = model_of(IssuedInvite)


class NewInvite(Given):
    """How many may sign up with it, within how many days, and for whom it is."""

    uses: int = 1
    days: float = 7.0
    note: str = ""


@router.get("", response_model=Listing[Shown])
async def list_invites(actor: Asking, uses: Uses, limit: Limit = USUALLY, cursor: Cursor = None) -> Any:
    """List the invites that somebody can still sign up with, the newest first; never their codes."""
    return await uses.invites.list(actor, limit=limit, cursor=cursor)


@router.post("", response_model=Issued, status_code=201)
async def add_invite(actor: Asking, uses: Uses, given: NewInvite) -> Any:
    """Make an invite, whose code is shown this once."""
    return await uses.invites.create(actor, uses=given.uses, days=given.days, text=given.note)


@router.delete("/{id}", status_code=204)
async def take_invite_back(actor: Asking, uses: Uses, id: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> None:
    """Take an invite back."""
    await uses.invites.remove(actor, id)
