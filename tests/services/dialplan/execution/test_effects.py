"""What a run asks of the world outside: stored before it is done, done once, told after a crash."""

import asyncio
import json

import pytest

from sipwright.services.dialplan import EffectError, Executions, UserLimits

from ..running import BUSY, BUSY_LEGS, Host, LegOutcome, Plan, Rows, first_entries


class Outside:
    """The world outside: answers what it is told to, and notes what was in the database by then."""

    def __init__(self, rows, answer=None) -> None:
        self.rows = rows
        self.answer = answer
        self.asked = []
        self.hang = False
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def perform(self, ask, row, sequence):
        self.begun.set()
        self.asked.append((ask.function, row.id, sequence, list(self.rows.written)))
        if self.hang:
            await self.go_on.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def outside(world):
    world.executions.effects = Outside(world.rows)
    return world.executions.effects


async def test_what_leaves_a_mark_is_stored_before_it_is_done(world, outside):
    world.run('email("a@b.cd", "x", "y")')
    ending = await world.wish()

    assert outside.asked == [("email", "x1", 1, ["waiting: start email"])]
    assert world.host.kept == [[]]  # in the same turn
    assert ending.status == 480
    assert world.rows.told()[1] == (
        "email",
        {"line": 1, "to": ["a@b.cd"], "subject": "x", "body": "y"},
        {"value": None},
    )


async def test_a_page_comes_back_as_a_value(world, outside):
    outside.answer = {"status": 200, "text": "[7]", "json": [7], "headers": {}}
    world.run('page = http_get("http://example.com")\nrespond(480 + page.json[0] - 1, page.text)')
    ending = await world.wish()

    assert (ending.status, ending.reason) == (486, "[7]")


async def test_a_failure_is_an_exception_of_the_script(world, outside):
    outside.answer = EffectError("OSError", "http_get(): no route")
    world.run(
        'try:\n    http_get("http://example.com")\nexcept OSError as error:\n    respond(503, str(error))'
    )
    ending = await world.wish()

    assert ending.reason == "http_get(): no route"
    assert world.rows.told()[1][2] == {"error": ["OSError", "http_get(): no route"]}


async def test_a_post_that_was_cut_is_told_and_not_repeated(world, outside):
    source = 'try:\n    http_post("http://example.com", "x")\nexcept RuntimeError as error:\n    log(error)'
    outside.hang = True
    world.run(source)
    await outside.begun.wait()
    await world.executions.close()
    world.restore(source)
    world.executions.effects = again = Outside(world.rows)
    (timer,) = world.timers
    timer.callback(*timer.arguments)
    await world.wish()

    assert again.asked == []
    assert "interrupted: the switch was restarted" in world.rows.told()[-1][1][0][1]


@pytest.mark.parametrize("function", ['http_get("http://a.b")', 'store.set("k", 1)'])
async def test_what_only_looks_or_is_done_once_is_asked_again(world, outside, function):
    outside.hang = True
    world.run(function)
    await outside.begun.wait()
    await world.executions.close()
    again = Outside(world.rows, {"status": 200, "text": "", "json": None, "headers": {}})
    world.restore(function, effects=again)
    await world.wish()

    assert [asked[:3] for asked in again.asked] == [asked[:3] for asked in outside.asked]


async def test_a_clean_stop_waits_for_what_must_not_be_done_twice(world, outside):
    outside.hang = True
    world.run('email("a@b.cd", "x", "y")')
    await outside.begun.wait()
    world.executions.stop()
    finishing = asyncio.ensure_future(world.executions.finish())
    await asyncio.sleep(0)
    assert not finishing.done()
    outside.go_on.set()
    await finishing

    assert world.rows.told()[1][2] == {"value": None}


async def test_a_clean_stop_does_not_wait_for_what_the_next_process_can_ask_again(world, outside):
    outside.hang = True
    world.run('http_get("http://a.b")')
    await outside.begun.wait()
    world.executions.stop()
    await world.executions.finish()
    await world.executions.close()

    assert world.rows.told()[1][2] is None


async def test_what_must_not_be_done_twice_is_left_to_the_next_process_while_this_one_ends(world, outside):
    source = 'dial("bob@local")\nemail("a@b.cd", "x", "y")'
    execution = world.run(source)
    world.executions.stop()
    await world.wish()
    execution.nobody_answered(BUSY, BUSY_LEGS)
    row = world.row
    other = Host(Rows())
    world.executions.run(Plan("x = 1"), world.inputs, other)  # by its end the first one has computed
    await other.asked.get()
    assert not any("email" in written for written in world.rows.written)

    again = Outside(world.rows)
    world.rows.executions["x1"] = row
    world.restore(source, effects=again)
    await world.wish()

    assert outside.asked == []
    assert [asked[0] for asked in again.asked] == ["email"]


