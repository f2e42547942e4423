"""All subscribers of a node: found by their dialog, by what they watch, and by whose phone they are of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import structlog

from sipwright.sip import Reject

from .ports import NotifierPorts
from .subscriber import Subscriber

__all__ = ["MOST", "MOST_OF_ONE", "SubscriberTable"]

log = structlog.get_logger(__name__)

MOST_OF_ONE = 1_000
"""Subscriptions of one account, which may have several phones with a hundred keys each; a list is one, and one more for
each ten members."""

MOST = 100_000
"""Subscriptions of all."""

Resource = tuple[str, int]
"""What is watched: an event, and the account; of a list, whose own calls nobody watches, no event."""


class SubscriberTable:
    """The subscribers, each of which is a row, too."""

    def __init__(self, ports: NotifierPorts) -> None:
        self.all: dict[str, Subscriber] = {}
        self._ports = ports
        self._of: dict[Resource, dict[str, Subscriber]] = {}
        self.phones: dict[int, dict[str, Subscriber]] = {}
        """The subscriptions of the phones of each account."""
        self._counts: Counter[str] = Counter()
        self._incomplete: dict[str, Subscriber] = {}

    def add(self, subscriber: Subscriber) -> None:
        """Take one more."""
        self.all[subscriber.id] = subscriber
        self.phones.setdefault(subscriber.subscriber_id, {})[subscriber.id] = subscriber
        self._counts[subscriber.package.event] += 1
        if subscriber.listed is None:
            self._enter(subscriber, (subscriber.account_id,))
        else:
            self._of.setdefault(("", subscriber.account_id), {})[subscriber.id] = subscriber
            self._enter(subscriber, subscriber.listed.accounts)

    def watch(self, subscriber: Subscriber, before: set[int]) -> None:
        """Take note whom a list has as members, where it had others `before`."""
        assert subscriber.listed is not None
        now = subscriber.listed.accounts
        if subscriber.listed.is_incomplete:
            self._incomplete[subscriber.id] = subscriber
        else:
            self._incomplete.pop(subscriber.id, None)
        self._leave(subscriber, before - now)
        self._enter(subscriber, now - before)

    def _enter(self, subscriber: Subscriber, account_ids: Iterable[int]) -> None:
        event, new = subscriber.package.event, []
        for account_id in account_ids:
            beside = self._of.get((event, account_id))
            if beside is None:
                beside = self._of[event, account_id] = {}
                new.append(account_id)
            beside[subscriber.id] = subscriber
        if new:
            subscriber.package.watch(*new)

    def _leave(self, subscriber: Subscriber, account_ids: Iterable[int]) -> None:
        event, left = subscriber.package.event, []
        for account_id in account_ids:
            if self._drop(subscriber, (event, account_id)):
                left.append(account_id)
        if left:
            subscriber.package.unwatch(*left)

    def _drop(self, subscriber: Subscriber, resource: Resource) -> bool:
        """Forget that one watches something; returns whether nobody does any more."""
        beside = self._of[resource]
        del beside[subscriber.id]
        if not beside:
            del self._of[resource]
        return not beside

    def forget(self, subscriber: Subscriber) -> None:
        """Forget one, and its row."""
        if self.all.pop(subscriber.id, None) is None:
            return
        of_phone = self.phones[subscriber.subscriber_id]
        del of_phone[subscriber.id]
        if not of_phone:
            del self.phones[subscriber.subscriber_id]
        self._counts[subscriber.package.event] -= 1
        self._incomplete.pop(subscriber.id, None)
        if subscriber.listed is None:
            self._leave(subscriber, (subscriber.account_id,))
        else:
            self._drop(subscriber, ("", subscriber.account_id))
            self._leave(subscriber, subscriber.listed.accounts)
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

    def of_account(self, event: str, account_id: int) -> Mapping[str, Subscriber]:
        """Return who watches an account, by our tags."""
        return self._of.get((event, account_id), {})

    def by_account(self, account_id: int) -> list[Subscriber]:
        """Return the subscriptions of an account's phones."""
        return list(self.phones.get(account_id, {}).values())

    def concerning(self, first_id: int, last_id: int) -> list[Subscriber]:
        """Return all that some accounts have to do with: those that watch them, or would, and those of theirs."""
        found = self._incomplete | {
            one.id: one
            for (event, account_id) in self._of
            if first_id <= account_id <= last_id
            for one in self.of_account(event, account_id).values()
        }
        for subscriber_id in self.phones:
            if first_id <= subscriber_id <= last_id:
                found |= self.phones[subscriber_id]
        return list(found.values())

    def has_room_for(self, account_id: int) -> bool:
        """Return whether the phones of an account may have one more."""
        weight = sum(one.weight for one in self.phones.get(account_id, {}).values())
        return len(self.all) < MOST and weight < MOST_OF_ONE

    def counts(self) -> dict[str, int]:
        """Return how many there are, by event."""
        return dict(+self._counts)
