"""The fence around the fast path: its switch, its version, and what is told of a script that leaves it."""

from __future__ import annotations

import asyncio

import pydantic_monty
import pytest
import structlog

from sipwright.memo import Bounded
from sipwright.services.dialplan import Limits, Sandbox
from sipwright.services.dialplan.language.values import Raised
from sipwright.services.dialplan.sandbox.fastpath import fast_backend, monty_protocol
from sipwright.services.dialplan.sandbox.fastpath.fallback import EVERY, Fallback, FallbackLog, Reason
from sipwright.services.dialplan.sandbox.fastpath.fast_activation import FastActivation
from sipwright.services.dialplan.sandbox.fastpath.field_numbers import TESTED_VERSION
from sipwright.services.dialplan.sandbox.job import Job
from sipwright.services.dialplan.sandbox.program import Program
from sipwright.services.dialplan.sandbox.result import Completed


@pytest.fixture
def logs():
    with structlog.testing.capture_logs() as logs:
        yield logs


@pytest.fixture
def compute(inputs):
    """Compute the start of a script in a sandbox."""

    async def compute(box, source):
        done = asyncio.get_running_loop().create_future()
        box.submit(Job(Program("out", source), 1, done.set_result, 1000.0, "x1", inputs))
        return await done

    return compute


@pytest.fixture
async def sandbox():
    opened = []

    async def open(**settings):
        box = Sandbox(Limits(), workers=1, **settings)
        opened.append(box)
        await box.start()
        return box

    yield open
    for box in opened:
        await box.close()


@pytest.fixture
def refused(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("this is the fast path")

    monkeypatch.setattr(FastActivation, "compute", refuse)


async def test_a_fault_of_ours_is_an_error_with_its_traceback(sandbox, compute, logs, monkeypatch):
    """The script is computed all the same; but a bug must not show as slowness only."""
    box = await sandbox()
    monkeypatch.setattr(monty_protocol, "_CALLS", Bounded(1))  # nothing is known from before
    monkeypatch.setattr(monty_protocol, "_read_call", lambda data: data[len(data)])

    result = await compute(box, 'respond(486, "Nobody Has Read This Before")')

    assert isinstance(result, Completed)
    assert (result.response.status, box.snapshot().faults, box.snapshot().fallbacks) == (486, 1, 0)
    (line,) = logs
    assert (line["log_level"], line["event"], line["dialplan"]) == ("error", "fast path failed", "out")
    assert isinstance(line["exc_info"], IndexError)
    assert line["exc_info"].__traceback__ is not None


async def test_a_fault_before_the_worker_is_asked_is_told_too(sandbox, compute, logs, monkeypatch):
    box = await sandbox()
    monkeypatch.setattr(monty_protocol, "feed", lambda code, given: code + given)

    assert (await compute(box, "respond(486)")).response.status == 486
    assert [line["event"] for line in logs] == ["fast path failed"]


async def test_a_script_that_leaves_the_fast_path_is_told_with_the_reason(sandbox, compute, logs):
    box = await sandbox()

    assert (await compute(box, "log(now())\nrespond(486)")).response.status == 486
    assert (box.snapshot().faults, box.snapshot().fallbacks) == (0, 1)
    assert logs == [
        {
            "log_level": "info", "event": "fast path left", "reason": "a value that it does not carry",
            "detail": "a datetime", "dialplan": "out", "count": 1, "held_back": 0,
        }
    ]  # fmt: skip


async def test_a_script_that_leaves_it_again_and_again_does_not_begin_there(sandbox, compute, inputs):
    box, text = await sandbox(), Program("out", "log(now())\nrespond(486)")
    for _ in range(5):
        done = asyncio.get_running_loop().create_future()
        box.submit(Job(text, 1, done.set_result, 1000.0, "x1", inputs))
        await done

    assert box.snapshot().fallbacks == fast_backend.MOST_FALLBACKS


async def test_an_answer_that_leaves_it_says_nothing_of_the_script(sandbox, compute, inputs):
    """After a restart many scripts hear that their post was interrupted."""
    box, text = (
        await sandbox(),
        Program("out", "try:\n    http_post('http://a/')\nexcept RuntimeError:\n    log('x')"),
    )
    for _ in range(fast_backend.MOST_FALLBACKS + 1):
        begun, done = (asyncio.get_running_loop().create_future() for _ in range(2))
        box.submit(Job(text, 1, begun.set_result, 1000.0, "x1", inputs))
        how = (await begun).continuation
        box.submit(
            Job(text, 1, done.set_result, 1000.0, "x1", inputs, how, Raised("RuntimeError", "interrupted"))
        )
        assert isinstance(await done, Completed)

    assert box.snapshot().fallbacks == fast_backend.MOST_FALLBACKS + 1
    assert text.fallbacks == 0


def test_of_one_reason_there_is_a_line_a_minute():
    now = [1000.0]
    told = FallbackLog(lambda: now[0])
    with structlog.testing.capture_logs() as logs:
        for _ in range(5):
            told.note(Fallback(Reason.VALUE, "a date"), "a")
        told.note(Fallback(Reason.SIZE), "b")
        now[0] += EVERY
        told.note(Fallback(Reason.VALUE, "a time"), "c")

    assert [(line["dialplan"], line["detail"], line["count"]) for line in logs] == [
        ("a", "a date", 1), ("b", "", 1), ("c", "a time", 6),
    ]  # fmt: skip
    assert (told.counts[Reason.VALUE], told.counts.total()) == (6, 7)


async def test_it_can_be_switched_off(sandbox, compute, refused, logs):
    box = await sandbox(fast_path=False)

    assert (await compute(box, "respond(486)")).response.status == 486
    assert logs == []


async def test_it_is_refused_where_the_library_is_of_another_version(
    sandbox, compute, refused, logs, monkeypatch
):
    monkeypatch.setattr(pydantic_monty, "__version__", "1.4.1")
    box = await sandbox()

    assert (await compute(box, "respond(486)")).response.status == 486
    assert [(line["log_level"], line["event"], line["tested"], line["found"]) for line in logs] == [
        ("warning", "fast path refused", TESTED_VERSION, "1.4.1")
    ]


def test_the_installed_library_is_the_tested_one():
    assert pydantic_monty.__version__ == TESTED_VERSION
