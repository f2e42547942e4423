"""Bindings: where phones can be reached now, and what is known of the NAT before them."""

from __future__ import annotations

from dataclasses import dataclass

from sipwright.usecases.actor import Actor
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page

__all__ = ["BindingView", "Bindings"]


@dataclass(frozen=True, slots=True)
class BindingView:
    """Where a phone can be reached; `nat` is ``none`` or ``behind``, or ``unknown`` where its contact is a name."""

    id: str
    account: str
    user: str
    contact: str
    transport: str
    source: str
    nat: str
    user_agent: str | None
    instance: str | None
    q: float | None
    path: str | None
    expires_at: float
    updated_at: float


class Bindings:
    """Shows where phones are, and forgets one."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def list(
        self, actor: Actor, *, user: str | None = None, account: str | None = None, q: str | None = None,
        limit: int = USUAL, cursor: str | None = None,
    ) -> Page[BindingView]:  # fmt: skip
        """List bindings that have not expired, by account."""
        raise NotImplementedError

    async def get(self, actor: Actor, id: str) -> BindingView:
        """Show one binding."""
        raise NotImplementedError

    async def remove(self, actor: Actor, id: str) -> BindingView:
        """Forget a binding, in the switch that runs as well as in the database."""
        raise NotImplementedError
