"""`/status`: whether everything works, for whoever may see it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from sipwright.usecases.actor import Actor
from sipwright.usecases.status import StatusView
from sipwright.web.api.identity import Uses, actor_of, find_actor
from sipwright.web.api.models import model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource(tags=["status"])

Shown: Any = model_of(StatusView)


async def _asking(connection: HTTPConnection) -> Actor | None:
    if connection.app.state.settings.web.public_status:
        return await find_actor(connection)
    return await actor_of(connection)


@router.get("/status", response_model=Shown)
async def get_status(actor: Annotated[Actor | None, Depends(_asking)], uses: Uses) -> Any:
    """Show how everything is; without a log-in where `[web] public_status` says so."""
    return await uses.status.get(actor)
