"""`/calls`: calls in progress, what can be done about them, and their traces."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from pydantic import Field, create_model

from sipwright.usecases.calls import CallView
from sipwright.usecases.traces import TraceView
from sipwright.web.api.common import OfAccount, OnceKey, Parts, Whose, Wish
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Given, Listing, model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource("/calls", tags=["calls"])


Shown: Any = model_of(CallView)
Trace: Any = model_of(TraceView, seconds=("at",))
Placed: Any = create_model("PlacedCall", id=(str, ...), call=(str, ...))


class NewCall(Given):
    """Whom to ring first, and whom to connect them with."""

    from_: str = Field(alias="from", max_length=300)
    to: str = Field(max_length=300)


class Target(Given):
    """Where to."""

    to: str = Field(max_length=300)


class Taker(Given):
    """Who takes the call."""

    by: str = Field(max_length=300)


@router.get("", response_model=Listing[Shown])
async def list_calls(
    actor: Asking, uses: Uses, wish: Wish, account: OfAccount = None, legs: Parts = False
) -> Any:
    """List the calls in progress, with their legs, states and where their scripts stand."""
    return await uses.calls.list(actor, account=account, parts=legs, **wish)


@router.post("", response_model=Placed, status_code=202)
async def place_call(
    actor: Asking, uses: Uses, given: NewCall, request: Request, response: Response, user: Whose = None,
    idempotency_key: OnceKey = None,
) -> Any:  # fmt: skip
    """Ring an account, and connect it with somebody when it answers."""
    call = await uses.calls.place(actor, given.from_, given.to, user=user, key=idempotency_key)
    response.headers["Location"] = f"{request.url.path}/{call}"
    return {"id": call, "call": call}


@router.get("/{id}", response_model=Shown)
async def get_call(actor: Asking, uses: Uses, id: str) -> Any:
    """Show a call in progress."""
    return await uses.calls.get(actor, id)


@router.post("/{id}/hangup", status_code=204)
async def hang_up(actor: Asking, uses: Uses, id: str) -> None:
    """End a call."""
    await uses.calls.hangup(actor, id)


@router.post("/{id}/transfer", status_code=204)
async def transfer(actor: Asking, uses: Uses, id: str, given: Target) -> None:
    """Connect who is at the other end with somebody else."""
    await uses.calls.transfer(actor, id, given.to)


@router.post("/{id}/redirect", status_code=204)
async def redirect(actor: Asking, uses: Uses, id: str, given: Target) -> None:
    """Let a call that rings ring elsewhere."""
    await uses.calls.redirect(actor, id, given.to)


@router.post("/{id}/pickup", status_code=204)
async def pick_up(actor: Asking, uses: Uses, id: str, given: Taker) -> None:
    """Let an account take a call that rings elsewhere."""
    await uses.calls.pickup(actor, id, given.by)


@router.get("/{id}/trace", response_model=Trace)
async def get_trace(actor: Asking, uses: Uses, id: str) -> Any:
    """Show the whole of a call, also of one that has ended: script, effects, ladder, and why it ended so."""
    return await uses.traces.get(actor, id)
