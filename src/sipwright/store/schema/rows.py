"""The rows that running nodes write: one kind per table, a tuple in the order given here or in `services/rows.py`.

Text from the wire may hold bytes that are no UTF-8, as lone surrogates, and PostgreSQL takes no NUL either;
``storable`` maps both into a private-use block, and ``restored`` maps them back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Double, Integer, LargeBinary, Table, and_, or_, select

from sipwright.services.rows import (
    BindingNewsRow,
    CallRow,
    CdrRow,
    EventStateRow,
    ExecutionRow,
    JournalRow,
    RollupRow,
    SpendingRow,
    StateNewsRow,
    SubscriptionRow,
)
from sipwright.store.schema import guard_tables, tables, watching_tables
from sipwright.store.schema.cluster_tables import binding_news, state_news

__all__ = [
    "KINDS",
    "UNFINISHED",
    "BindingNewsRow",
    "BindingRow",
    "CallRow",
    "CdrRow",
    "EventStateRow",
    "ExecutionRow",
    "JournalRow",
    "Kind",
    "MessagesRow",
    "ProviderStateRow",
    "RegistrationRow",
    "RollupRow",
    "SubscriptionRow",
    "restored",
    "storable",
    "unfinished_executions",
]


class BindingRow(NamedTuple):
    """Kind ``binding``, key ``(account_id, contact)``."""

    account_id: int
    contact: str
    q: float | None
    source: str
    path: str | None
    call_id: str
    cseq: int
    expires_at: float
    user_agent: str | None
    instance: str | None
    reg_id: int | None
    updated_at: float


class RegistrationRow(NamedTuple):
    """Kind ``registration``, key ``provider_id``; ``state`` is registering, registered or failed.

    ``address`` is the IP address of whoever has accepted it: calls may come from there; ``service_route`` is what our
    requests go through (RFC 3608), as values of a header.
    """

    provider_id: int
    node: str | None
    state: str
    contact: str | None
    call_id: str | None
    cseq: int | None
    expires_at: float | None
    status: int | None
    reason: str | None
    updated_at: float
    address: str | None = None
    service_route: str | None = None


class ProviderStateRow(NamedTuple):
    """Kind ``provider_state``, key ``(provider_id, node)``: a provider that the node cannot reach now."""

    provider_id: int
    node: str
    server: str
    unreachable_since: float
    reason: str


class MessagesRow(NamedTuple):
    """Kind ``messages``, key ``(call_id, at)``; ``data`` is what ``messages.pack`` made.

    ``call_id`` has the ids of all calls whose messages these are, with blanks between them.
    """

    call_id: str
    at: float
    data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """How one kind of row is kept."""

    table: Table
    columns: tuple[str, ...]
    key: tuple[str, ...]
    fixed: tuple[str, ...] = ()
    """Columns that never change: SQLite writes the index of a column anew when it is set to what it was."""

    is_patient: bool = False
    """Whether no caller waits for what is said once it is committed."""

    dated: str = ""
    """The column that gets the database's time when a row is written, whatever that says: nodes look for news by it."""

    def postgres_type(self, column: str) -> str:
        """Name the PostgreSQL type of a column."""
        type_ = self.table.c[column].type
        for class_, name in ((BigInteger, "bigint"), (Integer, "integer"), (Double, "double precision")):
            if isinstance(type_, class_):
                return name
        return "bytea" if isinstance(type_, LargeBinary) else "text"


KINDS = {
    "call": Kind(tables.calls, CallRow._fields, ("id",)),
    "binding": Kind(tables.bindings, BindingRow._fields, ("account_id", "contact"), is_patient=True),
    "cdr": Kind(
        tables.cdrs,
        CdrRow._fields,
        ("call_id", "leg"),
        fixed=("user_id", "started_at", "linked_id"),
        is_patient=True,
    ),
    "execution": Kind(
        tables.executions, ExecutionRow._fields, ("id",), fixed=("call_id", "dialplan_id", "started_at")
    ),
    "registration": Kind(tables.registrations, RegistrationRow._fields, ("provider_id",), is_patient=True),
    "provider_state": Kind(
        tables.provider_states, ProviderStateRow._fields, ("provider_id", "node"), is_patient=True
    ),
    "journal": Kind(tables.journal, JournalRow._fields, ("execution_id", "sequence")),
    "subscription": Kind(
        watching_tables.subscriptions,
        SubscriptionRow._fields,
        ("id",),
        fixed=("node", "account_id"),
        is_patient=True,
    ),
    "binding_news": Kind(binding_news, BindingNewsRow._fields, ("account_id",), is_patient=True, dated="at"),
    "event_state": Kind(
        watching_tables.event_states, EventStateRow._fields, ("account_id", "event", "tag"), is_patient=True
    ),
    "state_news": Kind(state_news, StateNewsRow._fields, ("account_id", "node"), is_patient=True, dated="at"),
    "messages": Kind(tables.messages, MessagesRow._fields, ("call_id", "at"), is_patient=True),
    # Not patient: a probe waits for its sign of life as a call does for its row.
    "spending": Kind(
        guard_tables.spendings,
        SpendingRow._fields,
        ("node", "user_id", "account_id", "provider_id", "hour"),
        is_patient=True,
    ),
    "rollup": Kind(watching_tables.rollups, RollupRow._fields, ("span", "at", "node")),
}


UNFINISHED = ("running", "waiting")
"""The states of executions that go on."""


def unfinished_executions(node: str) -> ColumnElement[bool]:
    """Select the executions that a node has to go on with; older rows are found by their calls."""
    column = tables.executions.c
    its_calls = select(tables.calls.c.id).where(tables.calls.c.node == node)
    is_ours = or_(column.node == node, and_(column.node.is_(None), column.call_id.in_(its_calls)))
    return and_(is_ours, column.state.in_(UNFINISHED))


_BLOCK = 0x10F700
_TO_STORE = {0: _BLOCK} | {0xDC00 + byte: _BLOCK + byte for byte in range(0x80, 0x100)}
_FROM_STORE = {stored: original for original, stored in _TO_STORE.items()}


def storable(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Make every text of a row one that a database takes."""
    return tuple(value.translate(_TO_STORE) if isinstance(value, str) else value for value in row)


def restored(row: Sequence[Any]) -> tuple[Any, ...]:
    """Give the texts of a row back as they came from the wire."""
    return tuple(
        value.translate(_FROM_STORE) if isinstance(value, str) and not value.isascii() else value
        for value in row
    )
