"""A worker pool for the whole run, and the run of one activation of a script in it."""

import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from pydantic_monty import Monty

from sipwright.services.dialplan import Call, DialResult, Executions, Inputs, Limits, Module, Sandbox
from sipwright.services.dialplan.sandbox.fastpath.fast_backend import FastBackend
from sipwright.services.dialplan.sandbox.fastpath.worker import PATIENCE
from sipwright.services.dialplan.sandbox.job import Job
from sipwright.services.dialplan.sandbox.library_backend import LibraryActivation
from sipwright.services.dialplan.sandbox.program import program
from sipwright.services.dialplan.sandbox.result import Result
from sipwright.testing.workers import Turns

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
def turns() -> Turns:
    return Turns()


@pytest.fixture(params=["library", "fast path"])
def run(request, pool: Monty, inputs: Inputs, turns: Turns) -> Iterator[Callable[..., Result]]:
    """Run a script from its start, or on from a continuation: both backends keep one contract."""
    opened: list[FastBackend] = []

    def on_the_fast_path(limits: Limits, job: Job) -> Result | None:
        if job.program.is_special:
            return None
        backend, found = FastBackend(limits, loop=turns), []
        opened.append(backend)
        backend.compute(job, found.append, lambda: found.append(None))
        while not found:
            if not turns.take(PATIENCE):
                backend.give_up_late()
        assert backend.faults == 0
        return found[0]

    def run(
        source: str,
        *,
        limits: Limits | None = None,
        continuation: bytes = b"",
        answer: DialResult | None = None,
        given: Inputs | None = None,
        at: float | None = None,
        seed: str = "x1",
        modules: tuple[Module, ...] = (),
    ) -> Result:
        text = program("out", source, modules)
        limits = limits or Limits(seconds=20.0)  # beside other tests, two are gone now and then
        now = time.time() if at is None else at
        start = text.needed(given or inputs)
        job = Job(text, 1, lambda result: None, now, seed, start, continuation, answer)
        result = on_the_fast_path(limits, job) if request.param == "fast path" else None
        return result or LibraryActivation(limits, job).run(pool)

    yield run
    for backend in opened:
        backend.close()


@pytest.fixture
async def world(inputs) -> AsyncIterator[World]:
    box = Sandbox(Limits(seconds=1.0), workers=1, plain_at_once=1)
    await box.start()
    rows, now = Rows(), [1000.0]
    world = World(None, rows, Host(rows), now, [], inputs)  # type: ignore[arg-type]
    world.executions = Executions(
        box, rows, clock=lambda: now[0], call_later=world.call_later, token=lambda: "x1"
    )
    yield world
    await box.close()
