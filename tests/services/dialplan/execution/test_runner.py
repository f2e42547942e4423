"""Runs of dialplans from the switch's point of view, and what is written so that another process can go on."""

import asyncio
import time
from dataclasses import replace

import pytest
import structlog

from sipwright.services.dialplan import (
    Dial,
    Ending,
    Module,
    UserLimits,
)
from sipwright.services.rows import ExecutionRow
from sipwright.sip import Reject

from ..running import BUSY, BUSY_LEGS, Host, Outcome, Plan


async def test_someone_answers_and_the_script_is_over(world):
    execution = world.run('log("hello")\ndial("bob@local", ring=25)\nlog("never")')
    order = await world.wish()
    execution.answered("bob@local")

    assert isinstance(order, Dial)
    assert world.row._replace(journal=None) == ExecutionRow(
        "x1", "c1", 7, 2, 5, 3, "done", None, 1000.0, 1000.0, "answered by bob@local"
    )
    assert world.rows.told()[1:] == [
        ("log", [[1, "hello"]], None),
        ("dial", {"line": 2, "target": "bob@local", "ring": 25.0}, {"answered": True, "target": "bob@local"}),
    ]
    assert world.host.asked.empty()
    assert world.executions.get("x1") is None


async def test_the_host_hears_of_an_effect_when_its_rows_are_written(world):
    """Stored first, told second: the rows and the host's own rows are one transaction."""
    world.run('respond(180)\ndial("bob@local")')
    await world.wish()
    await world.wish()

    assert world.host.stored == [
        ["running: start respond"],
        ["running: start respond", "waiting: start respond dial"],
    ]
    assert world.row.snapshot is not None


async def test_nobody_answers_and_the_script_goes_on(world):
    execution = world.run('result = dial("bob@local")\nrespond(result.status, result.legs[0].reason)')
    await world.wish()
    world.now[0] = 1003.0
    execution.nobody_answered(BUSY, BUSY_LEGS)

    assert await world.wish() == Ending(486, "Busy Here", (), "line 2 answered 486 Busy Here")
    assert world.rows.told()[1:] == [
        (
            "dial",
            {"line": 1, "target": "bob@local", "ring": 180.0},
            {
                "answered": False,
                "status": 486,
                "reason": "Busy Here",
                "legs": [{"target": "bob@local", "status": 486, "reason": "Busy Here", "duration": 3.0}],
                "duration": 3.0,
            },
        ),
        ("respond", {"line": 2, "status": 486, "reason": "Busy Here"}, None),
    ]
    assert (world.row.state, world.row.ended_at) == ("done", 1003.0)


async def test_a_script_that_just_ends_passes_on_the_last_failure(world):
    execution = world.run('dial("bob@local")')
    await world.wish()
    execution.nobody_answered(Outcome(486, "Busy\udce9"), [])

    assert await world.wish() == Ending(486, "Busy\ufffd", (), "nobody answered: 486 Busy\ufffd")


async def test_a_script_that_does_nothing_is_480(world):
    world.run("x = 1")

    assert await world.wish() == Ending(480, None, (), "the script came to its end")


async def test_waiting_for_the_end_of_the_call(world):
    execution = world.run('result = dial("bob@local", wait=True)\nlog(result.answered, result.duration)')
    order = await world.wish()
    execution.answered("bob@local")
    assert world.row.state == "waiting"
    execution.call_ended(62.5)
    ending = await world.wish()

    assert order.wait is True
    assert (world.rows.told()[2], ending.status) == (("log", [[2, "True 62.5"]], None), 480)


async def test_a_caller_who_gives_up_ends_a_waiting_script(world):
    execution = world.run('dial("bob@local")')
    await world.wish()
    execution.caller_gone(Outcome(487, "Request Terminated"))
    execution.nobody_answered(BUSY, BUSY_LEGS)
    execution.answered("late@local")
    execution.call_ended(1.0)
    execution.caller_gone(BUSY)

    assert (world.row.state, world.row.outcome) == ("done", "caller gone: 487 Request Terminated")
    assert sum(one.startswith("done") for one in world.rows.written) == 1


MISSED = """result = dial("bob@local", wait=True)
if not result.answered:
    sleep(1)
    again = dial("carol@local")
    log(result.hung_up, result.status, result.duration, again.hung_up)
"""
GAVE_UP = Outcome(487, "Request Terminated")


