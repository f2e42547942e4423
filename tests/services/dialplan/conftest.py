"""A worker pool for the whole run, and the run of one stretch of a script in it."""

import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from pydantic_monty import Monty

from sipwright.services.dialplan import Call, DialResult, Executions, Inputs, Limits, Sandbox
from sipwright.services.dialplan.sandbox.activation import Stretch
from sipwright.services.dialplan.sandbox.job import Job
from sipwright.services.dialplan.sandbox.program import script
from sipwright.services.dialplan.sandbox.result import Step

from .running import Host, Rows, World


@pytest.fixture(scope="session")
def pool() -> Iterator[Monty]:
    with Monty(min_processes=1, max_processes=1, feed_duration_limit_grace=0.2) as pool:
        yield pool


@pytest.fixture(scope="session")
def inputs() -> Inputs:
    return Inputs.of(
        Call("c1", "out", "alice@example.org", "alice", "out", 0),
        method="INVITE",
        uri="sip:300@example.org",
        user="300",
        host="example.org",
        from_name="Alice",
        from_user="alice",
        from_host="example.org",
        to="<sip:300@example.org>",
        source="192.0.2.1:5060",
        user_agent="Phone/1.0",
        body=b"v=0",
        headers=[("X-Colour", "red"), ("x-colour", "blue"), ("Subject", "caf\udce9")],
    )


@pytest.fixture
def run(pool: Monty, inputs: Inputs) -> Callable[..., Step]:
    """Run a script from its start, or on from a snapshot."""

    def run(
        source: str,
        *,
        limits: Limits | None = None,
        snapshot: bytes = b"",
        answer: DialResult | None = None,
        given: Inputs | None = None,
        at: float | None = None,
        seed: str = "x1",
    ) -> Step:
        text = script("out", source)
        start = None if snapshot else text.needed(given or inputs)
        now = time.time() if at is None else at
        job = Job(text, 1, lambda step: None, now, seed, start, snapshot, answer)
        return Stretch(limits or Limits(), job).run(pool)

    return run


@pytest.fixture
async def world(inputs) -> AsyncIterator[World]:
    box = Sandbox(Limits(seconds=1.0), workers=1)
    await box.start()
    rows, now = Rows(), [1000.0]
    world = World(None, rows, Host(rows), now, [], inputs)  # type: ignore[arg-type]
    world.executions = Executions(
        box, rows, clock=lambda: now[0], call_later=world.call_later, token=lambda: "x1"
    )
    yield world
    await box.close()
