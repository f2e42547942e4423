"""Tells the parts of a node what somebody has changed in the directory."""

from __future__ import annotations

from typing import Protocol

from sipwright.services.agent import Agent
from sipwright.services.authentication import Authenticator
from sipwright.services.notifier import Notifier
from sipwright.services.registrar import LocationService, LocationTable
from sipwright.services.switch import Origins
from sipwright.store import Change, Store

from .call_guard import CallGuard
from .guarding import Guarding
from .known_places import KnownPlaces
from .messages_asked import MessagesAsked
from .provider_states import ProviderStates
from .registration_watch import RegistrationWatch

__all__ = ["FollowedChanges", "Parts"]


class Parts(Protocol):
    """The parts of a node that remember something of the directory."""

    store: Store
    locations: LocationTable
    location_service: LocationService
    registrations: RegistrationWatch
    notifier: Notifier
    agent: Agent
    origins: Origins
    known_places: KnownPlaces
    messages_asked: MessagesAsked
    provider_states: ProviderStates
    authenticator: Authenticator
    guarding: Guarding
    call_guard: CallGuard


class FollowedChanges:
    """Hears of each change that the store has followed."""

    def __init__(self, node: Parts) -> None:
        self._node = node

    def __call__(self, change: Change) -> None:
        """Tell whom it concerns, and forget where the phones of accounts are that were removed."""
        node, first, last = self._node, change.first_id, change.last_id
        if change.kind == "provider":
            node.known_places.forget()
            node.origins.changed(first, last)
            node.agent.providers_changed(first, last)
            node.messages_asked.providers_changed(first, last)
            node.provider_states.providers_changed()
        elif change.kind == "account":
            node.agent.accounts_changed(first, last)
            node.notifier.account_changed(first, last)
            self._forget_accounts(first, last)
        elif change.kind == "domain":
            node.agent.domains_changed()
        elif change.kind == "ban":
            node.guarding.follow()
        elif change.kind == "forgiven":
            node.call_guard.spending.forgive(first)
        elif change.kind == "unlocked":
            node.authenticator.guesses.unlocked(first, last)
            node.guarding.unlocked(first, last)
        elif change.kind == "user":
            node.known_places.forget()

    def _forget_accounts(self, first: int, last: int) -> None:
        node, directory = self._node, self._node.store.directory
        if not directory.is_complete:
            return
        for account_id in node.locations.accounts_between(first, last):
            if directory.account_by_id(account_id) is None:
                node.location_service.forget(account_id)
        presence = node.registrations.presence
        for account_id in presence.accounts_between(first, last):
            if directory.account_by_id(account_id) is None:
                presence.forget(account_id)
