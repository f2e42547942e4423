"""The trace of one call, out of the database: its row, its CDRs, its runs with their journals, its messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, select, true

from sipwright.services.linking import listing
from sipwright.store.database import Database
from sipwright.store.errors import NotFoundError, StoreError
from sipwright.store.history import trace_messages
from sipwright.store.history.journals import read_journals
from sipwright.store.history.one_call import is_of_call
from sipwright.store.history.plan_modules import read_pinned
from sipwright.store.history.runs import pins_in
from sipwright.store.history.traces import Effect, effect
from sipwright.store.schema import tables

__all__ = ["CallTrace", "RunTrace", "find_call", "read_call"]

LAST = "last"
"""Names the call that began last."""

_MOST_CANDIDATES = 10
_MOST_PARTS = 50


@dataclass(frozen=True, slots=True)
class RunTrace:
    """One run of a dialplan; ``source``, with what it imported behind it, is None when that version is gone."""

    id: str
    dialplan: str | None
    version: int | None
    state: str
    outcome: str | None
    started_at: float
    ended_at: float | None
    source: str | None
    journal: list[Effect]


@dataclass(frozen=True, slots=True)
class CallTrace:
    """One call; ``row`` is there while it lasts, ``legs`` (its CDRs) once it is over.

    What people take for one call may have ``parts``: this is the first of them that may be seen, and those are the
    others, in the order in which they began. ``common_id`` is the id that they share. ``others`` are calls of this
    switch that have a leg in common with it and are no parts, as older rows do not say that.
    """

    id: str
    row: dict[str, Any] | None
    legs: list[dict[str, Any]]
    runs: list[RunTrace]
    messages: list[trace_messages.Message] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    parts: tuple[CallTrace, ...] = ()
    common_id: str = ""

    @property
    def whole(self) -> tuple[CallTrace, ...]:
        """All parts of the call, this one first."""
        return (self, *self.parts)

    @property
    def all_runs(self) -> list[RunTrace]:
        """The runs of all parts, in the order in which they began."""
        return sorted((run for part in self.whole for run in part.runs), key=lambda run: run.started_at)

    @property
    def callbacks(self) -> list[str]:
        """The calls that its script made with ``callback()``."""
        results = [
            entry.result for run in self.all_runs for entry in run.journal if entry.function == "callback"
        ]
        return [result["value"] for result in results if isinstance(result, dict) and result.get("value")]

    @property
    def started_at(self) -> float:
        """When the first trace of it was left."""
        instants: list[float] = [leg["started_at"] for leg in self.legs] + [
            run.started_at for run in self.runs
        ]
        instants += [message.at for message in self.messages[:1]]
        if self.row is not None:
            instants.append(self.row["started_at"])
        return min(instants)


async def read_call(database: Database, name: str, user_id: int | None = None) -> CallTrace:
    """Find a call by its id, by the beginning or end of it, or by the SIP Call-ID of one of its legs.

    ``last`` is the one that began last. With `user_id` there are no calls but those of that user.

    Raises:
        NotFoundError: There is no such call.
        StoreError: There are several.
    """

    def work(connection: Connection) -> CallTrace:
        return find_call(connection, name, user_id)

    return await database.read(work)


def find_call(connection: Connection, name: str, user_id: int | None = None) -> CallTrace:
    """Find a call as `read_call` does, in a transaction that there is: the whole of it, whichever part is named."""
    named = _find(connection, name, user_id)
    common_id = _common_id(connection, named)
    ids = _part_ids(connection, common_id, user_id) or [named]
    first, *parts = (_read(connection, part, user_id) for part in ids)
    known = set(ids)
    others = {other: None for part in (first, *parts) for other in part.others if other not in known}
    return replace(first, parts=tuple(parts), common_id=common_id, others=list(others))


def _common_id(connection: Connection, call_id: str) -> str:
    """Return the id that a call shares with the others of which it is a part."""
    calls, cdrs = tables.calls.c, tables.cdrs.c
    for query in (
        select(calls.linked_id).where(calls.id == call_id),
        select(cdrs.linked_id).where(cdrs.call_id == call_id).limit(1),
    ):
        if (linked := connection.scalar(query)) is not None:
            return str(linked)
    return call_id


def _part_ids(connection: Connection, common_id: str, user_id: int | None) -> list[str]:
    """Return the parts of a call that a user may see, the first that began first."""
    found: dict[str, float] = {}
    for table, id, is_caller in (
        (tables.calls, tables.calls.c.id, true()),
        (tables.cdrs, tables.cdrs.c.call_id, tables.cdrs.c.leg == 0),
    ):
        query = select(id, table.c.started_at).where(is_of_call(table, [common_id]), is_caller)
        found |= {str(name): at for name, at in connection.execute(query.where(_of(user_id, table)))}
    return sorted(found, key=lambda name: (name != common_id, found[name], name))[:_MOST_PARTS]


def _find(connection: Connection, name: str, user_id: int | None) -> str:
    found: list[str] = []
    if name == LAST:
        found = _latest(connection, user_id)
    elif name:
        found = (
            _where(connection, user_id, lambda column: column == name)
            or _where(connection, user_id, lambda column: column.startswith(name, autoescape=True))
            or _where(connection, user_id, lambda column: column.endswith(name, autoescape=True))
            or _by_sip_call_id(connection, name, user_id)
        )
    if not found:
        raise NotFoundError(
            "no call has been recorded yet; 'sipwright call-test --keep' places one"
            if name == "last"
            else f"no call {name!r} is known; 'sipwright calls' and 'sipwright cdrs' show them, below CALL"
        )
    if len({_common_id(connection, one) for one in found}) > 1:
        raise StoreError(f"{name!r} may be any of {', '.join(found[:_MOST_CANDIDATES])}; write more of it")
    return found[0]


def _of(user_id: int | None, table: Table) -> ColumnElement[bool]:
    """Select what is a user's, or everybody's."""
    return true() if user_id is None else table.c.user_id == user_id


def _where(
    connection: Connection, user_id: int | None, fits: Callable[[ColumnElement[str]], ColumnElement[bool]]
) -> list[str]:
    """Return the ids that fit, of calls that last, have ended, or have a script that runs on."""
    found: dict[str, None] = {}
    places = ((tables.calls, "id"), (tables.cdrs, "call_id"), (tables.executions, "call_id"))
    for table, name in places:
        column = table.c[name]
        query = select(column).where(fits(column), _of(user_id, table)).distinct().limit(_MOST_CANDIDATES + 1)
        found.update(dict.fromkeys(map(str, connection.scalars(query))))
    return list(found)


def _latest(connection: Connection, user_id: int | None) -> list[str]:
    calls, cdrs = tables.calls.c, tables.cdrs.c
    begun: list[tuple[float, str]] = []
    for query in (
        select(calls.started_at, calls.id).where(_of(user_id, tables.calls)),
        select(cdrs.started_at, cdrs.call_id).where(cdrs.leg == 0, _of(user_id, tables.cdrs)),
    ):
        newest = query.order_by(query.selected_columns[0].desc()).limit(1)
        begun += [(float(at), str(name)) for at, name in connection.execute(newest)]
    return [name for _, name in sorted(begun)[-1:]]


def _by_sip_call_id(connection: Connection, name: str, user_id: int | None) -> list[str]:
    is_ours = _of(user_id, tables.cdrs)
    ended = select(tables.cdrs.c.call_id).where(tables.cdrs.c.sip_call_id == name, is_ours).distinct()
    found = [str(call_id) for call_id in connection.scalars(ended)]
    needle = json.dumps(name).encode()
    lasting = select(tables.calls.c.id, tables.calls.c.document).where(_of(user_id, tables.calls))
    found += [str(call_id) for call_id, document in connection.execute(lasting) if needle in document]
    return list(dict.fromkeys(found))


def _read(connection: Connection, call_id: str, user_id: int | None) -> CallTrace:
    calls, cdrs = tables.calls.c, tables.cdrs.c
    columns = [column for column in calls if column.name != "document"]
    row = connection.execute(select(*columns).where(calls.id == call_id)).mappings().first()
    query = select(*cdrs).where(cdrs.call_id == call_id).order_by(cdrs.leg)
    legs = [dict(leg) for leg in connection.execute(query).mappings()]
    trace = CallTrace(
        call_id,
        None if row is None else dict(row),
        legs,
        _runs(connection, call_id),
        others=_others(connection, call_id, user_id),
    )
    ended = [leg["ended_at"] for leg in legs if leg["ended_at"] is not None]
    until = max(ended) if ended and row is None else None
    trace.messages.extend(trace_messages.read(connection, call_id, trace.started_at, until))
    return trace


def _others(connection: Connection, call_id: str, user_id: int | None) -> list[str]:
    cdrs = tables.cdrs.c
    ours = select(cdrs.sip_call_id).where(cdrs.call_id == call_id, cdrs.sip_call_id.is_not(None))
    near = select(cdrs.started_at).where(cdrs.call_id == call_id).limit(1).scalar_subquery()
    query = (
        select(cdrs.call_id)
        .where(cdrs.started_at.between(near - 600.0, near + 600.0))
        .where(cdrs.sip_call_id.in_(ours), cdrs.call_id != call_id, _of(user_id, tables.cdrs))
        .distinct()
    )
    return [str(other) for other in connection.scalars(query)]


def _runs(connection: Connection, call_id: str) -> list[RunTrace]:
    runs, plans, versions = tables.executions.c, tables.dialplans.c, tables.dialplan_versions.c
    same = (versions.dialplan_id == runs.dialplan_id) & (versions.version == runs.version)
    query = (
        select(
            runs.id, plans.name, runs.version, runs.state, runs.outcome, runs.started_at, runs.ended_at,
            versions.source,
        )
        .select_from(
            tables.executions.outerjoin(tables.dialplans, plans.id == runs.dialplan_id).outerjoin(
                tables.dialplan_versions, same
            )
        )
        .where(runs.call_id == call_id)
        .order_by(runs.started_at)
    )  # fmt: skip
    return [_run(connection, row) for row in connection.execute(query).all()]


def _run(connection: Connection, row: Row[*tuple[Any, ...]]) -> RunTrace:
    execution_id, source = row[0], row[-1]
    journal = read_journals(connection, tables.executions.c.id == execution_id).get(execution_id, [])
    if source is not None:
        source = listing(source, read_pinned(connection, pins_in(journal)))
    parts: list[Any] = [*row, [effect(entry) for entry in journal]]
    run = RunTrace(*parts)
    return run if source is None else replace(run, source=source)
