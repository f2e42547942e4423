"""Stretches of scripts, computed one after the other without an event loop."""

from __future__ import annotations

import os
import signal

import pydantic_monty
import pytest
import structlog

from sipwright.services.dialplan import Limits
from sipwright.services.dialplan.sandbox.fastpath.fast_backend import FastBackend
from sipwright.testing import workers
from sipwright.testing.answers import Answers
from sipwright.testing.behaviour import parse_answer
from sipwright.testing.effects import World
from sipwright.testing.stage import PretendedPlan, Setting, Stage

PLAIN = 'result = dial("bob@local", ring=9)\nrespond(480, result.reason)'


def run(stage, source):
    world = World(Answers([parse_answer("bob: rings 3 then busy")]))
    return stage.run(PretendedPlan(source), Setting("alice", "300"), world)


@pytest.fixture
def without_library(monkeypatch):
    def refuse(*arguments, **named):
        raise AssertionError("this is not a plain script")

    monkeypatch.setattr(workers, "Monty", refuse)


def test_a_plain_script_needs_no_library(without_library):
    with Stage() as stage:
        for _ in range(3):
            found = run(stage, PLAIN)
            assert (found.status, found.reason) == (480, "Busy Here")


def test_what_is_not_plain_goes_to_the_library_and_the_next_script_to_the_worker_again():
    with Stage() as stage:
        assert run(stage, 'store.set("k", [1])\nrespond(486, str(store.get("k")))').reason == "[1]"
        assert (
            run(stage, "respond(486, 1 / 0)").failure.message == "line 1: ZeroDivisionError: division by zero"
        )
        assert run(stage, PLAIN).status == 480


def test_a_script_that_computes_for_long_ends_at_its_limit():
    with Stage(Limits(seconds=0.3)) as stage:
        found = run(stage, "while True:\n    pass")
        assert (found.status, found.failure.kind) == (500, "time")
        assert run(stage, PLAIN).status == 480


def test_a_script_whose_worker_was_killed_is_computed_by_the_library():
    with Stage() as stage:
        assert run(stage, PLAIN).status == 480
        (worker,) = stage._workshop._fast._idle
        process = worker._process
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert run(stage, PLAIN).status == 480
        assert worker.pid != process.pid


def test_with_another_version_of_the_library_everything_goes_through_it_and_nobody_is_told(monkeypatch):
    monkeypatch.setattr(pydantic_monty, "__version__", "1.4.1")
    monkeypatch.setattr(FastBackend, "compute", None)

    with structlog.testing.capture_logs() as logs, Stage() as stage:
        assert run(stage, PLAIN).status == 480
    assert logs == []
