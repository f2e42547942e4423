"""The fast path finds what the library finds, and leaves to it what it does not know."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from sipwright.services.dialplan import Dial, DialResult, Inputs, LegResult, Limits
from sipwright.services.dialplan.language.values import Raised
from sipwright.services.dialplan.sandbox.continuation import Continuation, Dump, Replay, decode, encode
from sipwright.services.dialplan.sandbox.fastpath import fast_activation
from sipwright.services.dialplan.sandbox.fastpath.fallback import Fallback, Reason
from sipwright.services.dialplan.sandbox.fastpath.fast_activation import MAX_CALLS, FastActivation, given
from sipwright.services.dialplan.sandbox.fastpath.monty_values import names
from sipwright.services.dialplan.sandbox.fastpath.worker import Worker
from sipwright.services.dialplan.sandbox.job import Job
from sipwright.services.dialplan.sandbox.library_backend import LibraryActivation
from sipwright.services.dialplan.sandbox.program import program
from sipwright.services.dialplan.sandbox.result import Completed, Kind, Suspended


@pytest.fixture
async def worker():
    worker = Worker(Limits(), recycle=3)
    yield worker
    worker.close()


@pytest.fixture
def plainly(worker, inputs):
    """Run a script from its start, or on from a continuation."""

    def run(source, continuation=b"", answer=None, limits=None):
        text = program("out", source)
        future = asyncio.get_running_loop().create_future()
        job = Job(text, 1, future.set_result, 1000.0, "seed", text.needed(inputs), continuation, answer)
        FastActivation(limits or Limits(), job).compute(worker, future.set_result, future.set_exception)
        return future

    return run


@pytest.fixture
def in_no_time(monkeypatch):
    """Let a script be one that takes no time also where its worker waits for a processor, which counts as well."""
    monkeypatch.setattr(fast_activation, "SOON", 60.0)


@pytest.fixture
def as_the_library(pool, inputs):
    def run(source, continuation=b"", answer=None):
        text = program("out", source)
        job = Job(text, 1, print, 1000.0, "seed", text.needed(inputs), continuation, answer)
        return LibraryActivation(Limits(), job).run(pool)

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
        if isinstance(expected, Suspended):
            assert (timeless(found.command), found.line) == (timeless(expected.command), expected.line)
        else:
            assert found == expected
        assert found.side_effects == expected.side_effects


async def test_a_dump_of_either_is_loaded_by_the_other(plainly, as_the_library):
    source = 'a = dial("a@local")\nb = dial("b@local")\nrespond(a.status + b.status - 486, b.legs[0].reason)'
    busy = DialResult(False, 486, "Busy Here", [LegResult("a@local", 486, "Busy Here", 1.0)], 1.0)
    first = await plainly(source)
    second = as_the_library(source, first.continuation, busy)
    last = await plainly(source, second.continuation, busy)

    assert isinstance(last, Completed)
    assert (last.response.status, last.response.reason) == (486, "Busy Here")
    assert last == as_the_library(source, second.continuation, busy)


@pytest.mark.parametrize(
    "source",
    [
        'print("x")', "1 / 0", "x = (", 'store.get("a")', "log(now())", "import time\nlog(time.time())", "ring = dial",
        'dial("a@b", nonsense=1)', 'dial("@@@")', "from time import sleep\nsleep(3)",
    ],
)  # fmt: skip
async def test_what_is_not_plain_is_left_to_the_library(plainly, source):
    with pytest.raises(Fallback):
        await plainly(source)

    assert (await plainly("respond(486)")).response.status == 486


async def test_a_worker_knows_until_when_it_may_compute(plainly, worker):
    future = plainly("while True:\n    pass")
    assert worker.deadline is not None

    worker.fail(Fallback(Reason.TIME))
    with pytest.raises(Fallback):
        await future
    assert worker.pid is None


async def test_what_holds_much_is_left_to_the_library(plainly):
    with pytest.raises(Fallback):
        await plainly('x = "x" * 80_000\nlog(x)')
    with pytest.raises(Fallback):
        await plainly('x = [str(n) for n in range(200_000)]\ndial("a@local")')


async def test_budgets_are_kept(plainly):
    calls = "for n in range(2000):\n    log(n)"
    with pytest.raises(Fallback):
        await plainly(calls)

    failed = await plainly("dial('a@local')", limits=Limits(dials=0))
    assert failed.kind is Kind.BUDGET


async def test_a_worker_that_has_ended_is_replaced(plainly, worker):
    await plainly("respond(486)")
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(Fallback):
        await plainly("respond(486)")

    assert (await plainly("respond(487)")).response.status == 487


async def test_a_worker_is_replaced_after_so_many_scripts(plainly, worker):
    pids = set()
    for _ in range(7):
        await plainly("respond(486)")
        pids.add(worker.pid)

    assert len(pids) == 3


async def test_a_dump_that_nobody_can_read_is_left_to_the_library(plainly):
    with pytest.raises(Fallback) as caught:
        await plainly("respond(486)", encode(Continuation({"deadline": 1300.0}, Dump(b"garbage"))))

    assert caught.value.reason is Reason.EVENT


async def test_a_dump_that_does_not_say_at_which_call_it_stands_takes_two_turns(plainly):
    source = 'r = dial(leg("a@local"))\nrespond(r.status)'
    found = decode((await plainly(source)).continuation)
    assert isinstance(found.how, Dump)
    assert (await plainly(source, encode(found._replace(call_id=None)), NOBODY)).response.status == 486

    assert (await plainly(source, encode(found), NOBODY)).response.status == 486
    with pytest.raises(Fallback) as caught:
        await plainly(source, encode(found._replace(call_id=found.call_id + 1)), NOBODY)
    assert caught.value.reason is Reason.STATE


AGAIN = """\
log("begins")
number = e164("012345678", region="IE")
seen = [number, req.user]
r = dial("a@local")
log(seen, r.status)
sleep(3)
respond(r.status, number)
"""


async def test_a_script_that_was_quick_to_wait_is_replayed(plainly, as_the_library):
    """It holds what it held, and does nothing twice; from its next wait on it is kept as it is."""
    first = await plainly(AGAIN)
    assert decode(first.continuation).how == Replay(AGAIN.index("dial"), [None, "+35312345678"])

    for going_on in (plainly, as_the_library):
        found = going_on(AGAIN, first.continuation, NOBODY)
        second = found if isinstance(found, Suspended) else await found
        assert [effect.text for effect in second.side_effects] == ["['+35312345678', '300'] 486"]
        assert isinstance(decode(second.continuation).how, Dump)
        last = await plainly(AGAIN, second.continuation)
        assert (last.response.status, last.response.reason, last.side_effects) == (486, "+35312345678", [])


@pytest.mark.usefixtures("in_no_time")
async def test_a_script_that_takes_no_time_is_replayed_and_uses_up_none(plainly, worker):
    """A worker that has run it before is so quick that it takes less than a microsecond."""
    for _ in range(30):
        assert isinstance(decode((await plainly('dial("a@local")')).continuation).how, Replay)
        assert worker.spent < 60.0


@pytest.mark.usefixtures("in_no_time")
async def test_with_headers_a_script_is_replayed_too(plainly):
    source = 'colour = req.headers["x-colour"]\ndial("a@local")\nrespond(480, colour)'
    first = await plainly(source)
    assert isinstance(decode(first.continuation).how, Replay)

    assert (await plainly(source, first.continuation, NOBODY)).response.reason == "red, blue"


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
    assert isinstance(decode((await plainly(source)).continuation).how, Dump)


@pytest.mark.usefixtures("in_no_time")
async def test_what_went_wrong_is_told_to_a_script_that_is_replayed(plainly, as_the_library):
    source = 'try:\n    http_get("http://a.example")\nexcept OSError as e:\n    respond(480, str(e))'
    first, error = await plainly(source), Raised("OSError", "no answer")
    assert isinstance(decode(first.continuation).how, Replay)
    with pytest.raises(Fallback):
        await plainly(source, first.continuation, error)

    assert as_the_library(source, first.continuation, error).response.reason == "no answer"


@pytest.mark.parametrize("replay", [Replay(3, [None, "+35312345678"]), Replay(AGAIN.index("dial"), [None])])
async def test_a_script_that_does_not_come_to_where_it_waited_cannot_go_on(plainly, as_the_library, replay):
    found = decode((await plainly(AGAIN)).continuation)
    elsewhere = encode(found._replace(how=replay))

    with pytest.raises(Fallback):
        await plainly(AGAIN, elsewhere, NOBODY)
    failed = as_the_library(AGAIN, elsewhere, NOBODY)
    assert (failed.kind, failed.message) == (Kind.SNAPSHOT, "the script cannot go on: it is not where it was")


@pytest.mark.usefixtures("in_no_time")
async def test_a_script_whose_first_call_is_another_than_it_waited_in_cannot_go_on(plainly):
    source = 'r = dial("a@local")\nrespond(r.status)'
    found = decode((await plainly(source)).continuation)
    assert found.how == Replay(4, [])
    assert (await plainly(source, encode(found), NOBODY)).response.status == 486

    with pytest.raises(Fallback):
        await plainly(source, encode(found._replace(how=Replay(5, []))), NOBODY)


@pytest.mark.parametrize(
    "source",
    [
        "dial('a@b')",
        "log(req.user, req.redirected)",
        "log(call.active, req.body)",
        "log(call.id)",
        "log(req)",
        "log(req, call.id)",
    ],
)
def test_names_are_written_as_a_worker_reads_them(source, inputs):
    long = Inputs(inputs.request._replace(user="\u00e9" * 100, redirected=True), inputs.call)
    text = program("x", source)

    assert [given(text, one) for one in (inputs, long)] == [
        names(text.globals(one)) for one in (inputs, long)
    ]


@pytest.mark.parametrize(("calls", "is_left"), [(MAX_CALLS, False), (MAX_CALLS + 1, True)])
async def test_a_script_that_calls_very_often_is_left_to_the_library(plainly, calls, is_left):
    """Each call is short, but all of them together are much for the loop."""
    future = plainly(f"for n in range({calls}):\n    log(n)\nrespond(486)")

    if is_left:
        with pytest.raises(Fallback) as caught:
            await future
        assert caught.value.reason is Reason.CALLS
    else:
        assert (await future).response.status == 486
