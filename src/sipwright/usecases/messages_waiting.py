"""How many voice messages wait for an account: what its phones show of it, read and kept while no switch runs."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from sipwright.services.notifier import MessageSummary, Summary
from sipwright.services.notifier.message_summary import MOST_WAITING
from sipwright.services.rows import EventStateRow
from sipwright.store.schema import watching_tables
from sipwright.usecases.errors import Invalid

__all__ = ["MessagesWaiting", "keep_messages", "messages_of"]

_STATE = watching_tables.event_states.c


@dataclass(frozen=True, slots=True)
class MessagesWaiting:
    """How many voice messages wait, as the phones of an account show it; `urgent` ones are among the new."""

    new: int = 0
    old: int = 0
    urgent: int = 0

    def check(self) -> None:
        """Look whether so many can be told.

        Raises:
            Invalid: They cannot.
        """
        for kind, count in (("new", self.new), ("old", self.old), ("urgent", self.urgent)):
            if not 0 <= count <= MOST_WAITING:
                raise Invalid.of(kind, f"messages are counted from 0 to {MOST_WAITING:,}, not {count}")


def messages_of(connection: Connection, account_id: int) -> MessagesWaiting:
    """Read how many wait for an account."""
    body = connection.scalar(select(_STATE.body).where(*_is_of(account_id)))
    found = None if body is None else Summary.read(bytes(body))
    return MessagesWaiting() if found is None else MessagesWaiting(found.new, found.old, found.urgent_new)


def keep_messages(connection: Connection, account_id: int, messages: MessagesWaiting, now: float) -> None:
    """Store how many wait, as a switch would that ran."""
    connection.execute(delete(watching_tables.event_states).where(*_is_of(account_id)))
    if messages != MessagesWaiting():
        summary = Summary(messages.new, messages.old, messages.urgent)
        key = (account_id, MessageSummary.event, "")
        row = EventStateRow(*key, MessageSummary.content_type, summary.lines(""), None, now)
        connection.execute(insert(watching_tables.event_states).values(row._asdict()))


def _is_of(account_id: int) -> tuple[ColumnElement[bool], ...]:
    return _STATE.account_id == account_id, _STATE.event == MessageSummary.event, _STATE.tag == ""
