"""Time and chance in a script: a run that goes on, is begun again or is replayed sees what it saw before."""

import json
from datetime import UTC, datetime

import pytest

from sipwright.services.dialplan import DialResult, LogLine

from ..running import BUSY, BUSY_LEGS, first_entries

DRAW = """
import random
log(random.random(), random.randint(1, 1000), random.choices(["a", "b"], weights=[9, 1], k=20))
dial("bob@local")
log(random.random(), random.Random().random(), random.sample(range(1000), 5))
"""
CLOCKS = """
import time
from datetime import date, datetime, timezone
def read():
    log(time.time(), time.monotonic(), datetime.now(), datetime.now(timezone.utc), date.today(), now("UTC"))
read()
dial("bob@local")
read()
"""
NOON = 1_795_262_400.0
LATER = NOON + 90.5
RESULT = DialResult(False, 486, "Busy Here", [], 1.0)


def said(step) -> list[str]:
    return [note.text for note in step.side_effects if isinstance(note, LogLine)]


def test_a_seed_gives_the_same_numbers_before_and_after_a_wait(run):
    first = [run(DRAW, seed="one"), run(DRAW, seed="one"), run(DRAW, seed="two")]
    # The second process has no idea of the seed, and cannot change what the script has begun.
    then = [
        run(DRAW, continuation=step.continuation, answer=RESULT, seed="other") for step in (*first, first[0])
    ]

    assert said(first[0]) == said(first[1]) != said(first[2])
    assert said(then[0]) == said(then[1]) == said(then[3]) != said(then[2])


def test_the_clock_stands_still_while_a_script_computes_and_goes_on_when_it_waits(run):
    begun = run(CLOCKS, at=NOON)
    ended = run(CLOCKS, continuation=begun.continuation, answer=RESULT, at=LATER)

    day = datetime.fromtimestamp(NOON, UTC).date()
    assert said(begun) == [f"{NOON} {NOON} {day} 12:00:00 {day} 12:00:00+00:00 {day} {day} 12:00:00+00:00"]
    assert said(ended) == [
        f"{LATER} {LATER} {day} 12:01:30.500000 {day} 12:01:30.500000+00:00 {day} {day} 12:01:30+00:00"
    ]


@pytest.mark.parametrize(
    "source", ["import uuid\nuuid.uuid4()", "import secrets", "import os\nos.urandom(8)"]
)
def test_there_is_no_other_source_of_chance(run, source):
    assert run(source).message.startswith("line ")


async def test_a_run_that_a_crash_cut_short_draws_the_same(world):
    """Killed before the first wait was stored, it begins again; killed after it, it goes on."""
    world.run(DRAW)
    await world.wish()
    before = list(world.rows.told())
    (row,) = world.rows.executions.values()
    start = first_entries(row.journal, 1)
    world.rows.executions[row.id] = row._replace(snapshot=None, state="running", journal=start)
    world.now[0] += 60
    world.restore(DRAW)
    await world.wish()

    assert world.rows.told() == before

    again = world.restore(DRAW)
    again.nobody_answered(BUSY, BUSY_LEGS)
    await world.wish()
    once = [json.loads(entry.arguments) for entry in world.rows.entries() if entry.function == "log"]

    assert len(once) == 2
