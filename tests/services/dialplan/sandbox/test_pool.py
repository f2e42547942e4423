"""The queue before the workers: users take turns, nobody holds every worker, a crash costs one run."""

import asyncio
import gc
import itertools
import sys
import time
import weakref
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from sipwright.services.dialplan import Limits, Sandbox, SandboxSnapshot
from sipwright.services.dialplan.sandbox import library_backend, pool
from sipwright.services.dialplan.sandbox.fastpath import fast_backend
from sipwright.services.dialplan.sandbox.fastpath.fast_activation import FastActivation
from sipwright.services.dialplan.sandbox.job import Job
from sipwright.services.dialplan.sandbox.library_backend import ONCE_MORE, LibraryActivation
from sipwright.services.dialplan.sandbox.program import program
from sipwright.services.dialplan.sandbox.result import Completed, Failed, Kind, Result, Suspended


@pytest.fixture
async def two() -> AsyncIterator[Sandbox]:
    box = Sandbox(Limits(seconds=60.0), workers=2, plain_at_once=2)
    await box.start()
    yield box
    await box.close()


def submit(
    box: Sandbox, source: str, inputs, owner: object = 1, order: list[object] | None = None
) -> asyncio.Future[Result]:
    future = asyncio.get_running_loop().create_future()

    def done(step: Result) -> None:
        if order is not None:
            order.append(owner)
        if not future.done():
            future.set_result(step)

    box.submit(Job(program("out", source), owner, done, 0.0, "x1", inputs=inputs))
    return future


async def test_a_job_is_done_later_in_the_loop(two, inputs):
    future = submit(two, "x = 1", inputs)

    assert not future.done()
    assert await future == Completed(None, None, [])
    assert two.snapshot() == SandboxSnapshot(
        workers=2, busy=0, waiting=0, activations=1, in_place=0, crashes=0, fallbacks=0, faults=0
    )


async def test_the_second_run_of_a_script_that_only_dials_needs_no_worker(two, inputs):
    first, second = [await submit(two, "log(req.user)\ndial('a@b')", inputs) for _ in range(2)]

    assert (first.command.groups, first.line, first.side_effects) == (
        second.command.groups, second.line, second.side_effects,
    )  # fmt: skip
    assert (two.snapshot().activations, two.snapshot().in_place) == (2, 1)


async def test_without_the_fast_path_nothing_is_computed_in_place(inputs):
    box = Sandbox(Limits(), workers=1, fast_path=False)
    await box.start()
    for _ in range(2):
        await submit(box, "dial('a@b')", inputs)
    found = box.snapshot()
    await box.close()

    assert (found.activations, found.in_place) == (2, 0)


async def test_a_waiting_script_holds_no_worker(two, inputs):
    steps = await asyncio.gather(*[submit(two, "dial('bob@local')", inputs, owner) for owner in range(100)])

    assert all(isinstance(step, Suspended) for step in steps)
    assert (two.snapshot().busy, two.snapshot().waiting) == (0, 0)


async def test_one_user_never_holds_every_worker(inputs):
    """Three endless loops of one user, and another's call is decided before the first loop has ended."""
    box = Sandbox(Limits(seconds=60.0), workers=2, plain_at_once=2)
    await box.start()
    order: list[object] = []
    loops = [submit(box, "while True: pass", inputs, "hostile", order) for _ in range(3)]
    await submit(box, "x = 1", inputs, "friendly", order)

    assert order == ["friendly"]
    assert box.snapshot().waiting == 2
    assert not any(loop.done() for loop in loops)
    await box.close()


async def test_many_plain_scripts_of_a_user_are_under_way_and_only_some_that_compute(inputs, monkeypatch):
    """What leaves the fast path queues before the workers again, of which it never holds every one."""
    left = asyncio.Queue()
    leave = Sandbox._leave_to_library
    monkeypatch.setattr(
        Sandbox, "_leave_to_library", lambda box, job: left.put_nowait(job) or leave(box, job)
    )
    box = Sandbox(Limits(seconds=60.0), workers=2)
    await box.start()
    order: list[object] = []
    loops = [submit(box, "while 1: pass", inputs, "hostile", order) for _ in range(3)]

    assert (box.snapshot().busy, box.snapshot().waiting) == (3, 0)
    assert len([await left.get() for _ in loops]) == 3
    assert (box.snapshot().busy, box.snapshot().waiting) == (1, 2)
    await submit(box, "x = 1", inputs, "friendly", order)
    assert order == ["friendly"]
    assert not any(loop.done() for loop in loops)
    await box.close()


async def test_a_run_is_refused_while_the_first_one_waits_for_too_long(two, inputs, monkeypatch):
    monkeypatch.setattr(pool, "MAX_SECONDS", 0.0)
    first, second, third = [submit(two, "dial('a@b')", inputs) for _ in range(3)]

    assert two.is_behind(1)
    assert (await third).kind is Kind.OVERLOAD
    assert [type(await step) for step in (first, second)] == [Suspended, Suspended]
    assert not two.is_behind(1)


async def test_users_take_turns(inputs):
    box = Sandbox(Limits(), workers=1, plain_at_once=1)
    await box.start()
    order: list[object] = []
    jobs = [submit(box, "x = 1", inputs, owner, order) for owner in "aaaabbc"]
    await asyncio.gather(*jobs)
    await box.close()

    assert "".join(map(str, order)) == "aabcaba"