async def test_a_script_that_waits_for_the_end_goes_on_when_its_caller_gives_up(world):
    execution = world.run(MISSED)
    await world.wish()
    world.now[0] += 7
    execution.caller_gone(GAVE_UP)
    await world.armed.wait()
    execution.caller_gone(GAVE_UP)  # it is heard once
    world.timers[-1].callback()
    await world.wish()
    execution.no_caller(Outcome(487, "The Call Is Over"))
    ending = await world.wish()

    assert world.rows.told()[-1] == ("log", [[5, "True 487 7.0 True"]], None)
    assert ending.sentence == "the caller hung up, and the script went on to its end"
    assert (world.row.state, len(world.executions)) == ("done", 0)


async def test_a_caller_who_gives_up_while_such_a_script_does_something_else_is_missed_at_its_next_dial(
    world,
):
    execution = world.run('dial("bob@local", wait=True)\nsleep(1)\nlog(dial("carol@local").hung_up)')
    await world.wish()
    execution.nobody_answered(BUSY, BUSY_LEGS)
    await world.armed.wait()
    execution.caller_gone(GAVE_UP)
    assert world.row.state == "waiting"
    world.timers[-1].callback()
    await world.wish()
    execution.no_caller(GAVE_UP)
    await world.wish()

    assert world.rows.told()[-1] == ("log", [[3, "True"]], None)


async def test_a_caller_who_gives_up_before_anybody_was_rung_ends_the_script(world):
    execution = world.run('sleep(1)\ndial("bob@local", wait=True)')
    await world.armed.wait()
    execution.caller_gone(GAVE_UP)

    assert (world.row.state, world.row.outcome) == ("done", "caller gone: 487 Request Terminated")


async def test_another_process_goes_on_where_a_caller_had_given_up(world):
    """SIGKILL right after the hang-up, and once more in what the script does then."""
    execution = world.run(MISSED)
    await world.wish()
    execution.caller_gone(GAVE_UP)
    world.executions.is_ending = True
    world.timers.clear()
    world.armed.clear()
    world.restore(MISSED)
    await world.armed.wait()
    world.timers.clear()
    again = world.restore(MISSED)
    again.caller_gone(GAVE_UP)
    (timer,) = world.timers
    timer.callback()
    await world.wish()
    again.no_caller(GAVE_UP)
    await world.wish()

    assert world.rows.told()[-1] == ("log", [[5, "True 487 0.0 True"]], None)


async def test_a_call_that_something_else_takes_over_ends_its_script_all_the_same(world):
    execution = world.run(MISSED)
    await world.wish()
    execution.dismissed(Outcome(302, "Call Redirected"))

    assert (world.row.state, world.row.outcome) == ("done", "caller gone: 302 Call Redirected")


async def test_a_caller_who_gives_up_ends_a_computing_script(world):
    execution = world.run("for i in range(100_000): pass\ndial('bob@local')")
    execution.caller_gone(Outcome(487, "Request Terminated"))
    other = Host(world.rows)
    world.executions.run(Plan("x = 1"), world.inputs, other)
    await other.asked.get()

    assert world.host.asked.empty()
    assert sum(one.startswith("done") for one in world.rows.written) == 2


async def test_a_failure_is_500_with_a_reason_that_names_the_line(world):
    with structlog.testing.capture_logs() as logs:
        world.run('log("before")\nx = {}["a\\"b"]')
        ending = await world.wish()

    text = 'SIP;cause=500;text="dialplan out: line 2: KeyError: a\'b"'
    assert (ending.status, ending.reason, ending.headers) == (500, None, (("Reason", text),))
    assert (ending.sentence, ending.failure.line) == ('line 2: KeyError: a"b', 2)
    assert (world.row.state, world.row.outcome) == ("failed", 'line 2: KeyError: a"b')
    function, arguments, result = world.rows.told()[-1]
    assert (function, arguments) == ("failed", {"line": 2, "kind": "error"})
    assert result["message"] == ending.sentence
    assert [(entry["event"], entry["call_id"]) for entry in logs if "call_id" in entry] == [
        ("dialplan says", "c1"),
        ("dialplan failed", "c1"),
    ]
    assert 'File "out", line 2' in logs[-1]["traceback"]
    assert world.executions.snapshot().failed == 1


async def test_sleeping_is_done_without_the_host(world):
    world.run("sleep(5)\nrespond(486)")
    await world.armed.wait()
    (timer,) = world.timers
    snapshot = world.executions.snapshot()
    timer.callback()
    ending = await world.wish()

    assert (timer.delay, snapshot.waiting, snapshot.running) == (5.0, 1, 0)
    assert (ending.status, world.rows.told()[1]) == (486, ("sleep", {"line": 1, "seconds": 5.0}, True))


