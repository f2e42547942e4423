"""The values that the scripts of a user keep (``store.get`` and so on)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sipwright.usecases.actor import Actor
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page

__all__ = ["ValueView", "Values"]


@dataclass(frozen=True, slots=True)
class ValueView:
    """What is kept under a key."""

    key: str
    value: Any
    user: str
    updated_at: float
    etag: str


class Values:
    """Shows and changes what scripts keep; `user` is whose it is, where an admin means another's."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def list(
        self, actor: Actor, *, prefix: str = "", user: str | None = None, limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[ValueView]:  # fmt: skip
        """List values by key."""
        raise NotImplementedError

    async def get(self, actor: Actor, key: str, *, user: str | None = None) -> ValueView:
        """Show the value under a key."""
        raise NotImplementedError

    async def put(
        self, actor: Actor, key: str, value: Any, *, user: str | None = None, if_match: str | None = None
    ) -> ValueView:
        """Keep a value under a key."""
        raise NotImplementedError

    async def remove(
        self, actor: Actor, key: str, *, user: str | None = None, if_match: str | None = None
    ) -> ValueView:
        """Forget the value under a key."""
        raise NotImplementedError
