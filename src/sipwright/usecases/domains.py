"""Domains: the SIP domains that are served; only an admin sees them."""

from __future__ import annotations

from dataclasses import dataclass

from sipwright.usecases.actor import Actor
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page

__all__ = ["DomainView", "Domains"]


@dataclass(frozen=True, slots=True)
class DomainView:
    """A SIP domain; `default` is the one that is meant when none is named."""

    domain: str
    default: bool
    algorithm: str
    accounts: int
    etag: str


class Domains:
    """Adds, shows, changes and removes domains."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def list(self, actor: Actor, *, limit: int = USUAL, cursor: str | None = None) -> Page[DomainView]:
        """List domains by name."""
        raise NotImplementedError

    async def get(self, actor: Actor, name: str) -> DomainView:
        """Show a domain."""
        raise NotImplementedError

    async def create(
        self, actor: Actor, name: str, *, default: bool = False, algorithm: str | None = None
    ) -> DomainView:
        """Serve one more domain."""
        raise NotImplementedError

    async def change(
        self, actor: Actor, name: str, *, default: bool = False, algorithm: str | None = None,
        if_match: str | None = None,
    ) -> DomainView:  # fmt: skip
        """Make a domain the default, or choose its digest algorithm."""
        raise NotImplementedError

    async def remove(self, actor: Actor, name: str, *, if_match: str | None = None) -> DomainView:
        """Stop serving a domain that has no accounts."""
        raise NotImplementedError
