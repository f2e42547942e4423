"""The event package `message-summary` (RFC 3842): how many messages wait for an account, as its phone's lamp shows it.

A script says so, a command, or the provider that takes the messages. What was said is a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from sipwright.services.ports import AccountView, Clock, Writer
from sipwright.services.rows import EventStateRow

from .document import Document, Serials
from .rights import Rights

__all__ = ["MessageSummary", "Summary"]

MOST_WAITING = 99_999
"""Messages of a kind that are counted."""

_LINE = re.compile(
    r"voice-message\s*:\s*(\d{1,5})\s*/\s*(\d{1,5})\s*(?:\(\s*(\d{1,5})\s*/\s*(\d{1,5})\s*\))?", re.IGNORECASE
)
_WAITING = re.compile(r"messages-waiting\s*:\s*(yes|no)\b", re.IGNORECASE)


class Summary(NamedTuple):
    """How many voice messages wait, new and old ones, and how many of them are urgent."""

    new: int = 0
    old: int = 0
    urgent_new: int = 0
    urgent_old: int = 0
    is_waiting: bool = False
    """Somebody has said that messages wait, and not how many."""

    def lines(self, account: str) -> bytes:
        """Return it as a document (RFC 3842 §3.5)."""
        waits = "yes" if self.new or self.is_waiting else "no"
        told = f"Messages-Waiting: {waits}\r\nMessage-Account: {account}\r\n"
        if not self.is_waiting or any(self[:4]):
            told += f"Voice-Message: {self.new}/{self.old} ({self.urgent_new}/{self.urgent_old})\r\n"
        return told.encode()

    @classmethod
    def read(cls, body: bytes) -> Summary | None:
        """Read a document; None if it does not say whether messages wait."""
        text = body.decode("utf-8", "replace")
        waiting, counted = _WAITING.search(text), _LINE.search(text)
        if waiting is None:
            return None
        if counted is None:
            return cls(is_waiting=waiting[1].lower() == "yes")
        new, old, urgent_new, urgent_old = (int(number or 0) for number in counted.groups())
        return cls(new, old, urgent_new, urgent_old)


class MessageSummary(Serials):
    """The summaries of all accounts that have had messages."""

    event = "message-summary"
    content_type = "application/simple-message-summary"
    is_public = False

    def __init__(self, writer: Writer, unix_time: Clock) -> None:
        super().__init__()
        self._writer = writer
        self._unix_time = unix_time
        self._summaries: dict[int, Summary] = {}

    def load(self, rows: Iterable[EventStateRow]) -> None:
        """Take over what an earlier process was told."""
        for row in rows:
            summary = Summary.read(row.body) if row.event == self.event else None
            if summary is not None:
                self._summaries[row.account_id] = summary

    def put(self, account_id: int, summary: Summary) -> bool:
        """Take how many messages wait for an account; returns whether that is news.

        Raises:
            Reject: Nothing can be stored now.
        """
        if self.of(account_id) == summary:
            return False
        key = (account_id, self.event, "")
        row = EventStateRow(*key, self.content_type, summary.lines(""), None, self._unix_time())
        self._writer.put("event_state", key, row if summary != Summary() else None)
        self._summaries[account_id] = summary
        self.touch(account_id)
        return True

    def replace(self, account_id: int, rows: Iterable[EventStateRow]) -> bool:
        """Take how many messages wait for an account from the database; returns whether that is news."""
        found = [Summary.read(row.body) for row in rows if row.event == self.event]
        summary = (found[0] if found else None) or Summary()
        if self.of(account_id) == summary:
            return False
        self._summaries[account_id] = summary
        self.touch(account_id)
        return True

    def of(self, account_id: int) -> Summary:
        """Return how many messages wait for an account."""
        return self._summaries.get(account_id, Summary())

    def forget(self, account_id: int) -> None:
        """Forget an account that is no more."""
        self._summaries.pop(account_id, None)
        self._serials.pop(account_id, None)

    def watch(self, *account_ids: int) -> None:
        """Take note that somebody watches: all is known anyhow."""

    def unwatch(self, *account_ids: int) -> None:
        """Take note that nobody does any more."""

    def document(self, account: AccountView, rights: Rights, seen: int, *, is_full: bool) -> Document:
        """Return what a subscriber is told: always the whole of it."""
        return Document(self.of(account.id).lines(f"sip:{account.username}@{account.domain}"))
