"""What a node is asked for by others: a row each, from when it is asked until a minute after its answer was read.

A row is `asked`, then `taken` by its node, then `done`. Whoever asks may withdraw it while nobody has taken it: then it
is certain that it was not done. Who takes over from a node gets what that one was asked for, too.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from sipwright.services.leases import Fence
from sipwright.store.live.leases import database_time, hold_fence
from sipwright.store.schema.cluster_tables import node_requests, nodes
from sipwright.store.writing.board import REQUESTS, note_news

__all__ = [
    "NOT_KNOWN",
    "AskedRow",
    "StoredAnswer",
    "answer_request",
    "ask_node",
    "forget_requests",
    "hand_requests_on",
    "read_answer",
    "read_requests",
    "take_request",
    "withdraw_request",
]  # fmt: skip

MOST_AT_ONCE = 32
"""Requests that a node looks at in one go."""

KEPT_FOR = 60.0
"""Seconds for which a request is kept that nobody may do, or answer, any more."""

REPEATABLE = ("calls.hangup", "events.want", "lamps.want")
"""What may be asked again of whoever takes over, although the node that died may have done it."""

NOT_KNOWN = (
    '{"error": {"kind": "unavailable", "message": "it is not known what came of it, as the node that did it has ended; '
    'look at the call", "retry_after": 2.0}}'
)
"""The answer to what a node was doing that another one has taken over from."""

_COLUMN = node_requests.c


class AskedRow(NamedTuple):
    """What a node is asked for; `arguments` are JSON."""

    id: str
    name: str
    arguments: str


class StoredAnswer(NamedTuple):
    """How a request stands: at which node, `asked`, `taken`, `done` or `withdrawn`, and the answer as JSON."""

    node: str
    state: str
    answer: str | None


def ask_node(
    connection: Connection, request_id: str, node: str, name: str, arguments: str, seconds: float
) -> bool:
    """Ask a node for something that it may do within so many seconds; False if there is no such node."""
    now = database_time(connection)
    if connection.scalar(select(nodes.c.name).where(nodes.c.name == node)) is None:
        return False
    values = {"id": request_id, "node": node, "name": name, "arguments": arguments, "state": "asked"}
    connection.execute(insert(node_requests).values(**values, asked_at=now, until=now + seconds))
    note_news(connection, REQUESTS)
    return True


def read_requests(connection: Connection, node: str) -> list[AskedRow]:
    """Return what a node is asked for, the oldest first."""
    is_due = (_COLUMN.node == node) & (_COLUMN.state == "asked") & (_COLUMN.until > database_time(connection))
    query = select(_COLUMN.id, _COLUMN.name, _COLUMN.arguments).where(is_due)
    return [
        AskedRow(*row) for row in connection.execute(query.order_by(_COLUMN.asked_at).limit(MOST_AT_ONCE))
    ]


def take_request(connection: Connection, request_id: str, node: str, fence: Fence) -> bool:
    """Take a request, to do it; False if it was withdrawn, or is another node's by now.

    Raises:
        FencedError: Another node has taken over from this one.
    """
    hold_fence(connection, fence)
    is_asked = (_COLUMN.id == request_id) & (_COLUMN.node == node) & (_COLUMN.state == "asked")
    return connection.execute(update(node_requests).where(is_asked).values(state="taken")).rowcount == 1


def answer_request(connection: Connection, request_id: str, answer: str) -> None:
    """Answer a request."""
    connection.execute(
        update(node_requests).where(_COLUMN.id == request_id).values(state="done", answer=answer)
    )


def read_answer(connection: Connection, request_id: str) -> StoredAnswer | None:
    """Return how a request stands."""
    query = select(_COLUMN.node, _COLUMN.state, _COLUMN.answer).where(_COLUMN.id == request_id)
    found = connection.execute(query).first()
    return None if found is None else StoredAnswer(*found)


def withdraw_request(connection: Connection, request_id: str) -> bool:
    """Let nobody do what was asked for; False if somebody does it already, or has done it."""
    is_asked = (_COLUMN.id == request_id) & (_COLUMN.state == "asked")
    return connection.execute(update(node_requests).where(is_asked).values(state="withdrawn")).rowcount == 1


def hand_requests_on(connection: Connection, node: str, to: str) -> None:
    """Ask the node that takes over for what another one was asked for.

    What that one had begun is asked again where that does no harm; of the rest nobody knows.
    """
    is_its = _COLUMN.node == node
    is_repeatable = _COLUMN.name.in_(REPEATABLE)
    taken = is_its & (_COLUMN.state == "taken")
    connection.execute(update(node_requests).where(taken & is_repeatable).values(state="asked"))
    connection.execute(
        update(node_requests).where(taken & ~is_repeatable).values(state="done", answer=NOT_KNOWN)
    )
    connection.execute(update(node_requests).where(is_its & (_COLUMN.state == "asked")).values(node=to))
    note_news(connection, REQUESTS)


def forget_requests(connection: Connection) -> None:
    """Delete what nobody may do, or wants to know of, any more."""
    connection.execute(delete(node_requests).where(_COLUMN.until < database_time(connection) - KEPT_FOR))
