"""What the agent asks of the rest of the node: the rows of the database, the providers in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from sipwright.services.ports import ProviderView

__all__ = ["Providers", "Records", "StoredRegistration"]


class StoredRegistration(Protocol):
    """A row of the table `registrations`; its times are unix seconds."""

    @property
    def provider_id(self) -> int:
        """The provider."""

    @property
    def node(self) -> str | None:
        """The node that has claimed it."""

    @property
    def state(self) -> str:
        """How it stands."""

    @property
    def contact(self) -> str | None:
        """What the provider has been told."""

    @property
    def call_id(self) -> str | None:
        """The Call-ID of all its requests."""

    @property
    def cseq(self) -> int | None:
        """The CSeq of the last one."""

    @property
    def expires_at(self) -> float | None:
        """Until when the provider holds it."""

    @property
    def status(self) -> int | None:
        """The last answer."""

    @property
    def reason(self) -> str | None:
        """Its reason."""

    @property
    def updated_at(self) -> float:
        """When the node wrote it."""

    @property
    def address(self) -> str | None:
        """The IP address of whoever has accepted it."""

    @property
    def service_route(self) -> str | None:
        """Through which proxies our requests are to go there (RFC 3608)."""


class Records(Protocol):
    """What is asked of the database."""

    async def load(self, node: str) -> Sequence[StoredRegistration]:
        """Return the rows that a node has claimed."""

    async def claim(
        self, node: str, provider_ids: Sequence[int], now: float, lease: float, grace: float
    ) -> Sequence[StoredRegistration]:
        """Claim what nobody has, or whose claim ended `grace` seconds ago; return which of the rows are ours now."""

    async def claimed_by_others(self, node: str) -> Sequence[StoredRegistration]:
        """Return the rows that other nodes have claimed."""

    async def takers(self, provider_ids: Sequence[int]) -> Mapping[int, str | None]:
        """Return why nobody takes the calls of providers; `None` where somebody does, which then stays so."""


class Providers(Protocol):
    """The providers of all users, in memory."""

    def provider_by_id(self, provider_id: int) -> ProviderView | None:
        """Return a provider."""

    def providers(self) -> Iterable[ProviderView]:
        """Go through all of them."""
