"""Events, to those whom they concern; `tests/control/test_filter.py` has the language in which they are looked for."""

import pytest

from sipwright.control import pattern
from sipwright.control.events import LOST, Event
from sipwright.usecases.errors import Invalid


def event(kind, user=None, call=None, **data):
    return Event("1", kind, 1.0, "node1", user, call, data)


HERS = event("call.ended", "carol", "c0", reason="503 Service Unavailable")


def tell(switch, *events):
    async def follow(after=None):
        for one in events:
            yield one

    switch.follow = follow


async def test_nobody_hears_of_what_is_anothers(usecases, switch, admin, carol, dave):
    tell(switch, HERS, event("node.state"), event("call.started", "dave"), Event.lost(3, "1", 1.0))

    async def heard(actor, **wishes):
        return [one.type for one in [each async for each in usecases.events.follow(actor, **wishes)]]

    assert await heard(carol) == ["call.ended", LOST]
    assert await heard(dave) == ["call.started", LOST]
    assert await heard(admin) == ["call.ended", "node.state", "call.started", LOST]
    assert await heard(admin, types=["node.state"]) == ["node.state", LOST]
    with pytest.raises(Invalid):
        usecases.events.follow(admin, types=["nothing"])


async def test_who_has_missed_events_is_told_whatever_they_look_for(usecases, switch, carol):
    tell(switch, HERS, event("call.started", "carol", "c1"), Event.lost(3, "1", 1.0))

    found = [one.type async for one in usecases.events.follow(carol, q="event call.ended and call c and 503")]
    assert found == ["call.ended", LOST]


@pytest.mark.parametrize(("q", "place"), [("event call and", 15), ("regex [", 7), ("event nothing", 7)])
def test_what_is_no_filter_is_told_at_its_field_with_its_place(usecases, carol, q, place):
    with pytest.raises(Invalid) as refused:
        usecases.events.follow(carol, q=q)

    (told,) = refused.value.fields
    assert told.field == "q"
    assert told.message.endswith(f"(at character {place})")


@pytest.mark.parametrize("expression", ["(a|a)*b", "(a+)+b", "(a|aa)+$", "(.*a){12}b"])
async def test_no_regular_expression_works_more_the_longer_it_goes_wrong(
    usecases, switch, carol, monkeypatch, expression
):
    """What `re` does with 30 of these letters takes minutes, and twice that with 31."""
    steps = 0
    closure = pattern._closure

    def counted(*given, **how):
        nonlocal steps
        steps += 1
        return closure(*given, **how)

    monkeypatch.setattr(pattern, "_closure", counted)

    async def steps_for(letters):
        nonlocal steps
        steps = 0
        tell(switch, event("call.ended", "carol", "c0", reason="a" * letters + "!"))
        assert not [one async for one in usecases.events.follow(carol, q=f"regex '{expression}'")]
        return steps

    assert await steps_for(3_000) == await steps_for(30) > 0
