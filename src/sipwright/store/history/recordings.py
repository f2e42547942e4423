"""The runs of one dialplan as they were recorded: the material for replaying them through another script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from sipwright.services.linking import Module
from sipwright.store.database import Database
from sipwright.store.history import trace_messages
from sipwright.store.history.journals import read_journals
from sipwright.store.history.plan_modules import read_pinned
from sipwright.store.history.runs import pins_in
from sipwright.store.schema import tables
from sipwright.store.schema.rows import JournalRow

__all__ = ["RecordedRun", "read_recordings"]

_AT_ONCE = 500
_DEEPEST = 10
"""No call passes from one dialplan to the next more often."""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One run that is over, with the journal and the CDRs of its call; ``source`` is what it ran.

    ``inner`` has the calls that its legs became where they led to accounts here with an in dialplan.
    """

    id: str
    call_id: str | None
    version: int | None
    state: str
    started_at: float
    source: str | None
    journal: list[JournalRow] = field(default_factory=list)
    legs: list[dict[str, Any]] = field(default_factory=list)
    messages: list[trace_messages.Message] = field(default_factory=list)
    inner: list[RecordedRun] = field(default_factory=list)
    modules: list[Module] = field(default_factory=list)
    """What it imported, as it was then."""


async def read_recordings(
    database: Database, dialplan_id: int, since: float, most: int, *, with_messages: bool = False
) -> list[RecordedRun]:
    """Return the runs of a dialplan that began since then, the oldest first; of too many, the newest."""

    def work(connection: Connection) -> list[RecordedRun]:
        runs = _runs(connection, dialplan_id, since, most)
        for start in range(0, len(runs), _AT_ONCE):
            _complete(connection, runs[start : start + _AT_ONCE], with_messages=with_messages)
        return runs

    return await database.read(work)


def _runs(connection: Connection, dialplan_id: int, since: float, most: int) -> list[RecordedRun]:
    runs, versions = tables.executions.c, tables.dialplan_versions.c
    same = (versions.dialplan_id == runs.dialplan_id) & (versions.version == runs.version)
    query = (
        select(runs.id, runs.call_id, runs.version, runs.state, runs.started_at, versions.source)
        .select_from(tables.executions.outerjoin(tables.dialplan_versions, same))
        .where(runs.dialplan_id == dialplan_id, runs.started_at >= since, runs.state.in_(("done", "failed")))
        .order_by(runs.started_at.desc())
        .limit(most)
    )
    return [RecordedRun(*row) for row in connection.execute(query)][::-1]


def _complete(
    connection: Connection, runs: Sequence[RecordedRun], *, with_messages: bool, depth: int = 0
) -> None:
    by_id = {run.id: run for run in runs}
    by_call = {run.call_id: run for run in runs if run.call_id is not None}
    cdrs = tables.cdrs.c
    for name, journal in read_journals(connection, tables.executions.c.id.in_(by_id)).items():
        by_id[name].journal.extend(journal)
        by_id[name].modules.extend(read_pinned(connection, pins_in(journal)))
    legs = select(*cdrs).where(cdrs.call_id.in_(by_call)).order_by(cdrs.leg)
    for leg in connection.execute(legs).mappings():
        by_call[leg["call_id"]].legs.append(dict(leg))
    if with_messages:
        for call_id, run in by_call.items():
            run.messages.extend(trace_messages.read(connection, call_id, run.started_at, run.started_at)[:1])
    if depth < _DEEPEST and (inner := _inner_runs(connection, runs)):
        for start in range(0, len(inner), _AT_ONCE):
            _complete(connection, inner[start : start + _AT_ONCE], with_messages=False, depth=depth + 1)


def _inner_runs(connection: Connection, runs: Sequence[RecordedRun]) -> list[RecordedRun]:
    """Find the calls that the legs of some calls became: the two share a Call-ID on the loop that joins them."""
    legs = {
        leg["sip_call_id"]: (run, leg)
        for run in runs
        for leg in run.legs
        if leg["leg"] > 0 and leg["sip_call_id"]
    }
    if not legs:
        return []
    cdrs, executions = tables.cdrs.c, tables.executions.c
    began = [leg["started_at"] for _, leg in legs.values()]
    query = (
        select(
            executions.id,
            cdrs.call_id,
            executions.version,
            executions.state,
            cdrs.started_at,
            cdrs.sip_call_id,
        )
        .select_from(tables.cdrs.join(tables.executions, executions.id == cdrs.execution_id))
        # The Call-ID has no index; the time has. A delayed leg is sent up to two minutes after it "began".
        .where(cdrs.started_at.between(min(began) - 1.0, max(began) + 130.0), cdrs.leg == 0)
        .order_by(cdrs.started_at)
    )
    found = []
    for row in connection.execute(query):
        run, _ = legs.get(row.sip_call_id, (None, None))
        if run is not None and run.call_id != row.call_id:
            inner = RecordedRun(row.id, row.call_id, row.version, row.state, row.started_at, None)
            run.inner.append(inner)
            found.append(inner)
    return found
