"""The event package `presence` (RFC 3856): whether somebody can be reached, as a phone has published it, or registers.

What a phone says with PUBLISH (RFC 3903) is a row until it runs out; of several publications the latest counts. Without
one an account is there while a phone of it is registered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import NamedTuple

import structlog

from sipwright.services.ports import AccountView, Clock, Writer
from sipwright.services.rows import EventStateRow
from sipwright.sip import Reject

from .document import Document, Serials, attribute
from .rights import Rights

__all__ = ["LONGEST_BODY", "MOST_OF_ONE", "Presence", "Publication", "is_presence"]

log = structlog.get_logger(__name__)

MOST_OF_ONE = 10
"""Publications of one account: as many as it may have phones."""

LONGEST_BODY = 16_384
"""Bytes of a published document."""

_ENTITY = re.compile(rb"""(<(?:[\w.-]{1,40}:)?presence\b[^>]{0,1000}?\sentity\s*=\s*)("[^"<>]*"|'[^'<>]*')""")
_HEAD = 4_096
"""Bytes of a document among which its root has to begin."""

_BASIC = re.compile(rb"<(?:[\w.-]+:)?basic\s*>\s*(open|closed)\s*<")
_DECLARES = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


class Publication(NamedTuple):
    """One published document, until when it is good, in Unix time, and when it came."""

    body: bytes
    expires_at: float
    updated_at: float


def is_presence(body: bytes) -> bool:
    """Return whether a body is a document that can be shown to others: one of presence, that declares nothing."""
    return (
        len(body) <= LONGEST_BODY
        and _ENTITY.search(body, 0, _HEAD) is not None
        and _DECLARES.search(body) is None
    )


