"""Runs of dialplans as every release has stored them go on where they stood."""

import json
import time

import pytest
from tests.services.dialplan.running import BUSY, BUSY_LEGS, Plan

from sipwright.services.dialplan import Entry
from sipwright.services.journal_text import read_entries
from sipwright.services.rows import ExecutionRow

from .plays import world
from .times import moved


@pytest.fixture
async def stored(release):
    """Give a function that reads a run of a release, and goes on with it in today's process."""
    open_worlds = []

    async def stored(name, effects=None):
        path = release / "runs" / f"{name}.json"
        if not path.exists():
            pytest.skip(f"{release.name} knew no such run")
        kept = json.loads(path.read_text())
        kept = moved(kept, int(time.time() - kept["now"]))
        row = kept["execution"]
        row = ExecutionRow(
            **{**row, "snapshot": None if row["snapshot"] is None else row["snapshot"].encode("latin-1")}
        )
        context = world(effects)
        stage = await context.__aenter__()
        open_worlds.append(context)
        stage.rows.executions[row.id] = row
        stage.rows.journal = {(e["execution_id"], e["sequence"]): Entry(**e) for e in kept["journal"]}
        entries = [*sorted(stage.rows.journal.values()), *read_entries(row.id, row.journal or "[]")]
        stage.execution = stage.executions.restore(row, entries, Plan(kept["source"]), stage.host)
        return stage

    yield stored
    for context in open_worlds:
        await context.__aexit__(None, None, None)


def told(stage):
    """What the journal has, but for the start: function and result, of log lines the texts."""
    return [
        (function, [text for _, text in arguments] if function == "log" else result)
        for function, arguments, result in stage.rows.told()
        if function != "start"
    ]


def logged(stage):
    """What the script has said."""
    return [text for function, texts in told(stage) if function == "log" for text in texts]


async def goes_on(stage):
    """Let nobody answer the dial that is under way; returns how the run ends."""
    assert stage.host.asked.empty()
    assert stage.executions.snapshot().waiting == 1
    stage.execution.nobody_answered(BUSY, BUSY_LEGS)
    return await stage.wish()


SAID = {
    "dial": ["a 300", "+35312345678"],
    "dial_after_work": ["1799970000"],
    "dial_again": ["[486, 'x']"],
    "dial_at_a_time": ["True"],
    "dial_by_chance": ["True"],
    "dial_by_headers": ["red, blue None"],
    "dial_groups": [],
    "dial_with_a_secret": ["13 <secret:API_KEY>"],
}


@pytest.mark.parametrize("name", SAID)
async def test_a_dial_returns_and_the_script_goes_on(stored, name):
    stage = await stored(name)
    ending = await goes_on(stage)

    assert (ending.status, ending.reason) == (486, "At Last")
    assert logged(stage) == [*SAID[name], "486 Busy Here"]
    assert (stage.row.state, stage.row.snapshot) == ("done", None)


async def test_old_names(stored):
    stage = await stored("dial_by_old_names")
    ending = await goes_on(stage)

    assert (ending.status, ending.reason) == (480, "Not 300")


async def test_groups_are_bounded_by_what_is_left(stored):
    stage = await stored("dial_groups")
    (timer,) = stage.timers

    assert 295 < timer.delay <= 300


async def test_the_end_of_the_call_is_waited_for(stored):
    stage = await stored("dial_and_wait")
    stage.execution.answered("bob@local")
    stage.execution.call_ended(62.5)
    ending = await stage.wish()

    assert (ending.status, logged(stage)) == (486, ["True 62.5"])


async def test_an_answer_that_is_stored_is_used(stored):
    stage = await stored("dial_answered_nothing")
    await stage.armed.wait()

    assert [function for function, _ in told(stage)] == ["dial", "sleep"]
    stage.timers[-1].callback()
    assert (await stage.wish()).status == 486


async def test_a_redirect_is_decided_from_the_first_line(stored):
    stage = await stored("dial_redirected")
    ending = await goes_on(stage)

    assert ending.status == 486
    assert logged(stage) == ["sip:carol@example.org 486"]


@pytest.mark.parametrize(("name", "said"), [("sleep", []), ("sleep_after_work", ["1799970000"])])
async def test_what_is_left_is_slept(stored, name, said):
    stage = await stored(name)
    (timer,) = stage.timers
    timer.callback()

    assert 55 < timer.delay <= 60
    assert (await stage.wish()).status == 486
    assert logged(stage) == said


class Web:
    """The world outside: it knows one page, and counts."""

    def __init__(self):
        self.asked = []

    async def perform(self, ask, row, sequence):
        self.asked.append((ask.function, row.id, sequence))
        if ask.function == "http_get":
            return {"status": 200, "text": "the page", "json": None, "headers": {}}
        return 7


@pytest.mark.parametrize(("name", "function", "said"), [
    ("http_get", "http_get", "the page"),
    ("store_add", "store.add", "7"),
])  # fmt: skip
async def test_what_may_be_asked_again_is_asked_again(stored, name, function, said):
    web = Web()
    stage = await stored(name, web)
    ending = await stage.wish()

    assert (ending.status, web.asked) == (486, [(function, "x1", 1)])
    assert logged(stage) == [said]


async def test_what_may_have_been_done_is_not_done_twice(stored):
    web = Web()
    stage = await stored("http_post", web)
    for timer in stage.timers:
        timer.callback(*timer.arguments)
    ending = await stage.wish()

    assert (ending.status, web.asked) == (486, [])
    assert "interrupted" in logged(stage)[0]


async def test_a_run_without_an_effect_begins_again(stored):
    stage = await stored("computing")
    order = await stage.wish()

    assert str(order.groups[0][0]) == "bob@local"
    assert told(stage) == [("log", ["1799970000"]), ("dial", None)]


async def test_a_long_journal_is_whole(stored):
    stage = await stored("long_journal")
    assert len(stage.rows.journal) >= 50
    await goes_on(stage)

    entries = stage.rows.entries()
    assert [entry.sequence for entry in entries] == list(range(len(entries)))
    assert [function for function, _ in told(stage)] == ["respond"] * 60 + ["dial", "log", "respond"]


def test_every_run_that_was_written_down_is_taken_up(release):
    """Among them some that are run again from their start, and some that are loaded from a dump."""
    written = {path.stem: json.loads(path.read_text()) for path in (release / "runs").iterdir()}
    others = {
        "dial_by_old_names", "dial_and_wait", "dial_answered_nothing", "dial_redirected", "sleep", "sleep_after_work",
        "http_get", "http_post", "store_add", "computing", "long_journal",
    }  # fmt: skip

    later = {"dial_with_a_secret"}
    assert set(written) | later == {*SAID, *others}
    sizes = {name: len(one["execution"]["snapshot"] or "") for name, one in written.items()}
    assert sizes["dial"] < 500 < max(sizes.values()), sizes
    assert {one["execution"]["state"] for one in written.values()} == {"running", "waiting"}
