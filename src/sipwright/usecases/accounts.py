"""Accounts: the SIP identities that phones register as."""

from __future__ import annotations

from dataclasses import dataclass

from sipwright.store.admin.specs import AccountChange, AccountSpec
from sipwright.usecases.actor import Actor
from sipwright.usecases.bindings import BindingView
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page

__all__ = ["AccountView", "Accounts", "PhoneSettings"]


@dataclass(frozen=True, slots=True)
class PhoneSettings:
    """What to type into a phone; the password is the one that was given to the account."""

    server: str
    port: int
    transport: str
    domain: str
    username: str
    auth_username: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account; `bindings` is how many phones are registered, `fault` why nobody can use it."""

    account: str
    name: str
    domain: str
    user: str
    out_plan: str | None
    in_plan: str | None
    algorithm: str
    enabled: bool
    most_calls: int | None
    created_at: float
    bindings: int
    fault: str | None
    etag: str


@dataclass(frozen=True, slots=True)
class AccountDetail:
    """An account with its phones, and what to type into the next one, a way to reach us each."""

    account: AccountView
    bindings: tuple[BindingView, ...]
    phone: tuple[PhoneSettings, ...]


class Accounts:
    """Makes, shows, changes and removes accounts."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def list(
        self, actor: Actor, *, user: str | None = None, q: str | None = None, limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[AccountView]:  # fmt: skip
        """List accounts by name; `q` is a part of the address or of the owner's name."""
        raise NotImplementedError

    async def get(self, actor: Actor, name: str) -> AccountDetail:
        """Show an account by ``name`` or ``name@domain``."""
        raise NotImplementedError

    async def create(self, actor: Actor, spec: AccountSpec, domain: str | None = None) -> AccountView:
        """Make an account, the actor's unless an admin names another user."""
        raise NotImplementedError

    async def change(
        self, actor: Actor, name: str, change: AccountChange, *, if_match: str | None = None
    ) -> AccountView:
        """Change what is given of an account; with `if_match` only if that is still its etag."""
        raise NotImplementedError

    async def remove(
        self, actor: Actor, name: str, *, force: bool = False, if_match: str | None = None
    ) -> AccountView:
        """Remove an account and its bindings; one that takes the calls of a provider only by `force`."""
        raise NotImplementedError