async def test_an_answer_that_is_stored_is_not_asked_for_again(world, outside):
    outside.answer = 5
    execution = world.run('respond(480 + store.add("n"))')
    await world.wish()
    row = world.row
    before_the_end = first_entries(row.journal, 2)
    world.rows.executions[execution.execution_id] = row._replace(
        state="waiting", snapshot=outside_snapshot(world), journal=before_the_end
    )
    again = Outside(world.rows)
    world.restore('respond(480 + store.add("n"))', effects=again)
    ending = await world.wish()

    assert (ending.status, again.asked) == (485, [])


def outside_snapshot(world):
    """The last snapshot that was stored."""
    return world.rows.snapshots[-1]


async def test_a_redirect_is_decided_from_the_first_line_once(world):
    source = 'log(req.redirected, req.user)\nr = dial("bob@local[rm=n]")\nrespond(480, r.redirect)'
    execution = world.run(source)
    await world.wish()
    moved = LegOutcome("bob@local", 302, "Moved", 1.0, "sip:carol@example.net")
    execution.nobody_answered(BUSY, [moved])
    await world.wish()
    execution.nobody_answered(BUSY, [moved])
    ending = await world.wish()

    logs = [arguments[0][1] for function, arguments, _ in world.rows.told() if function == "log"]
    assert logs == ["False 300", "True carol"]
    assert ending.reason == "sip:carol@example.net"


async def test_a_redirect_after_a_restart(world):
    source = 'log(req.redirected, req.user)\nr = dial("bob@local[rm=n]")\nrespond(480, r.redirect)'
    world.run(source)
    await world.wish()
    execution = world.restore(source)
    execution.nobody_answered(BUSY, [LegOutcome("bob@local", 302, "Moved", 1.0, "sip:carol@example.net")])
    await world.wish()

    logs = [json.loads(entry.arguments)[0][1] for entry in world.rows.entries() if entry.function == "log"]
    assert logs == ["False 300", "True carol"]


async def test_what_is_not_for_a_dial_does_not_end_one(world, outside):
    outside.hang = True
    execution = world.run('http_get("http://a.b")')
    await outside.begun.wait()
    execution.nobody_answered(BUSY, BUSY_LEGS)

    assert world.row.state == "waiting"
    await world.executions.close()


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (UserLimits(runs=1), "this user's limit is reached: 1 runs of dialplans at once"),
        (
            UserLimits(runs_per_minute=1),
            "this user's limit is reached: 1 runs of dialplans begin within a minute",
        ),
    ],
)
async def test_a_user_may_not_run_more_than_that(world, inputs, limits, said):
    ids = iter(["x1", "x2"])
    executions = Executions(
        world.executions.sandbox,
        world.rows,
        clock=lambda: 1000.0,
        token=lambda: next(ids),
        user_limits=lambda user_id: limits,
    )
    executions.run(Plan('dial("bob@local")'), inputs, world.host)
    await world.wish()
    executions.run(Plan('dial("bob@local")'), inputs, world.host)
    ending = await world.wish()

    assert (ending.status, ending.sentence) == (480, said)
    assert ending.headers == (("Reason", f'SIP;cause=480;text="dialplan out: {said}"'),)
    assert world.rows.executions["x2"].outcome == said


async def test_more_of_them_in_a_second_are_refused_before_they_are_runs(world, inputs):
    """One is stored, so that its trace says why; whoever calls a thousand times costs no thousand runs."""
    now = [1000.0]
    ids = iter(["x1", "x2", "x3"])
    executions = Executions(
        world.executions.sandbox, world.rows, clock=lambda: now[0], token=lambda: next(ids),
        user_limits=lambda user_id: UserLimits(runs=1),
    )  # fmt: skip
    plan = Plan('dial("bob@local")')
    said = []
    executions.run(plan, inputs, world.host)
    await world.wish()
    said.append(executions.why_no_run(plan.user_id, "out"))
    executions.run(plan, inputs, world.host)
    await world.wish()
    said.append(executions.why_no_run(plan.user_id, "out"))
    said.append(executions.why_no_run(99, "out"))
    now[0] += 1.0
    said.append(executions.why_no_run(plan.user_id, "out"))

    assert said == [None, "this user's limit is reached: 1 runs of dialplans at once", None, None]


async def test_an_answer_that_cannot_be_kept_is_an_error(world, outside):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    outside.answer = {"status": 200, "text": "", "json": deep, "headers": {}}
    world.run('try:\n    http_get("http://a.b")\nexcept ValueError as error:\n    respond(480, str(error))')
    ending = await world.wish()
    while deep:  # taken apart step by step: freeing it in one go is as deep
        deep = deep[0]

    assert ending.reason == "http_get(): the answer is nested too deeply"
