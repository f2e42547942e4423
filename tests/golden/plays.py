"""Runs of dialplans, each brought to a point where a process may end; `make.py` writes down what is stored by then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from tests.services.dialplan.running import BUSY, BUSY_LEGS, Host, LegOutcome, Outcome, Rows, World

from sipwright.services.dialplan import Call, Executions, Inputs, Limits, Sandbox

__all__ = ["PLAYS", "Play", "play", "world"]


class Play(NamedTuple):
    """What a play shows, the script, and what happens to it until the process ends."""

    about: str
    source: str
    acts: Callable[[World], Awaitable[None]]


@asynccontextmanager
async def world(effects: Any = None) -> AsyncIterator[World]:
    """Set up everything around a run of a dialplan."""
    inputs = Inputs.of(
        Call("c1", "out", "alice", "alice", "out", 2, "Europe/Dublin"), method="INVITE", uri="sip:300@example.org",
        user="300", host="example.org", from_name="Alice", from_user="alice", from_host="example.org",
        to="<sip:300@example.org>", source="192.0.2.1:5060", user_agent="Phone/1.0", body=b"v=0",
        headers=[("X-Colour", "red"), ("x-colour", "blue"), ("Subject", "caf\udce9")],
    )  # fmt: skip
    box, rows, now = Sandbox(Limits(seconds=5.0), workers=1), Rows(), [time.time()]
    await box.start()
    stage = World(None, rows, Host(rows), now, [], inputs)  # type: ignore[arg-type]
    stage.executions = Executions(
        box, rows, clock=lambda: now[0], call_later=stage.call_later, token=lambda: "x1", node="n1", effects=effects
    )  # fmt: skip
    try:
        yield stage
    finally:
        await stage.executions.close()
        await box.close()


class Never:
    """Effects that are under way when the process ends, but for secrets, which are told."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def perform(self, ask: Any, row: Any, sequence: int) -> Any:
        if ask.function == "secret":
            return "correct horse"
        self.begun.set()
        return await asyncio.Event().wait()


async def play(source: str, acts: Callable[[World], Awaitable[None]]) -> dict[str, Any]:
    """Run a script up to where its process ends; returns what is stored then, as JSON."""
    async with world(Never()) as stage:
        stage.run(source)
        await acts(stage)
        row = stage.row
        snapshot = None if row.snapshot is None else row.snapshot.decode("latin-1")
        journal = [entry._asdict() for entry in sorted(stage.rows.journal.values())]
        return {
            "now": stage.now[0],
            "source": source,
            "execution": {**row._asdict(), "snapshot": snapshot},
            "journal": journal,
        }


# What happens.


async def dials(stage: World) -> None:
    """Wait until the script dials."""
    while type(await stage.wish()).__name__ != "Dial":
        pass


async def dials_twice(stage: World) -> None:
    """Let nobody answer, and wait until the script dials again."""
    await dials(stage)
    stage.executions.get("x1").nobody_answered(BUSY, BUSY_LEGS)
    await dials(stage)


async def talks(stage: World) -> None:
    """Let somebody answer."""
    await dials(stage)
    stage.executions.get("x1").answered("bob@local")


async def is_told(stage: World) -> None:
    """Let the process end when the answer is stored, and the script has done nothing with it."""
    await dials(stage)
    stage.executions.get("x1").nobody_answered(BUSY, BUSY_LEGS)


async def is_redirected(stage: World) -> None:
    """Let the script decide about a redirect from its first line."""
    await dials(stage)
    legs = [LegOutcome("bob@local", 302, "Moved", 1.0, "sip:carol@example.org")]
    stage.executions.get("x1").nobody_answered(Outcome(302, "Moved"), legs)
    await dials(stage)


async def sleeps(stage: World) -> None:
    """Wait until the script sleeps."""
    await stage.armed.wait()


async def asks(stage: World) -> None:
    """Wait until what the script asks for is under way."""
    await stage.executions.effects.begun.wait()


async def computes(stage: World) -> None:
    """Store a run that still computes."""
    stage.executions.get("x1").persist()


