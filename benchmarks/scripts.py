"""What a script costs apart from its call: CPU to start, to wait and to resume, storage and workers included.

Runs three scripts at a fixed rate, with the real sandbox and the real database and a call that only says what
became of it. One answers at once, one dials and is over when somebody answers, one goes on when nobody did; the
differences are what waiting and resuming cost. All look at their call, and the third at how the leg failed, as the
scripts of people do. Prints one JSON object when asked to.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import uvloop
from meter import cpu_seconds

from sipwright.services.dialplan import (
    Call,
    Dial,
    Ending,
    Execution,
    Executions,
    Inputs,
    Limits,
    Respond,
    Sandbox,
    UserLimits,
)
from sipwright.store.crypto import create_key_file
from sipwright.store.live.live_store import Store
from sipwright.store.schema.entities import Dialplan

DIALLED = 'if call.id:\n    result = dial("service@local", ring=20)\n    respond(480, result.reason)\n'
NO_LIMITS = UserLimits(runs=10**6, runs_per_minute=10**6, seconds_per_minute=3600.0)
SCRIPTS = {"refuse": 'if call.id: respond(486, "Busy Here")\n', "ring": DIALLED, "go on": DIALLED}
INPUTS = Inputs.of(
    Call("c1", "in", "service", "root", "ring", 1), method="INVITE", uri="sip:service@127.0.0.1:5060",
    user="service", host="127.0.0.1:5060", from_name="caller", from_user="caller",
    from_host="elsewhere.example", to="sip:service@127.0.0.1:5060", source="127.0.0.1", user_agent="sipp",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the only leg ended."""

    target: str = "service@local"
    status: int = 486
    reason: str = "Busy Here"
    duration: float = 1.0
    redirect: str = ""
    audio: str = ""


class Host:
    """A call that is answered, or not, as soon as its script and that it waits are in the database."""

    def __init__(self, bench: Bench, *, is_answered: bool) -> None:
        self._bench = bench
        self._is_answered = is_answered
        self.execution: Execution

    def persist(self) -> None:
        """Have no row of its own."""

    def dial(self, command: Dial) -> None:
        """Let the leg fail, or be answered, after the commit."""
        self._bench.after_commit(self._over)

    def _over(self) -> None:
        if self._is_answered:
            self.execution.answered("service@local")
            self._bench.after_commit(self._bench.ended)
        else:
            self.execution.nobody_answered(Outcome(), [Outcome()])

    def abandon(self) -> None:
        """Fail: the database takes everything here."""
        raise AssertionError

    def respond(self, response: Respond) -> None:
        """Hear a provisional response."""

    def hang_up_after(self, seconds: float) -> None:
        """Hear of a limit."""

    def finish(self, ending: Ending) -> None:
        """Note the end, when it is in the database."""
        assert ending.failure is None, ending.sentence
        self._bench.after_commit(self._bench.ended)


class Bench:
    """A sandbox, a database, and runs at a steady rate."""

    def __init__(self, sandbox: Sandbox, store: Store) -> None:
        self._writer = store.writer
        self.executions = Executions(sandbox, store.writer, node="node1", user_limits=lambda user: NO_LIMITS)
        self._count = self._missing = 0
        self._done = asyncio.Event()

    def after_commit(self, action: object) -> None:
        """Run something when all that was written until now is in the database; the row costs what a call's does."""
        self._count += 1
        self._writer.put("call", f"none{self._count}", None, action)  # type: ignore[arg-type]

    def ended(self) -> None:
        """Count a run that is over."""
        self._missing -= 1
        if not self._missing:
            self._done.set()

    async def play(self, kind: str, count: int, rate: int) -> float:
        """Run so many scripts, and return what each has cost, in CPU seconds of all processes."""
        plan = Dialplan(1, 1, kind, 1, SCRIPTS[kind])
        loop = asyncio.get_running_loop()
        self._missing, begun = count, 0
        self._done.clear()
        before, started = cpu_seconds(os.getpid()), loop.time()
        while begun < count:
            due = min(count, int((loop.time() - started) * rate) + 1)
            for number in range(begun, due):
                host, name = Host(self, is_answered=kind == "ring"), f"{kind}{started}{number}"
                inputs = Inputs(INPUTS.request, INPUTS.call._replace(id=name))
                host.execution = self.executions.run(plan, inputs, host, call_id=name)
            begun = due
            await asyncio.sleep(0.002)
        await self._done.wait()
        spent = cpu_seconds(os.getpid()) - before
        elapsed = loop.time() - started
        return (spent - await self._idle(elapsed)) / count

    async def _idle(self, seconds: float) -> float:
        """Return what it costs to wake up as often for nothing."""
        before = time.process_time()
        for _ in range(int(seconds / 0.0022)):
            await asyncio.sleep(0.002)
        return time.process_time() - before


@contextlib.asynccontextmanager
async def open_bench() -> AsyncIterator[Bench]:
    """Start a sandbox and open a database, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "key"
        create_key_file(key)
        store = await Store.open(f"sqlite:///{folder}/bench.db", key)
        sandbox = Sandbox(Limits(), workers=2, owner_seconds=lambda owner: NO_LIMITS.seconds_per_minute)
        await sandbox.start()
        yield Bench(sandbox, store)
        await sandbox.close()
        await store.close()


async def measure(rounds: int, count: int, rate: int) -> dict[str, list[float]]:
    """Return the cost of each script in each round, in microseconds."""
    costs: dict[str, list[float]] = {kind: [] for kind in SCRIPTS}
    async with open_bench() as bench:
        for _ in range(rounds):
            for kind, found in costs.items():
                found.append(1e6 * await bench.play(kind, count, rate))
    return costs


def split(costs: dict[str, list[float]]) -> dict[str, list[float]]:
    """Return what starting, waiting and resuming cost in each round."""
    refuse, ring, go_on = (costs[kind] for kind in SCRIPTS)
    return {
        "script start": refuse,
        "script wait": [b - a for a, b in zip(refuse, ring, strict=True)],
        "script resume": [c - b for b, c in zip(ring, go_on, strict=True)],
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=2_000, help="runs of each script in a round")
    parser.add_argument("--rate", type=int, default=300, help="runs per second")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = split(uvloop.run(measure(arguments.rounds, arguments.runs, arguments.rate)))
    if arguments.json:
        print(json.dumps(found))
        return
    for what, costs in found.items():
        print(f"{what:18}{statistics.median(costs):8.1f} µs  (from {min(costs):.1f} to {max(costs):.1f})")


if __name__ == "__main__":
    main()
