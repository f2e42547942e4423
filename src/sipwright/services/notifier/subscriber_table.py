"""All subscribers of a node: found by their dialog, by what they watch, and by whose phone they are of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog

from sipwright.sip import Reject

from .ports import NotifierPorts
from .subscriber import Subscriber

__all__ = ["MOST", "MOST_OF_ONE", "SubscriberTable"]

log = structlog.get_logger(__name__)

MOST_OF_ONE = 1_000
"""Subscriptions of one account, which may have several phones with a hundred keys each."""

MOST = 100_000
"""Subscriptions of all."""

Resource = tuple[str, int]
"""What is watched: an event, and the account."""


class SubscriberTable:
    """The subscribers, each of which is a row, too."""

    def __init__(self, ports: NotifierPorts) -> None:
        self.all: dict[str, Subscriber] = {}
        self._ports = ports
        self._of: dict[Resource, dict[str, Subscriber]] = {}
        self.phones: dict[int, dict[str, Subscriber]] = {}
        """The subscriptions of the phones of each account."""

    def add(self, subscriber: Subscriber) -> None:
        """Take one more."""
        self.all[subscriber.id] = subscriber
        self.phones.setdefault(subscriber.subscriber_id, {})[subscriber.id] = subscriber
        resource = subscriber.package.event, subscriber.account_id
        beside = self._of.get(resource)
        if beside is None:
            beside = self._of[resource] = {}
            subscriber.package.watch(subscriber.account_id)
        beside[subscriber.id] = subscriber

    def forget(self, subscriber: Subscriber) -> None:
        """Forget one, and its row."""
        if self.all.pop(subscriber.id, None) is None:
            return
        of_phone = self.phones[subscriber.subscriber_id]
        del of_phone[subscriber.id]
        if not of_phone:
            del self.phones[subscriber.subscriber_id]
        resource = subscriber.package.event, subscriber.account_id
        beside = self._of[resource]
        del beside[subscriber.id]
        if not beside:
            del self._of[resource]
            subscriber.package.unwatch(subscriber.account_id)
        try:
            self._ports.writer.put("subscription", subscriber.id, None)
        except Reject:
            log.debug("subscription not deleted", id=subscriber.id)  # it runs out

    def store(self, subscriber: Subscriber, then: Callable[[], None]) -> None:
        """Write the row of one.

        Raises:
            Reject: Nothing can be stored now, and it is forgotten.
        """
        ports = self._ports
        ahead = ports.unix_time() - ports.clock()
        try:
            ports.writer.put("subscription", subscriber.id, partial(subscriber.row, ports.node, ahead), then)
        except Reject:
            self.forget(subscriber)
            raise

    def is_watched(self, event: str, account_id: int) -> bool:
        """Return whether anybody watches an account."""
        return (event, account_id) in self._of

    def of_account(self, event: str, account_id: int) -> list[Subscriber]:
        """Return who watches an account."""
        return list(self._of.get((event, account_id), {}).values())

    def by_account(self, account_id: int) -> list[Subscriber]:
        """Return the subscriptions of an account's phones."""
        return list(self.phones.get(account_id, {}).values())

    def concerning(self, first_id: int, last_id: int) -> list[Subscriber]:
        """Return all that some accounts have to do with: those that watch them, and those of theirs."""
        found = {
            one.id: one
            for (event, account_id) in self._of
            if first_id <= account_id <= last_id
            for one in self.of_account(event, account_id)
        }
        for subscriber_id in self.phones:
            if first_id <= subscriber_id <= last_id:
                found |= self.phones[subscriber_id]
        return list(found.values())

    def has_room_for(self, account_id: int) -> bool:
        """Return whether the phones of an account may have one more."""
        return len(self.all) < MOST and len(self.phones.get(account_id, ())) < MOST_OF_ONE

    def counts(self) -> dict[str, int]:
        """Return how many there are, by event."""
        counts: dict[str, int] = {}
        for (event, _), beside in self._of.items():
            counts[event] = counts.get(event, 0) + len(beside)
        return counts
