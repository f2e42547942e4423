"""`/healthz` and `/readyz`, for balancers: whether this process lives, and whether it can do its work."""

from __future__ import annotations

from fastapi import APIRouter

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get("/healthz", include_in_schema=False)
async def healthz() -> dict[str, str]:
    """Tell that the process lives."""
    return {"status": "ok"}
