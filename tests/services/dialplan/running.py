"""A run of a dialplan with everything around it played: the database, the call, the clock."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sipwright.services.dialplan import Entry, Execution, Executions
from sipwright.services.dialplan.execution.runner import PERSIST_AFTER
from sipwright.services.journal_text import read_entries
from sipwright.services.rows import ExecutionRow


class Plan(NamedTuple):
    source: str
    id: int = 7
    user_id: int = 3
    name: str = "out"
    version: int = 2
    modules: tuple[Any, ...] = ()


class Outcome(NamedTuple):
    status: int
    reason: str


class LegOutcome(NamedTuple):
    target: str
    status: int
    reason: str
    duration: float
    redirect: str = ""
    audio: str = ""


BUSY = Outcome(486, "Busy Here")
BUSY_LEGS = [LegOutcome("bob@local", 486, "Busy Here", 3.0)]


def first_entries(journal: str, count: int) -> str:
    """Return the journal of a run as it was when it had so many entries."""
    known = json.loads(journal)
    return json.dumps({**known, "entries": known["entries"][:count]})


class Rows:
    """The writer: what is in the database, and in which order it came there."""

    def __init__(self) -> None:
        self.executions: dict[str, ExecutionRow] = {}
        self.journal: dict[tuple[str, int], Entry] = {}
        self.written: list[str] = []
        """Of each row of the run its state, and what its journal has."""
        self.snapshots: list[bytes] = []
        self.is_busy: bool | Exception = False

    def put(self, kind: str, key: Any, row: Any, on_commit: Any = None) -> None:
        if self.is_busy:
            raise RuntimeError("storage unavailable") if self.is_busy is True else self.is_busy
        if kind == "execution":
            self.written.append(
                f"{row.state}: {' '.join(one.function for one in read_entries(row.id, row.journal))}"
            )
        if kind == "execution" and row.snapshot is not None:
            self.snapshots.append(row.snapshot)
        if on_commit is not None:
            asyncio.get_running_loop().call_soon(on_commit)
        {"execution": self.executions, "journal": self.journal}[kind][key] = row

    def entries(self) -> list[Entry]:
        """The journal, from its table and from the row of the run."""
        in_rows = [
            entry for row in self.executions.values() for entry in read_entries(row.id, row.journal or "[]")
        ]
        return sorted([*self.journal.values(), *in_rows])

    def told(self) -> list[tuple[str, Any, Any]]:
        return [
            (
                entry.function,
                json.loads(entry.arguments),
                None if entry.result is None else json.loads(entry.result),
            )
            for entry in self.entries()
        ]


@dataclass
class Host:
    """A call: it notes what it is asked for, and what was in the database by then."""

    rows: Rows
    asked: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    stored: list[list[str]] = field(default_factory=list)
    kept: list[list[str]] = field(default_factory=list)
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, wish: Any) -> None:
        self.stored.append(list(self.rows.written))
        self.asked.put_nowait(wish)

    dial = respond = finish = hang_up_after = note

    def persist(self) -> None:
        self.kept.append(list(self.rows.written))

    def abandon(self) -> None:
        self.lost.set()


@dataclass
class World:
    executions: Executions
    rows: Rows
    host: Host
    now: list[float]
    timers: list[tuple[float, Any]]
    inputs: Any
    armed: asyncio.Event = field(default_factory=asyncio.Event)
    keeper: Any = None

    def run(self, source: str, modules: Any = ()) -> Execution:
        return self.executions.run(
            Plan(source, modules=modules), self.inputs, self.host, call_id="c1", account_id=5
        )

    def restore(self, source: str, effects: Any = None, modules: Any = ()) -> Execution:
        """Go on with what is in the database, as a new process does."""
        (row,) = self.rows.executions.values()
        host = self.host = Host(self.rows)
        again = Executions(
            self.executions.sandbox, self.rows, clock=lambda: self.now[0], call_later=self.call_later,
            effects=effects,
        )  # fmt: skip
        self.executions = again
        return again.restore(
            tuple(row), [tuple(entry) for entry in self.rows.entries()], Plan(source, modules=modules), host
        )

    def call_later(self, delay: float, callback: Any, *arguments: Any) -> Any:
        timer = Timer(delay, callback, arguments)
        if delay == PERSIST_AFTER:
            self.keeper = timer
            return timer
        self.timers.append(timer)
        self.armed.set()
        return timer

    async def wish(self) -> Any:
        return await self.host.asked.get()

    @property
    def row(self) -> ExecutionRow:
        (row,) = self.rows.executions.values()
        return row


class Timer:
    def __init__(self, delay: float, callback: Any, arguments: Any = ()) -> None:
        self.delay = delay
        self.callback = callback
        self.arguments = arguments
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True
