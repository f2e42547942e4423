"""Providers: SIP services that a user has credentials for, and trunks."""

from __future__ import annotations

from dataclasses import dataclass

from sipwright.store.admin.specs import ProviderChange, ProviderSpec
from sipwright.usecases.actor import Actor
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page

__all__ = ["ExchangedMessage", "ProviderNumberView", "ProviderTest", "ProviderView", "Providers"]


@dataclass(frozen=True, slots=True)
class ProviderNumberView:
    """Some of the numbers that a trunk brings, and who takes their calls, also in words."""

    number: str
    calls_in: str
    account: str | None
    in_plan: str | None


@dataclass(frozen=True, slots=True)
class ExchangedMessage:
    """One message of an exchange; `at` is in seconds from its beginning."""

    at: float
    is_to_provider: bool
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider; `state` is that of our registration there, ``unreachable`` or ``failed``, never its password."""

    provider: str
    user: str
    server: str
    username: str | None
    auth_username: str | None
    register: bool
    realm: str | None
    from_template: str | None
    outbound_proxy: str | None
    answer_within: float | None
    longest_call: float | None
    enabled: bool
    networks: tuple[str, ...]
    number_in: str
    calls_in: str
    account: str | None
    in_plan: str | None
    numbers: tuple[ProviderNumberView, ...]
    state: str | None
    registered_until: float | None
    status: int | None
    reason: str | None
    unreachable_since: float | None
    unreachable_reason: str | None
    etag: str


@dataclass(frozen=True, slots=True)
class ProviderTest:
    """What came of asking a provider now."""

    ok: bool
    method: str
    status: int | None
    reason: str
    seconds: float
    exchange: tuple[ExchangedMessage, ...]


class Providers:
    """Makes, shows, changes, tests and removes providers; `user` is whose it is, where an admin means another's."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def list(
        self, actor: Actor, *, user: str | None = None, q: str | None = None, limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[ProviderView]:  # fmt: skip
        """List providers by name."""
        raise NotImplementedError

    async def get(self, actor: Actor, name: str, *, user: str | None = None) -> ProviderView:
        """Show a provider."""
        raise NotImplementedError

    async def create(self, actor: Actor, spec: ProviderSpec, *, user: str | None = None) -> ProviderView:
        """Make a provider."""
        raise NotImplementedError

    async def change(
        self, actor: Actor, name: str, change: ProviderChange, *, user: str | None = None,
        if_match: str | None = None,
    ) -> ProviderView:  # fmt: skip
        """Change what is given of a provider; with `if_match` only if that is still its etag."""
        raise NotImplementedError

    async def remove(
        self, actor: Actor, name: str, *, user: str | None = None, if_match: str | None = None
    ) -> ProviderView:
        """Remove a provider."""
        raise NotImplementedError

    async def add_number(
        self, actor: Actor, name: str, number: str, *, account: str | None = None, in_plan: str | None = None,
        user: str | None = None,
    ) -> ProviderView:  # fmt: skip
        """Say which account or dialplan takes the calls to some numbers of a provider."""
        raise NotImplementedError

    async def remove_number(
        self, actor: Actor, name: str, number: str, *, user: str | None = None
    ) -> ProviderView:
        """Forget who takes the calls to some numbers of a provider."""
        raise NotImplementedError

    async def test(
        self, actor: Actor, name: str, *, method: str | None = None, user: str | None = None
    ) -> ProviderTest:
        """Register with a provider now, or ask it with OPTIONS, as `method` says or else as it is used."""
        raise NotImplementedError

    async def last_exchange(
        self, actor: Actor, name: str, *, user: str | None = None
    ) -> tuple[ExchangedMessage, ...]:
        """Show the messages of the last REGISTER or OPTIONS that the switch has exchanged with a provider."""
        raise NotImplementedError
