"""`/unusual-calls`: what was held back as it is unlike all other calls of a user, to be confirmed by them."""

from __future__ import annotations

from typing import Any

from sipwright.usecases.unusual_calls import UnusualCallView
from sipwright.web.api.common import USUALLY, Cursor, Limit, Whose
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Listing, model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource("/unusual-calls", tags=["calls"])

Shown: Any = model_of(UnusualCallView)


@router.get("", response_model=Listing[Shown])
async def list_unusual_calls(
    actor: Asking, uses: Uses, user: Whose = None, limit: Limit = USUALLY, cursor: Cursor = None
) -> Any:
    """List calls that were held back, the newest first; each has the code that confirms it when it is dialled."""
    return await uses.unusual_calls.list(actor, user=user, limit=limit, cursor=cursor)


@router.post("/{number}/confirm", response_model=Shown)
async def confirm_unusual_call(actor: Asking, uses: Uses, number: int) -> Any:
    """Let calls there leave, for three days: then they are usual."""
    return await uses.unusual_calls.confirm(actor, number)


@router.post("/{number}/undo", response_model=Shown)
async def undo_unusual_call(actor: Asking, uses: Uses, number: int) -> Any:
    """Hold calls there back again."""
    return await uses.unusual_calls.undo(actor, number)
