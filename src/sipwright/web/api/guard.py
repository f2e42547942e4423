"""`/guard`: where calls of users may lead, and what they may cost; what a provider takes."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from sipwright.usecases.guard import GuardView, RateView
from sipwright.web.api.common import USUALLY, Cursor, Limit, Whose
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Given, Listing, model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource("/guard", tags=["administration"])

Shown: Any = model_of(GuardView)
Rate: Any = model_of(RateView)


class ChangedGuard(Given):
    """What is to change of what a user may use; of limits null is what the settings say."""

    open: list[str] = Field(default_factory=list, max_length=300)
    close: list[str] = Field(default_factory=list, max_length=300)
    calls_at_once: int | None = None
    calls_per_hour: int | None = None
    minutes_per_day: float | None = None
    money_per_day: float | None = None


@router.get("", response_model=Listing[Shown])
async def list_guarded(actor: Asking, uses: Uses, limit: Limit = USUALLY, cursor: Cursor = None) -> Any:
    """List what users may use, and have used in the last day."""
    return await uses.guard.list(actor, limit=limit, cursor=cursor)


@router.get("/{name}", response_model=Shown)
async def get_guarded(actor: Asking, uses: Uses, name: str) -> Any:
    """Show what a user may use, and has used in the last day."""
    return await uses.guard.show(actor, name)


@router.patch("/{name}", response_model=Shown)
async def change_guarded(actor: Asking, uses: Uses, name: str, given: ChangedGuard) -> Any:
    """Open or close kinds of numbers and countries for a user, or change limits."""
    limits = {field: getattr(given, field) for field in given.model_fields_set - {"open", "close"}}
    view = await uses.guard.limit(actor, "user", name, limits)
    if given.close:
        view = await uses.guard.close(actor, name, given.close)
    return await uses.guard.open(actor, name, given.open) if given.open else view


@router.post("/{name}/forgive", response_model=Shown)
async def forgive_guarded(actor: Asking, uses: Uses, name: str) -> Any:
    """Count no more what a user has used today."""
    return await uses.guard.forgive(actor, name)


@router.get("/rates/{provider}", response_model=Listing[Rate])
async def list_rates(
    actor: Asking,
    uses: Uses,
    provider: str,
    user: Whose = None,
    limit: Limit = USUALLY,
    cursor: Cursor = None,
) -> Any:
    """List what a provider takes, by prefix."""
    return await uses.guard.rates(actor, provider, user, limit=limit, cursor=cursor)