async def test_a_queue_that_is_full_refuses_new_runs_only(two, inputs, monkeypatch):
    monkeypatch.setattr(pool, "MAX_WAITING_OF_ONE", 1)
    jobs = [submit(two, "dial('a@b')", inputs) for _ in range(3)]
    steps = await asyncio.gather(*jobs)

    assert [type(step) for step in steps] == [Suspended, Suspended, Failed]
    assert steps[2].kind is Kind.OVERLOAD

    monkeypatch.setattr(pool, "MAX_WAITING", 0)
    ends: list[asyncio.Future[Result]] = []
    for step in steps[:2]:
        ends.append(asyncio.get_running_loop().create_future())
        two.submit(
            Job(program("out", "dial('a@b')"), 1, ends[-1].set_result, 0.0, "x1", inputs, step.continuation)
        )
    assert await asyncio.gather(*ends) == [Completed(None, None, [])] * 2

    begun_before = asyncio.get_running_loop().create_future()
    submit(two, "dial('a@b')", inputs)
    two.submit(Job(program("out", ""), 1, begun_before.set_result, 0.0, "", inputs, is_new=False))
    assert await begun_before == Completed(None, None, [])


async def test_a_worker_that_is_killed_costs_one_run(inputs):
    box = Sandbox(Limits(seconds=5.0), workers=1)
    await box.start()
    flood, bomb, after = await asyncio.gather(
        submit(box, "while True: print('x' * 1000)", inputs),
        submit(box, "x = 'a' * 50_000_000\nlog(x)", inputs),
        submit(box, "x = 1", inputs),
    )
    await box.close()

    assert (flood.kind, bomb.kind, after) == (Kind.BUDGET, Kind.MEMORY, Completed(None, None, []))


async def test_our_own_mistake_is_a_failure_too(two, inputs):
    step = await submit(two, "log(req.user)", "no inputs at all")

    assert step.kind is Kind.INTERNAL
    assert "Traceback" in step.traceback


@pytest.mark.parametrize(("computed", "runs"), [(0.0, [1, ONCE_MORE]), (0.05, [1])])
async def test_a_script_whose_worker_was_given_no_processor_is_computed_again(
    inputs, monkeypatch, computed, runs
):
    """The interpreter looks at the clock on the wall, and the machine may have stood still."""
    found = []

    class Counted(LibraryActivation):
        def run(self, pool, times=1):
            found.append(times)
            return super().run(pool, times)

    monkeypatch.setattr(pool, "LibraryActivation", Counted)
    spent = itertools.cycle([0.0, computed])
    monkeypatch.setattr(library_backend, "processor_seconds", lambda pid: next(spent))
    box = Sandbox(Limits(seconds=0.05), workers=1, fast_path=False)
    await box.start()
    step = await submit(box, "while True: pass", inputs)
    await box.close()

    assert (step.kind, found) == (Kind.TIME, runs)


@pytest.mark.parametrize("fast_path", [True, False])
async def test_closing_gives_up_what_is_under_way(inputs, fast_path):
    """Whoever stops waits for nobody who never ends."""
    box = Sandbox(Limits(seconds=1_000.0), workers=1, fast_path=fast_path)
    await box.start()
    futures = [submit(box, "while True: pass", inputs, owner) for owner in range(3)]
    while not (box._under_way or fast_path):  # noqa: ASYNC110 (nobody tells)
        await asyncio.sleep(0.001)
    await box.close()
    late = submit(box, "x = 1", inputs)
    await asyncio.sleep(0)

    assert [future.done() for future in (*futures, late)] == [False] * 4


async def test_an_owner_who_has_computed_long_enough_waits_for_the_next_minute(inputs, monkeypatch):
    """The minute has just begun, so that it does not end here."""
    began = time.monotonic()
    clock = SimpleNamespace(monotonic=lambda: 60_000.0 + time.monotonic() - began)
    monkeypatch.setattr(pool, "time", clock)
    box = Sandbox(Limits(), workers=1, owner_seconds=lambda owner: 0.0001)
    await box.start()
    first = await submit(box, "x = sum(range(100_000))", inputs)
    second = await submit(box, "x = 1", inputs)
    other = await submit(box, "x = 1", inputs, owner=2)
    await box.close()

    assert isinstance(first, Completed)
    assert isinstance(second, Failed)
    assert (second.kind, second.message) == (
        Kind.QUOTA,
        "this user's limit is reached: dialplans compute for 0.0001 s within a minute",
    )
    assert isinstance(other, Completed)


async def test_scripts_run_where_the_library_keeps_its_program_elsewhere(two, inputs, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydantic_monty._binary", None)

    step = await submit(two, "dial('bob@local')", inputs)

    assert isinstance(step, Suspended)


async def test_what_is_over_needs_no_garbage_collector(two, inputs):
    """What computes a job is gone when the job is done: it is part of no cycle."""
    made: list[weakref.ref[FastActivation]] = []

    def make(*arguments):
        activation = FastActivation(*arguments)
        made.append(weakref.ref(activation))
        return activation

    gc.disable()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fast_backend, "FastActivation", make)
            await submit(two, "log(req.user)\nsleep(5)", inputs)
            await submit(two, "respond(486)", inputs)
        await asyncio.sleep(0)

        assert [one() for one in made] == [None, None]
    finally:
        gc.enable()