class Presence(Serials):
    """What is published of all accounts, and how each looks to those who watch it."""

    event = "presence"
    content_type = "application/pidf+xml"
    is_public = True

    def __init__(
        self, writer: Writer, unix_time: Clock, is_registered: Callable[[int], bool],
        on_use: Callable[[int, bool], object] = lambda _account, _is_used: None,
    ) -> None:  # fmt: skip
        """Make it; `on_use` hears which accounts are watched, and no more."""
        super().__init__()
        self._writer = writer
        self._unix_time = unix_time
        self._is_registered = is_registered
        self._on_use = on_use
        self._published: dict[int, dict[str, Publication]] = {}
        self._due: list[tuple[float, int, str]] = []
        """When each publication runs out, a heap; those that were changed meanwhile stay in it, and count no more."""

    def load(self, rows: Iterable[EventStateRow]) -> None:
        """Take over what was published in an earlier process."""
        for row in rows:
            if row.event == self.event and row.expires_at is not None:
                known = self._published.setdefault(row.account_id, {})
                known[row.tag] = Publication(row.body, row.expires_at, row.updated_at)
                heappush(self._due, (row.expires_at, row.account_id, row.tag))

    # Publishing.

    def known(self, account_id: int, tag: str) -> Publication | None:
        """Return what was published under an entity tag and is good still."""
        found = self._published.get(account_id, {}).get(tag)
        return None if found is None or found.expires_at <= self._unix_time() else found

    def replace(self, account_id: int, rows: Iterable[EventStateRow]) -> bool:
        """Take what is published of an account from the database; returns whether that is news."""
        known = {
            row.tag: Publication(row.body, row.expires_at, row.updated_at)
            for row in rows
            if row.event == self.event and row.expires_at is not None
        }
        if known == self._published.get(account_id, {}):
            return False
        for tag, one in known.items():
            heappush(self._due, (one.expires_at, account_id, tag))
        if known:
            self._published[account_id] = known
        else:
            self._published.pop(account_id, None)
        self.touch(account_id)
        return True

    def has_room_for(self, account_id: int) -> bool:
        """Return whether another document may be published of an account."""
        return len(self._published.get(account_id, ())) < MOST_OF_ONE

    def put(
        self, account_id: int, before: str | None, tag: str, body: bytes, seconds: float, then: Callable[[], None]
    ) -> None:  # fmt: skip
        """Publish a document for so many seconds, in the place of the one that has the tag `before`; 0 takes it away.

        `then` is called when that is stored.

        Raises:
            Reject: Nothing can be stored now.
        """
        known = self._published.setdefault(account_id, {})
        now = self._unix_time()
        if seconds:
            row = EventStateRow(account_id, self.event, tag, self.content_type, body, now + seconds, now)
            if before is not None:
                self._writer.put("event_state", (account_id, self.event, before), None)
            self._writer.put("event_state", (account_id, self.event, tag), row, then)
            known[tag] = Publication(body, now + seconds, now)
            heappush(self._due, (now + seconds, account_id, tag))
        elif before is not None:
            self._writer.put("event_state", (account_id, self.event, before), None, then)
        else:
            then()
        if before is not None:
            known.pop(before, None)
        if not known:
            del self._published[account_id]
        self.touch(account_id)

    def expire(self) -> list[int]:
        """Forget what has run out; returns whose that was."""
        now, changed, due = self._unix_time(), [], self._due
        while due and due[0][0] <= now:
            _, account_id, tag = heappop(due)
            found = self._published.get(account_id, {}).get(tag)
            if found is not None and found.expires_at <= now:
                self._drop(account_id, [tag])
                changed.append(account_id)
        return changed

    def follow_clock(self, ahead: float) -> None:
        """Take note that the clock is set, and what is stored with it."""
        for known in self._published.values():
            for tag, one in known.items():
                known[tag] = one._replace(
                    expires_at=one.expires_at + ahead, updated_at=one.updated_at + ahead
                )
        self._due = [(at + ahead, account_id, tag) for at, account_id, tag in self._due]

    def forget(self, account_id: int) -> None:
        """Forget an account that is no more."""
        self._drop(account_id, list(self._published.get(account_id, ())))
        self._serials.pop(account_id, None)

    def accounts_between(self, first_id: int, last_id: int) -> list[int]:
        """Return the accounts whose number is in a range, both ends included, of which something is published."""
        return [account_id for account_id in self._published if first_id <= account_id <= last_id]

    def _drop(self, account_id: int, tags: list[str]) -> None:
        known = self._published.get(account_id, {})
        for tag in tags:
            del known[tag]
            try:
                self._writer.put("event_state", (account_id, self.event, tag), None)
            except Reject:
                log.debug(
                    "publication not deleted", account_id=account_id
                )  # it has run out, whoever reads it
        if not known:
            self._published.pop(account_id, None)
        self.touch(account_id)

    # Telling.

    def watch(self, *account_ids: int) -> None:
        """Take note that somebody watches accounts."""
        for account_id in account_ids:
            self._on_use(account_id, True)

    def unwatch(self, *account_ids: int) -> None:
        """Take note that nobody does any more."""
        for account_id in account_ids:
            self._on_use(account_id, False)

    def document(self, account: AccountView, rights: Rights, seen: int, *, is_full: bool) -> Document:
        """Return what a subscriber is told: all that was published, or only whether somebody is there."""
        entity = f"sip:{account.username}@{account.domain}"
        latest = self._latest(account.id)
        if latest is not None and rights >= Rights.PARTIES:
            return Document(_ENTITY.sub(rb"\g<1>" + attribute(entity).encode(), latest.body, count=1))
        if latest is not None and (basic := _BASIC.search(latest.body)) is not None:
            is_open = basic[1] == b"open"
        else:
            is_open = self._is_registered(account.id)
        return Document(_written(entity, "open" if is_open else "closed"))

    def _latest(self, account_id: int) -> Publication | None:
        known = self._published.get(account_id)
        now = self._unix_time()
        found = [one for one in known.values() if one.expires_at > now] if known else []
        return max(found, key=lambda one: one.updated_at) if found else None


def _written(entity: str, basic: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n'
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity={attribute(entity)}>\r\n'
        f'<tuple id="phone"><status><basic>{basic}</basic></status></tuple>\r\n</presence>\r\n'
    ).encode()