async def test_a_sleeper_whose_caller_is_gone_does_not_wake(world):
    execution = world.run("sleep(5)\nrespond(486)")
    await world.armed.wait()
    execution.caller_gone(BUSY)
    world.timers[0].callback()

    assert world.timers[0].is_cancelled
    assert world.host.asked.empty()


async def test_the_whole_run_is_bounded_even_while_groups_ring(world):
    """One group cannot ring past the end; several could, so a timer watches."""
    began = time.time()
    execution = world.run('dial("a@b | c@d", ring=180)')
    await world.wish()
    took = time.time() - began
    (timer,) = world.timers
    timer.callback()
    ending = await world.wish()
    timer.callback()
    execution.nobody_answered(BUSY, [])

    assert 299 - took < timer.delay <= 300
    assert (ending.status, ending.sentence) == (500, "the run took longer than 300 s")


async def test_a_timer_is_called_off_when_the_dial_returns(world):
    execution = world.run('dial("a@b | c@d", ring=180)')
    await world.wish()
    execution.nobody_answered(BUSY, [])
    await world.wish()

    assert [timer.is_cancelled for timer in world.timers] == [True]


async def test_a_host_that_answers_at_once_is_heard(world):
    """No leg could be found at all, and the switch says so within ``dial``."""

    class Hasty(Host):
        def dial(self, order: Dial) -> None:
            execution.nobody_answered(Outcome(480, "Not Registered"), [])

    world.host = Hasty(world.rows)
    execution = world.run('log(dial("bob@local").status)\nrespond(404)')

    assert (await world.wish()).status == 404
    assert ("log", [[1, "480"]], None) in world.rows.told()


async def test_when_nothing_can_be_stored_the_caller_gets_a_500(world):
    world.run('dial("bob@local")')
    world.rows.is_busy = True
    with structlog.testing.capture_logs() as logs:
        ending = await world.wish()

    assert (ending.status, ending.sentence) == (500, "internal error: RuntimeError")
    assert [entry["event"] for entry in logs] == ["execution lost"]
    assert world.executions.snapshot().waiting == 0


async def test_a_call_whose_run_finds_no_room_in_the_queue_is_lost_at_once(world):
    world.run('dial("bob@local")')
    world.rows.is_busy = Reject(503)
    await world.host.lost.wait()

    assert world.executions.get("x1") is None
    assert world.host.asked.empty()


async def test_nothing_is_written_before_the_first_effect(world):
    execution = world.run("respond(486)")

    assert world.rows.written == []

    await world.wish()
    execution.persist()
    assert world.rows.written == ["done: start respond"]
    assert world.host.kept == []


async def test_a_run_that_computes_for_long_is_stored_with_its_call(world):
    world.run("respond(486)")
    world.keeper.callback()
    assert world.rows.written == []

    world.keeper.callback()
    assert world.rows.written == ["running: start"]
    assert world.host.kept == [["running: start"]]


async def test_a_run_that_has_no_room_while_it_computes_is_lost_at_once(world):
    execution = world.run("respond(486)")
    world.rows.is_busy = Reject(503)
    execution.persist()

    assert world.host.lost.is_set()
    assert world.executions.snapshot().running == 0


async def test_a_clean_stop_stores_what_still_computes(world):
    world.run("respond(486)")
    await world.executions.close()

    assert world.row.state == "running"


async def test_an_overloaded_sandbox_is_503(world, monkeypatch):
    monkeypatch.setattr("sipwright.services.dialplan.sandbox.pool.MAX_WAITING", 0)
    world.run("x = 1")
    world.executions.run(Plan("x = 1"), world.inputs, world.host)
    endings = [await world.wish(), await world.wish()]

    assert sorted(ending.status for ending in endings) == [480, 503]


SCRIPT = """
log("first")
result = dial("bob@local", ring=20)
log("second", result.status)
dial("carol@local")
respond(480)
"""


async def test_another_process_waits_where_the_first_one_stood(world):
    world.run(SCRIPT)
    await world.wish()
    execution = world.restore(SCRIPT)
    assert world.host.asked.empty()

    execution.nobody_answered(BUSY, BUSY_LEGS)
    order = await world.wish()

    assert str(order.groups[0][0]) == "carol@local"
    assert [function for function, _, _ in world.rows.told()] == ["start", "log", "dial", "log", "dial"]
    assert world.rows.told()[3] == ("log", [[4, "second 486"]], None)


