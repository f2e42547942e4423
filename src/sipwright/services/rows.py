"""The rows that services write, in the order of their columns; `store/schema/rows.py` has the table of each."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "BINDING_LINES",
    "SEALED_RUN",
    "BindingNewsRow",
    "CallRow",
    "CdrRow",
    "EventStateRow",
    "ExecutionRow",
    "JournalRow",
    "RollupRow",
    "SpendingRow",
    "StateNewsRow",
    "StoredBinding",
    "SubscriptionRow",
    "snapshot_place",
]

BINDING_LINES = ("cseq", "call_id", "source", "path", "contact")
"""What the text of a `StoredBinding` says: nobody may ever ask for more of it."""


StoredBinding = tuple[int, float, float, str]
"""A binding as a start reads it for the location table: its account, `updated_at`, `expires_at`, and the lines."""


class BindingNewsRow(NamedTuple):
    """Kind ``binding_news``, key ``account_id``: at which node its phones have come, moved or gone last."""

    account_id: int
    node: str
    at: float


class StateNewsRow(NamedTuple):
    """Kind ``state_news``, key ``account_id, node``: when something was said last of an account at a node."""

    account_id: int
    node: str
    at: float


class CallRow(NamedTuple):
    """Kind ``call``, key ``id``; ``linked_id`` is the part that began the call, None in that one itself."""

    id: str
    node: str
    user_id: int | None
    account_id: int | None
    direction: str
    state: str
    from_text: str
    to_text: str
    started_at: float
    answered_at: float | None
    document: bytes
    linked_id: str | None = None


class CdrRow(NamedTuple):
    """Kind ``cdr``, key ``(call_id, leg)``; ``linked_id`` as in the row of the call."""

    call_id: str
    leg: int
    direction: str
    account_id: int | None
    user_id: int | None
    from_uri: str | None
    to_uri: str | None
    target: str | None
    dialplan: str | None
    dialplan_version: int | None
    started_at: float
    rang_at: float | None
    answered_at: float | None
    ended_at: float | None
    status: int | None
    reason: str | None
    hung_up_by: str | None
    sip_call_id: str | None
    execution_id: str | None
    linked_id: str | None = None


class ExecutionRow(NamedTuple):
    """Kind ``execution``, key ``id``; ``state`` is running, waiting, done or failed.

    ``journal`` has the entries that are in no row of their own: see ``store/history/journals.py``.
    """

    id: str
    call_id: str | None
    dialplan_id: int | None
    version: int | None
    account_id: int | None
    user_id: int | None
    state: str
    snapshot: bytes | None
    started_at: float
    ended_at: float | None
    outcome: str | None
    node: str | None = None
    journal: str | None = None


SEALED_RUN = b"SWS"
"""How the snapshot of a run begins that knows a secret; what follows is sealed for `snapshot_place`."""


def snapshot_place(execution_id: str) -> str:
    """Return what the sealed snapshot of a run is bound to."""
    return f"executions:snapshot:{execution_id}"


class JournalRow(NamedTuple):
    """Kind ``journal``, key ``(execution_id, sequence)``: an entry of a journal that is too long for its run's row."""

    execution_id: str
    sequence: int
    at: float
    function: str
    arguments: str
    result: str | None


class SubscriptionRow(NamedTuple):
    """Kind ``subscription``, key ``id``, which is our tag of its dialog."""

    id: str
    node: str
    account_id: int
    subscriber_id: int
    event: str
    expires_at: float
    document: bytes


class EventStateRow(NamedTuple):
    """Kind ``event_state``, key ``(account_id, event, tag)``: what somebody has said about an account.

    A document that was published has its entity tag; a message summary has none.
    """

    account_id: int
    event: str
    tag: str
    content_type: str
    body: bytes
    expires_at: float | None
    updated_at: float


class RollupRow(NamedTuple):
    """Kind ``rollup``, key ``(span, at, node)``: what a node has measured in the `span` seconds from `at` on.

    ``document`` is written by `monitor/rollups/bucket.py`. The row of span 0 is a node's sign of life.
    """

    span: int
    at: int
    node: str
    document: bytes


class SpendingRow(NamedTuple):
    """Kind ``spending``, key of all but the last three: what was used in an hour (of Unix time) of calls that left.

    A provider or an account that there is none of is 0. Money is in millionths.
    """

    node: str
    user_id: int
    account_id: int
    provider_id: int
    hour: int
    calls: int
    seconds: float
    money: int
