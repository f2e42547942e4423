"""What this node holds at providers, or tries to: how many registrations there are, how they stand, and their rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from sipwright.errors import UserError
from sipwright.services.ports import Clock, Provider, ProviderView, Row, Writer
from sipwright.sip import NameAddr, ParseError, Reject
from sipwright.stack import Stack

from .held import State
from .provider import Place
from .registration import Registration

__all__ = ["AgentSnapshot", "Holdings", "OnRegistered", "OnRoute"]

log = structlog.get_logger(__name__)

OnRegistered = Callable[[int, str | None], None]
"""Hears the number of a provider, and the IP address of whoever has accepted our registration there."""

OnRoute = Callable[[int, str | None], None]
"""Hears the number of a provider, and through which proxies our requests are to go there (RFC 3608)."""


MOST_TROUBLED = 5
"""Registrations that do not hold, and are told of by name."""

_TROUBLED = (State.FAILED, State.STOPPED)


@dataclass(frozen=True, slots=True)
class AgentSnapshot:
    """How many registrations there are by state, how many are asked for right now, and how many are being removed.

    `troubled` are some of those that do not hold: the provider, and why.
    """

    states: dict[str, int]
    troubled: tuple[tuple[str, str], ...]
    under_way: int
    leaving: int


class Holdings:
    """The registrations of this node, and what was told of them."""

    def __init__(
        self,
        stack: Stack,
        writer: Writer,
        *,
        node: str,
        wall_clock: Clock,
        on_registered: OnRegistered,
        on_route: OnRoute,
    ) -> None:
        self._stack = stack
        self._writer = writer
        self._node = node
        self._wall_clock = wall_clock
        self._on_registered = on_registered
        self._on_route = on_route
        self._registrations: dict[int, Registration] = {}
        self._leaving: set[Registration] = set()
        self._unusable: set[int] = set()
        self._succeeded = self._failed = 0
        self.watch: Callable[[int, str, str | None], None] | None = None
        """Is told of the state of each registration that is stored, and why it is in that."""

    def __len__(self) -> int:
        return len(self._registrations)

    def snapshot(self) -> AgentSnapshot:
        """Return the numbers."""
        states = dict.fromkeys(map(str, (State.REGISTERING, State.REGISTERED, State.FAILED)), 0)
        troubled: list[tuple[str, str]] = []
        for registration in self._registrations.values():
            states[registration.state] = states.get(registration.state, 0) + 1
            if registration.state in _TROUBLED and len(troubled) < MOST_TROUBLED:
                troubled.append((registration.provider.name, registration.reason or str(registration.state)))
        everything = (*self._registrations.values(), *self._leaving)
        under_way = sum(registration.is_under_way for registration in everything)
        return AgentSnapshot(states, tuple(troubled), under_way, len(self._leaving))

    @property
    def done(self) -> tuple[int, int]:
        """How many registrations have succeeded and failed so far."""
        return self._succeeded, self._failed

    def standing(self, provider_id: int) -> tuple[str, str | None]:
        """Return how the registration at a provider stands, and why; "" where there is none."""
        registration = self._registrations.get(provider_id)
        return ("", None) if registration is None else (str(registration.state), registration.reason)

    def why_stopped(self, provider_id: int) -> str | None:
        """Return why nothing is sent to a provider until its settings change, if so."""
        registration = self._registrations.get(provider_id)
        is_stopped = registration is not None and registration.state is State.STOPPED
        return registration.reason if registration is not None and is_stopped else None

    def _of(self, provider: Provider) -> list[Registration]:
        every = self._registrations.values()
        return [each for each in every if (each.provider.user_id, each.provider.name) == provider]

    def _is_ours(self, provider_id: int) -> bool:
        registration = self._registrations.get(provider_id)
        return registration is not None and registration.lease_until > self._stack.clock()

    def _is_being_removed(self, provider_id: int) -> bool:
        return any(one.owns_row and one.provider.id == provider_id for one in self._leaving)

    # --- how one is made

    def _reaches_us(self, registration: Registration) -> bool:
        """Return whether what the provider was told by an earlier process still leads to the right place."""
        assert registration.contact is not None
        uri = NameAddr.parse(registration.contact).uri
        return uri.raw_user == registration.user and self._stack.addresses.is_own(uri.host, uri.port)

    def _make(self, provider: ProviderView, trouble: str | None) -> Registration | None:
        try:
            place = Place.of(provider)
        except ParseError as error:
            self._refuse(provider, error.reason)
            return None
        try:
            _ = provider.password
        except UserError:
            self._refuse(provider, "Its password cannot be decrypted; set its password again")
            return None
        token = self._stack.random_token
        return Registration(provider, place, trouble, token(), token(), self._stack.clock())

    def _refuse(self, provider: ProviderView, why: str) -> None:
        """Leave a provider alone until it is changed."""
        log.error("provider cannot be registered with", provider=provider.name, why=why)
        row = (provider.id, self._node, str(State.FAILED), None, None, None, None, None, why)
        self._put(provider.id, (*row, self._wall_clock(), None, None))
        self._unusable.add(provider.id)

    # --- what is stored of them, and told

    def _store(self, registration: Registration, on_commit: Callable[[], None] | None = None) -> None:
        self._tell(registration.provider.id, registration.address, registration.service_route)
        row = registration.row(self._node, self._stack.clock(), self._wall_clock())
        self._put(registration.provider.id, row, on_commit)

    def _tell(self, provider_id: int, address: str | None, route: str | None) -> None:
        self._on_route(provider_id, route)
        self._on_registered(provider_id, address)

    def _put(self, provider_id: int, row: Row | None, on_commit: Callable[[], None] | None = None) -> None:
        if self.watch is not None:
            state, why = ("removed", None) if row is None else (str(row[2]), row[8])
            self.watch(provider_id, state, why)
        try:
            self._writer.put("registration", provider_id, row, on_commit)
        except Reject:
            # The database has been away for long; the next attempt writes the row anew.
            if on_commit is not None:
                on_commit()