async def test_another_process_uses_an_answer_that_is_there_already(world):
    """Killed between the result and the next effect: the dial is not done again, the script goes on."""
    execution = world.run(SCRIPT)
    await world.wish()
    execution.nobody_answered(BUSY, BUSY_LEGS)
    rows = dict(world.rows.executions)
    await world.wish()
    world.rows.executions = rows

    world.restore(SCRIPT)
    order = await world.wish()

    assert str(order.groups[0][0]) == "carol@local"
    assert [function for function, _, _ in world.rows.told()] == ["start", "log", "dial", "log", "dial"]


async def test_another_process_starts_what_had_no_effect_yet(world):
    world.run(SCRIPT).persist()
    rows = dict(world.rows.executions)
    await world.wish()
    world.rows.executions = rows
    assert world.row.state == "running"

    world.restore(SCRIPT)

    assert str((await world.wish()).groups[0][0]) == "bob@local"
    assert [entry.sequence for entry in world.rows.entries()] == [0, 1, 2]


async def test_another_process_sleeps_only_what_is_left(world):
    world.run("sleep(60)\nrespond(486)")
    await world.armed.wait()
    world.now[0] += 45
    world.timers.clear()
    world.restore("sleep(60)\nrespond(486)")
    (timer,) = world.timers
    timer.callback()

    assert (timer.delay, (await world.wish()).status) == (15.0, 486)


async def test_another_process_waits_for_the_end_of_an_answered_call(world):
    source = 'log(dial("bob@local", wait=True).duration)'
    execution = world.run(source)
    await world.wish()
    execution.answered("bob@local")
    world.restore(source).call_ended(30.0)

    assert (await world.wish()).status == 480
    assert world.rows.told()[2] == ("log", [[1, "30.0"]], None)


@pytest.mark.parametrize(("away", "left"), [(100.0, 200.0), (400.0, 4.2)])
async def test_another_process_bounds_the_whole_run_by_what_is_left(world, away, left):
    """And whoever answered while nobody listened is given the time to say so again."""
    source = 'dial("a@b | c@d", ring=180)'
    world.run(source)
    await world.wish()
    patience = world.timers.pop().delay
    world.now[0] += away
    world.restore(source)
    (timer,) = world.timers
    timer.callback()

    assert timer.delay == pytest.approx(max(patience - away, left), abs=1.0)
    assert (await world.wish()).sentence == "the run took longer than 300 s"


async def test_the_time_of_an_answered_call_is_not_that_of_the_run(world):
    source = 'log(dial("a@b | c@d", ring=180, wait=True).duration)'
    execution = world.run(source)
    await world.wish()
    execution.answered("a@b")
    again = world.restore(source)
    again.answered("a@b")
    again.call_ended(900.0)

    assert [timer.is_cancelled for timer in world.timers] == [True, True]
    assert (await world.wish()).status == 480


async def test_what_a_script_does_after_the_call_is_not_ended_by_its_answer(world):
    execution = world.run('dial("a@b", wait=True)\nsleep(5)\nrespond(486)')
    await world.wish()
    execution.call_ended(1.0)
    await world.armed.wait()
    execution.answered("a@b")
    world.timers[-1].callback()

    assert (await world.wish()).status == 486


async def test_another_process_knows_the_last_failure(world):
    source = 'dial("bob@local")\nsleep(1)'
    execution = world.run(source)
    await world.wish()
    execution.nobody_answered(BUSY, BUSY_LEGS)
    await world.armed.wait()
    world.restore(source)
    world.timers[-1].callback()

    assert (await world.wish()).status == 486


async def test_a_snapshot_that_cannot_be_read_is_a_500(world):
    world.run(SCRIPT)
    await world.wish()
    world.rows.executions["x1"] = world.row._replace(snapshot=b"SW0")
    world.restore(SCRIPT).nobody_answered(BUSY, BUSY_LEGS)
    ending = await world.wish()

    assert (ending.status, ending.failure.kind) == (500, "snapshot")


async def test_a_run_without_a_beginning_is_a_500(world):
    world.run(SCRIPT)
    await world.wish()
    world.rows.executions["x1"] = world.row._replace(snapshot=None, state="running", journal=None)
    world.restore(SCRIPT)

    assert (await world.wish()).sentence == "the run was lost before it did anything"


