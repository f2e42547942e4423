"""Parts that are asked in turn: up, lost, and down after three losses in a row."""

import asyncio

from sipwright.monitor.probes.prober import Prober
from sipwright.monitor.probes.result import Lost


def probe_of(answers):
    left = list(answers)

    async def probe():
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return probe


async def rounds(prober, count):
    for number in range(count):
        await prober.round(100.0 + 10 * number)


async def test_three_losses_in_a_row_are_an_outage_and_one_answer_ends_it():
    lost = Lost("no answer")
    probe = probe_of([5.0, lost, lost, 1.0, lost, lost, lost, lost, 2.0])
    prober = Prober(lambda: {"edge": probe})
    await rounds(prober, 3)
    state = prober.states["edge"]
    assert (state.is_down, state.losses, state.reason) == (False, 2, "no answer")
    await rounds(prober, 4)
    assert (state.is_down, state.since) == (True, 110.0)
    await rounds(prober, 2)

    assert (state.is_down, state.since, state.milliseconds, state.reason) == (False, None, 2.0, None)


async def test_what_has_nothing_to_ask_is_no_part_and_one_whose_turn_it_is_not_stays():
    asked = {"a": probe_of([None]), "b": probe_of([1.0])}
    prober = Prober(lambda: asked)
    await prober.round(0.0)
    assert set(prober.states) == {"b"}
    asked = {"b": None, "c": probe_of([2.0])}
    assert [one.part for one in await prober.round(10.0)] == ["c"]

    assert {part: state.at for part, state in prober.states.items()} == {"b": 0.0, "c": 10.0}


async def test_a_fault_of_a_probe_is_a_loss_of_its_part_alone():
    prober = Prober(
        lambda: {"a": probe_of([ZeroDivisionError()]), "b": probe_of([TimeoutError()]), "c": probe_of([1.0])}
    )
    found = {one.part: one for one in await prober.round(0.0)}

    assert [found[part].is_up for part in "abc"] == [False, False, True]
    assert "ZeroDivisionError" in found["a"].reason
    assert "within" in found["b"].reason


async def test_a_round_ends_with_its_task():
    started = asyncio.Event()

    async def forever():
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(Prober(lambda: {"a": forever}).round(0.0))
    await started.wait()
    task.cancel()
    assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
