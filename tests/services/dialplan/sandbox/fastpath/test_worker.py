"""Workers for plain scripts: they find what the library finds, and leave to it what they do not know."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from functools import partial

import pytest

from sipwright.services.dialplan import Dial, DialResult, LegResult, Limits
from sipwright.services.dialplan.language.values import Raised
from sipwright.services.dialplan.sandbox.activation import Stretch
from sipwright.services.dialplan.sandbox.continuation import freeze, thaw
from sipwright.services.dialplan.sandbox.fastpath.fast_backend import PlainStretch
from sipwright.services.dialplan.sandbox.fastpath.worker import Unusual, Worker
from sipwright.services.dialplan.sandbox.job import Job
from sipwright.services.dialplan.sandbox.program import script
from sipwright.services.dialplan.sandbox.result import Finished, Kind, Waiting


@pytest.fixture
async def worker():
    worker = Worker(Limits(), recycle=3)
    yield worker
    worker.close()


@pytest.fixture
def plainly(worker, inputs):
    """Run a script from its start, or on from a snapshot."""

    def run(source, snapshot=b"", answer=None, limits=None):
        text = script("out", source)
        future = asyncio.get_running_loop().create_future()
        job = Job(text, 1, future.set_result, 1000.0, "seed", text.needed(inputs), snapshot, answer)
        unusual = partial(future.set_exception, Unusual())
        PlainStretch(limits or Limits(), job).compute(worker, future.set_result, unusual)
        return future

    return run


@pytest.fixture
def as_the_library(pool, inputs):
    def run(source, snapshot=b"", answer=None):
        text = script("out", source)
        job = Job(text, 1, print, 1000.0, "seed", text.needed(inputs), snapshot, answer)
        return Stretch(Limits(), job).run(pool)

    return run


def timeless(order):
    return replace(order, patience=0.0) if isinstance(order, Dial) else order


NOBODY = DialResult(False, 486, "Busy Here", [LegResult("a@local", 486, "Busy Here", 1.0)], 1.0)
PLAIN = [
    'respond(486, "Busy Here")',
    'log(req.user, call.active)\ndial(f"{req.user}@local")',
    'dial([leg("a@local", delay=2), "b@local"], ring=5)',
    'log(req.headers["x-colour"], req.headers.get("none"))\nsleep(3)',
    'hangup_after(60)\nprogress(183)\nlog({"a": [1, (2.5, None)]}, "\u00e9")\ndial("a@local", headers={"X-A": "b"})',
    "x = [n for n in range(10)]",
    'redirect("c@example.org")',
    'log(e164("012345678", region="IE"))\nexit()',
]


@pytest.mark.parametrize("source", PLAIN)
async def test_a_plain_script_does_what_it_does_in_the_library(plainly, as_the_library, source):
    expected = as_the_library(source)

    for _ in range(3):  # the second time the dump may come unasked
        found = await plainly(source)
        if isinstance(expected, Waiting):
            assert (timeless(found.order), found.line) == (timeless(expected.order), expected.line)
        else:
            assert found == expected
        assert found.notes == expected.notes


async def test_a_dump_of_either_is_loaded_by_the_other(plainly, as_the_library):
    source = 'a = dial("a@local")\nb = dial("b@local")\nrespond(a.status + b.status - 486, b.legs[0].reason)'
    busy = DialResult(False, 486, "Busy Here", [LegResult("a@local", 486, "Busy Here", 1.0)], 1.0)
    first = await plainly(source)
    second = as_the_library(source, first.snapshot, busy)
    last = await plainly(source, second.snapshot, busy)

    assert isinstance(last, Finished)
    assert (last.response.status, last.response.reason) == (486, "Busy Here")
    assert last == as_the_library(source, second.snapshot, busy)


@pytest.mark.parametrize(
    "source",
    [
        'print("x")', "1 / 0", "x = (", 'store.get("a")', "log(now())", "import time\nlog(time.time())", "ring = dial",
        'dial("a@b", nonsense=1)', 'dial("@@@")', "from time import sleep\nsleep(3)",
    ],
)  # fmt: skip
async def test_what_is_not_plain_is_left_to_the_library(plainly, source):
    with pytest.raises(Unusual):
        await plainly(source)

    assert (await plainly("respond(486)")).response.status == 486


async def test_a_worker_knows_until_when_it_may_compute(plainly, worker):
    future = plainly("while True:\n    pass")
    assert worker.deadline is not None

    worker.give_up()
    with pytest.raises(Unusual):
        await future
    assert worker.pid is None


async def test_what_holds_much_is_left_to_the_library(plainly):
    with pytest.raises(Unusual):
        await plainly('x = "x" * 80_000\nlog(x)')
    with pytest.raises(Unusual):
        await plainly('x = [str(n) for n in range(200_000)]\ndial("a@local")')


async def test_budgets_are_kept(plainly):
    calls = "for n in range(2000):\n    log(n)"
    with pytest.raises(Unusual):
        await plainly(calls)

    failed = await plainly("dial('a@local')", limits=Limits(dials=0))
    assert failed.kind is Kind.BUDGET


async def test_a_worker_that_has_ended_is_replaced(plainly, worker):
    await plainly("respond(486)")
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(Unusual):
        await plainly("respond(486)")

    assert (await plainly("respond(487)")).response.status == 487


async def test_a_worker_is_replaced_after_so_many_scripts(plainly, worker):
    pids = set()
    for _ in range(7):
        await plainly("respond(486)")
        pids.add(worker.pid)

    assert len(pids) == 3


async def test_a_snapshot_that_nobody_can_read_is_unusual(plainly):
    with pytest.raises(Unusual):
        await plainly("respond(486)", freeze([{}, 1300.0, 0, 0, 0, {}, {}, "", []], b"garbage"))


async def test_a_snapshot_of_an_earlier_version_takes_two_turns(plainly):
    """It does not say at which call it stands, which the worker then does."""
    source = 'r = dial(leg("a@local"))\nrespond(r.status)'
    (state, dump) = thaw((await plainly(source)).snapshot)
    *earlier, call_id, _, again = state
    assert again is None
    assert (await plainly(source, freeze(earlier, dump), NOBODY)).response.status == 486

    assert (await plainly(source, freeze([*earlier, call_id], dump), NOBODY)).response.status == 486
    with pytest.raises(Unusual):
        await plainly(source, freeze([*earlier, call_id + 1], dump), NOBODY)


AGAIN = """\
log("begins")
number = e164("012345678", region="IE")
seen = [number, req.user]
r = dial("a@local")
log(seen, r.status)
sleep(3)
respond(r.status, number)
"""


async def test_a_script_that_was_quick_to_wait_is_run_again(plainly, as_the_library):
    """It holds what it held, and does nothing twice; from its next wait on it is kept as it is."""
    first = await plainly(AGAIN)
    (*_, again), dump = thaw(first.snapshot)
    assert (again, dump) == ([AGAIN.index("dial"), [None, "+35312345678"]], b"")

    for going_on in (plainly, as_the_library):
        found = going_on(AGAIN, first.snapshot, NOBODY)
        second = found if isinstance(found, Waiting) else await found
        assert [note.text for note in second.notes] == ["['+35312345678', '300'] 486"]
        (*_, again), dump = thaw(second.snapshot)
        assert (again, dump == b"") == (None, False)
        last = await plainly(AGAIN, second.snapshot)
        assert (last.response.status, last.response.reason, last.notes) == (486, "+35312345678", [])


async def test_with_headers_a_script_is_run_again_too(plainly):
    source = 'colour = req.headers["x-colour"]\ndial("a@local")\nrespond(480, colour)'
    first = await plainly(source)
    assert thaw(first.snapshot)[1] == b""

    assert (await plainly(source, first.snapshot, NOBODY)).response.reason == "red, blue"


@pytest.mark.parametrize(
    "source",
    [
        'for n in range(300_000):\n    n * n\ndial("a@local")',
        'dial(leg("a@local"))',
        'log("a")\n' * 16 + "sleep(1)",
    ],
)
async def test_of_a_script_that_was_not_everything_is_kept(plainly, source):
    """It has computed for long, or what it was told is more than a text, or was much."""
    (*_, again), dump = thaw((await plainly(source)).snapshot)

    assert (again, dump == b"") == (None, False)


async def test_what_went_wrong_is_told_to_a_script_that_is_run_again(plainly, as_the_library):
    source = 'try:\n    http_get("http://a.example")\nexcept OSError as e:\n    respond(480, str(e))'
    first, error = await plainly(source), Raised("OSError", "no answer")
    assert thaw(first.snapshot)[1] == b""
    with pytest.raises(Unusual):
        await plainly(source, first.snapshot, error)

    assert as_the_library(source, first.snapshot, error).response.reason == "no answer"


@pytest.mark.parametrize("again", [[3, [None, "+35312345678"]], [AGAIN.index("dial"), [None]]])
async def test_a_script_that_does_not_come_again_to_where_it_waited_cannot_go_on(
    plainly, as_the_library, again
):
    (*state, _), dump = thaw((await plainly(AGAIN)).snapshot)
    elsewhere = freeze([*state, again], dump)

    with pytest.raises(Unusual):
        await plainly(AGAIN, elsewhere, NOBODY)
    failed = as_the_library(AGAIN, elsewhere, NOBODY)
    assert (failed.kind, failed.message) == (Kind.SNAPSHOT, "the script cannot go on: it is not where it was")


async def test_a_script_that_needs_a_seed_or_old_names_is_left_to_the_library_at_once():
    sources = ("import random\nlog(random.random())", "from sipsorcery import sys", "respond(486)")

    assert [script("out", source).is_plain for source in sources] == [False, False, True]


async def test_a_script_whose_first_call_is_another_than_it_waited_in_cannot_go_on(plainly):
    source = 'r = dial("a@local")\nrespond(r.status)'
    first = await plainly(source)
    (*state, (start, values)), dump = thaw(first.snapshot)
    assert (start, values) == (4, [])
    assert (await plainly(source, first.snapshot, NOBODY)).response.status == 486

    with pytest.raises(Unusual):
        await plainly(source, freeze([*state, [start + 1, values]], dump), NOBODY)
