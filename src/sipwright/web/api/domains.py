"""`/domains`: the SIP domains that are served; an admin's."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from pydantic import Field

from sipwright.usecases.domains import DomainView
from sipwright.web.api.common import NOT_MODIFIED, USUALLY, Cursor, IfMatch, Limit, created, tagged
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Given, Listing, model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource("/domains", tags=["domains"])

Shown: Any = model_of(DomainView)


class ChangedDomain(Given):
    """What is to change of a domain."""

    default: bool = False
    algorithm: str | None = Field(None, max_length=20)


class NewDomain(ChangedDomain):
    """A domain to serve."""

    domain: str = Field(max_length=300)


@router.get("", response_model=Listing[Shown])
async def list_domains(actor: Asking, uses: Uses, limit: Limit = USUALLY, cursor: Cursor = None) -> Any:
    """List domains, the default one first."""
    return await uses.domains.list(actor, limit=limit, cursor=cursor)


@router.post("", response_model=Shown, status_code=201)
async def add_domain(
    actor: Asking, uses: Uses, given: NewDomain, request: Request, response: Response
) -> Any:
    """Serve another domain."""
    view = await uses.domains.create(actor, given.domain, default=given.default, algorithm=given.algorithm)
    return created(request, response, view, view.domain)


@router.get("/{name}", response_model=Shown, responses=NOT_MODIFIED)
async def get_domain(actor: Asking, uses: Uses, name: str, response: Response) -> Any:
    """Show a domain."""
    return tagged(response, await uses.domains.get(actor, name))


@router.patch("/{name}", response_model=Shown)
async def change_domain(
    actor: Asking, uses: Uses, name: str, given: ChangedDomain, response: Response, if_match: IfMatch = None
) -> Any:
    """Make a domain the default, or choose its digest algorithm."""
    view = await uses.domains.change(
        actor, name, default=given.default, algorithm=given.algorithm, if_match=if_match
    )
    return tagged(response, view)


@router.delete("/{name}", status_code=204)
async def remove_domain(actor: Asking, uses: Uses, name: str, if_match: IfMatch = None) -> None:
    """Stop serving a domain."""
    await uses.domains.remove(actor, name, if_match=if_match)
