"""What a page says of the calls that it has placed."""

import pytest

from sipwright.control.events import Event
from sipwright.usecases.errors import NotFound
from sipwright.web.pages import placed_calls
from sipwright.web.pages.placed_calls import PlacedCalls


def ended(call, **data):
    said = {"answered": False, "status": 480, "reason": "Phone Unreachable", "hung_up_by": "switch"}
    parties = {"from": "sip:alice@sip.test", "to": "sip:bob@sip.test"}
    return Event("1", "call.ended", 1.0, "n", "alice", call, parties | said | data)


async def why(call):
    return f"The reason of {call}."


async def place(placed, call, *meanwhile):
    async def ask():
        for event in meanwhile:
            placed.take(event)
        return call

    await placed.place(ask)


async def test_a_call_that_comes_to_nothing_is_told_once_where_it_was_placed():
    placed = PlacedCalls(why)
    await place(placed, "c1")
    placed.take(Event("0", "call.ringing", 1.0, "n", "alice", "c1", {}))
    placed.take(ended("c2"))
    placed.take(ended("c1"))
    placed.take(ended("c1"))

    assert await placed.failures() == ["The reason of c1."]
    assert await placed.failures() == []


async def test_a_call_that_is_over_before_its_id_is_known_is_told_too():
    placed = PlacedCalls(why)
    await place(placed, "c1", ended("c1"), ended("c2"))
    await place(placed, "c2")

    assert await placed.failures() == ["The reason of c1."]


@pytest.mark.parametrize(
    "data", [{"answered": True}, {"hung_up_by": "control"}, {"hung_up_by": "callee", "status": 487}]
)
async def test_an_end_that_somebody_wanted_is_no_failure(data):
    placed = PlacedCalls(why)
    await place(placed, "c1")
    placed.take(ended("c1", **data))

    assert await placed.failures() == []


async def test_without_a_record_the_event_says_what_there_is_to_say():
    async def gone(call):
        raise NotFound(call)

    placed = PlacedCalls(gone)
    await place(placed, "c1", ended("c1"))

    assert await placed.failures() == ["alice@sip.test did not reach bob@sip.test: 480 Phone Unreachable."]


async def test_the_oldest_calls_are_waited_for_no_more(monkeypatch):
    monkeypatch.setattr(placed_calls, "MOST", 2)
    placed = PlacedCalls(why)
    for call in ("c1", "c2", "c3"):
        await place(placed, call)
    for call in ("c1", "c2", "c3"):
        placed.take(ended(call))

    assert await placed.failures() == ["The reason of c2.", "The reason of c3."]


async def test_what_cannot_be_placed_is_told_by_whoever_asked():
    placed = PlacedCalls(why)

    async def refused():
        placed.take(ended("c1"))
        raise NotFound("nobody")

    with pytest.raises(NotFound):
        await placed.place(refused)
    await place(placed, "c1")
    assert await placed.failures() == []
