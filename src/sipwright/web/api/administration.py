"""`/nodes`, `/audit` and `/bans`: what only an admin sees."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query

from sipwright.usecases.audit import AuditRow
from sipwright.usecases.nodes import NodeView
from sipwright.web.api.common import USUALLY, Cursor, Limit
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Instant, Listing, model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource(tags=["administration"])

Node: Any = model_of(NodeView)
Change: Any = model_of(AuditRow, "AuditEntry")


@router.get("/nodes", response_model=Listing[Node])
async def list_nodes(actor: Asking, uses: Uses, limit: Limit = USUALLY, cursor: Cursor = None) -> Any:
    """List the nodes by name."""
    return await uses.nodes.list(actor, limit=limit, cursor=cursor)


@router.get("/nodes/{name}", response_model=Node)
async def get_node(actor: Asking, uses: Uses, name: str) -> Any:
    """Show a node."""
    return await uses.nodes.get(actor, name)


@router.get("/audit", response_model=Listing[Change])
async def list_changes(
    actor: Asking, uses: Uses, user: Annotated[str | None, Query(max_length=100)] = None,
    action: Annotated[str | None, Query(description="How the action begins.", max_length=100)] = None,
    since: Instant | None = None, limit: Limit = USUALLY, cursor: Cursor = None,
) -> Any:  # fmt: skip
    """List who has changed what, the newest first."""
    return await uses.audit.list(
        actor, user=user, action=action, since=since, limit=limit, cursor=cursor
    )  # fmt: skip