_BUSY = "x = 0\nfor i in range(60_000):\n    x += i\n"
_REST = "log(result.status, result.legs[0].reason)\nrespond(result.status, 'At Last')\n"

PLAYS = {
    "dial": Play(
        "A dial that the script came to at once.",
        'log("a", req.user)\nn = e164("01 2345678", "IE")\nresult = dial("bob@local", ring=25)\nlog(n)\n' + _REST,
        dials,
    ),
    "dial_after_work": Play(
        "A dial of a script that has computed for some time.",
        _BUSY + 'result = dial("bob@local & carol@local[delay=2]")\nlog(x)\n' + _REST, dials,
    ),
    "dial_again": Play(
        "The second dial of a script.",
        'first = dial("bob@local")\nkept = [first.status, "x"]\nresult = dial("carol@local")\nlog(kept)\n' + _REST,
        dials_twice,
    ),
    "dial_at_a_time": Play(
        "A script that has looked at the clock.",
        'at = now()\nresult = dial("bob@local")\nlog(at.year > 2025)\n' + _REST, dials,
    ),
    "dial_by_chance": Play(
        "A script that has thrown dice.",
        'import random\nn = random.randint(1, 6)\nresult = dial("bob@local")\nlog(1 <= n <= 6)\n' + _REST, dials,
    ),
    "dial_by_headers": Play(
        "A script that reads headers.",
        'colour = req.headers["X-Colour"]\nresult = dial("bob@local")\nlog(colour, req.headers.get("x"))\n' + _REST,
        dials,
    ),
    "dial_by_old_names": Play(
        "A script of the old service.",
        'from sipsorcery import sys, req\nsys.Log("old")\nsys.Dial("bob@local", 20)\n'
        'sys.Respond(480, f"Not {req.URI.User}")\n', dials,
    ),
    "dial_with_a_secret": Play(
        "A script that knows a secret, and so is sealed.",
        'key = secret("API_KEY")\nresult = dial("bob@local")\nlog(len(key), key)\n' + _REST, dials,
    ),
    "dial_groups": Play("A dial that may be cut short.", 'result = dial("a@b | c@d", ring=180)\n' + _REST, dials),
    "dial_and_wait": Play(
        "A script that waits for the end of its call.",
        'result = dial("bob@local", wait=True)\nlog(result.answered, result.duration)\nrespond(486)\n', talks,
    ),
    "dial_answered_nothing": Play(
        "The answer to a dial is stored, and the script has not gone on.",
        'result = dial("bob@local")\nsleep(1)\n' + _REST, is_told,
    ),
    "dial_redirected": Play(
        "A script that decides again, about a redirect.",
        'if req.redirected:\n    result = dial(f"{req.user}@local")\nelse:\n'
        '    result = dial("bob@local[redirect=rerun]")\nlog(req.uri, result.status)\nrespond(486)\n', is_redirected,
    ),
    "sleep": Play("A script that sleeps.", 'respond(183, "Please Wait")\nsleep(60)\nrespond(486)\n', sleeps),
    "sleep_after_work": Play(
        "A script that sleeps after it has computed.", _BUSY + "sleep(60)\nlog(x)\nrespond(486)\n", sleeps
    ),
    "http_get": Play(
        "A page is asked for.", 'page = http_get("http://192.0.2.7/x")\nlog(page.text)\nrespond(486)\n', asks
    ),
    "http_post": Play(
        "Something is posted, which is not done twice.",
        'try:\n    http_post("http://192.0.2.7/x", data="once")\nexcept RuntimeError as error:\n'
        '    log(error)\nrespond(486)\n', asks,
    ),
    "store_add": Play(
        "A number is counted, which is done together with its entry.",
        'n = store.add("calls")\nlog(n)\nrespond(486)\n', asks,
    ),
    "computing": Play("A script that has done nothing yet.", _BUSY + 'log(x)\nresult = dial("bob@local")\n', computes),
    "long_journal": Play(
        "A journal that does not fit into the row of its run.",
        'for i in range(60):\n    respond(183, f"Step {i} of many, said at some length")\nresult = dial("bob@local")\n'
        + _REST, dials,
    ),
}  # fmt: skip
