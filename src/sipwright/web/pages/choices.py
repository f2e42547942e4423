"""What the pages offer for choice in more than one place."""

from __future__ import annotations

from sipwright.web.pages.visit import Visit

__all__ = ["plan_options"]


async def plan_options(visit: Visit, nothing: str) -> list[tuple[str, str]]:
    """Return the dialplans that an account or a provider can name."""
    page = await visit.usecases.dialplans.list(visit.actor, limit=500)
    return [("", nothing), *((name, name) for name in sorted({plan.dialplan for plan in page}))]
