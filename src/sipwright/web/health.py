"""`/healthz` and `/readyz`, for balancers: whether this process lives, and whether it can do its work."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import text

from sipwright.errors import UserError
from sipwright.usecases.usecases import UseCases
from sipwright.web.api.identity import usecases_of
from sipwright.web.problems import Problem

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

WITHIN = 3.0


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Tell that the process lives."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request) -> dict[str, Any]:
    """Tell that database and switch answer."""
    uses = usecases_of(request)
    missing = [
        name for name, answers in (("database", _database), ("switch", _switch)) if not await answers(uses)
    ]
    if missing:
        raise Problem(503, f"no answer from the {' and the '.join(missing)}", headers={"Retry-After": "2"})
    return {"status": "ready", "database": True, "switch": True}


async def _database(uses: UseCases) -> bool:
    try:
        async with asyncio.timeout(WITHIN):
            await uses.ground.read(lambda connection: connection.execute(text("SELECT 1")).scalar())
    except (UserError, TimeoutError):
        return False
    return True


async def _switch(uses: UseCases) -> bool:
    try:
        async with asyncio.timeout(WITHIN):
            await uses.ground.switch.request("status")
    except (UserError, TimeoutError):
        return False
    return True
