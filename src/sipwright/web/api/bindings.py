"""`/bindings`: where phones can be reached now."""

from __future__ import annotations

from typing import Any

from sipwright.usecases.bindings import BindingView
from sipwright.web.api.common import OfAccount, Wish
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Listing, model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource("/bindings", tags=["bindings"])

Shown: Any = model_of(BindingView)


@router.get("", response_model=Listing[Shown])
async def list_bindings(actor: Asking, uses: Uses, wish: Wish, account: OfAccount = None) -> Any:
    """List where phones are, with what is known of the NAT before them."""
    return await uses.bindings.list(actor, account=account, **wish)


@router.get("/{id}", response_model=Shown)
async def get_binding(actor: Asking, uses: Uses, id: str) -> Any:
    """Show one binding."""
    return await uses.bindings.get(actor, id)


@router.delete("/{id}", status_code=204)
async def remove_binding(actor: Asking, uses: Uses, id: str) -> None:
    """Forget one binding."""
    await uses.bindings.remove(actor, id)