@pytest.mark.parametrize("limits", [UserLimits(runs=4), UserLimits(runs_per_minute=4)])
async def test_calls_in_leave_a_quarter_for_calls_out(world, limits):
    """Somebody outside who calls all the time does not keep the owner from calling."""
    tokens = iter("abcdefgh")
    world.executions._token = lambda: next(tokens)
    world.executions._user_limits = lambda user_id: limits
    world.executions.call_later = asyncio.get_running_loop().call_later
    called = replace(world.inputs, call=world.inputs.call._replace(direction="in"))
    heard = []
    for inputs in (*[called] * 6, world.inputs):
        host = Host(world.rows)
        world.executions.run(Plan('dial("bob@local")'), inputs, host)
        heard.append(type(await host.asked.get()).__name__)

    assert heard == ["Dial", "Dial", "Dial", "Ending", "Ending", "Ending", "Dial"]


@pytest.mark.parametrize(
    "limits", [UserLimits(runs=1), UserLimits(runs_per_minute=1), UserLimits(seconds_per_minute=0)]
)
async def test_what_is_urgent_is_not_refused(world, limits):
    tokens = iter("abcdefgh")
    world.executions._token = lambda: next(tokens)
    world.executions._user_limits = lambda user_id: limits
    world.executions.sandbox._owner_seconds = lambda owner: limits.seconds_per_minute
    world.executions.call_later = asyncio.get_running_loop().call_later
    heard = []
    for is_urgent in (False, False, True):
        host = Host(world.rows)
        world.executions.run(Plan('dial("bob@local")'), world.inputs, host, is_urgent=is_urgent)
        heard.append(type(await host.asked.get()).__name__)

    assert heard == ["Dial", "Ending", "Dial"]


async def test_thousands_wait_at_once_and_none_is_lost(world):
    hosts = []
    tokens = iter(range(10_000))
    world.executions._token = lambda: str(next(tokens))
    world.executions._user_limits = lambda user_id: UserLimits(runs=500)
    for _ in range(500):
        host = Host(world.rows)
        hosts.append((host, world.executions.run(Plan('dial("bob@local")'), world.inputs, host)))
    for host, _ in hosts:
        await host.asked.get()
    assert world.executions.snapshot().waiting == 500
    for _, execution in hosts:
        execution.answered("bob@local")

    assert world.executions.snapshot().waiting == 0
    assert {row.state for row in world.rows.executions.values()} == {"done"}


COMMON = Module("common", 'def ring(name):\n    return dial(f"{name}@local")\n', 9, 4)


async def test_a_run_says_which_versions_it_began_with_and_goes_on_with_them(world):
    """Another process is given what the journal names, whatever is live by then."""
    source = 'from plans.common import ring\nring("bob")\nsleep(1)\nring("carol")'
    world.run(source, (COMMON,))
    await world.wish()
    assert world.rows.told()[0][1]["plans"] == {"common": [9, 4]}
    world.restore(source, modules=(COMMON,)).nobody_answered(BUSY, BUSY_LEGS)
    await world.armed.wait()
    world.timers.clear()
    world.restore(source, modules=(COMMON,))
    (timer,) = world.timers
    timer.callback()

    assert str((await world.wish()).groups[0][0]) == "carol@local"


async def test_a_response_says_in_which_dialplan_it_stands(world):
    world.run("import plans.no", (Module("no", "\nrespond(486)\n"),))

    assert (await world.wish()).sentence == "line 2 of no answered 486"


async def test_a_run_that_waits_for_the_end_of_its_call_may_go_to_another_node_with_it(world):
    source = 'log(dial("bob@local", wait=True).duration)'
    execution = world.run(source)
    may_go = [execution.may_go]
    await world.wish()
    execution.answered("bob@local")
    may_go.append(execution.may_go)
    before = world.row
    execution.let_go()
    execution.call_ended(9.0)
    execution.caller_gone(Outcome(487, "Gone"))
    assert (may_go, world.executions.get("x1"), world.row) == ([False, True], None, before)

    world.restore(source).call_ended(30.0)
    assert (await world.wish()).status == 480


async def test_one_that_waits_for_anything_else_stays_until_it_is_over(world):
    execution = world.run('dial("bob@local")')
    await world.wish()
    may_go = execution.may_go
    execution.answered("bob@local")
    row = world.row
    execution.let_go()

    assert (may_go, execution.may_go, world.row) == (False, True, row)
