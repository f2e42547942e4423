"""Calls that were held back, seen and confirmed by whose they are, on each database."""

from datetime import UTC, datetime

import pytest

from sipwright.store.admin import unusual_calls
from sipwright.store.admin.unusual_calls import HeldBack
from sipwright.usecases.errors import NotFound

from .rows import CDRS, cdr, put

DAY = 86_400.0


@pytest.fixture
async def held(usecases):
    """A call of carol's (user 2), and one of dave's; the number of the first one."""
    now = usecases.ground.unix_time()
    found = [HeldBack(user, 0, "premium GB", "+449098790000", "the first", 2, now + user) for user in (2, 3)]
    await usecases.ground.change(lambda c: unusual_calls.keep(c, found, now))
    return next(call.id for call in await usecases.ground.read(lambda c: unusual_calls.open_of(c, 2, now)))


async def test_whose_a_call_is_confirms_it_and_takes_that_back(usecases, carol, dave, admin, switch, held):
    (shown,) = await usecases.unusual_calls.list(carol)
    assert (shown.id, shown.user, shown.place, shown.state) == (
        held,
        "carol",
        "premium numbers in GB",
        "held back",
    )
    assert (len(shown.code), shown.times, shown.account) == (6, 2, "")

    confirmed = await usecases.unusual_calls.confirm(carol, held)
    assert (confirmed.state, confirmed.confirmed_by, confirmed.code) == ("confirmed", "carol", None)
    in_force = await usecases.ground.read(unusual_calls.confirmed)
    assert list(in_force) == [(2, "premium GB")]
    undone = await usecases.unusual_calls.undo(carol, held)
    assert (undone.state, undone.until_at) == ("held back", None)
    assert undone.code != shown.code
    assert [name for name, _ in switch.asked][-2:] == ["changes.apply"] * 2
    trail = await usecases.audit.list(admin, action="guard.")
    assert [(row.action, row.subject) for row in trail] == [
        ("guard.undo", "+449098790000 of carol"), ("guard.confirm", "+449098790000 of carol"),
    ]  # fmt: skip
    assert shown.code not in str(trail.items)


async def test_anothers_is_not_there(usecases, carol, dave, admin, held):
    with pytest.raises(NotFound):
        await usecases.unusual_calls.confirm(dave, held)
    with pytest.raises(NotFound):
        await usecases.unusual_calls.undo(dave, held)
    with pytest.raises(NotFound):
        await usecases.unusual_calls.list(dave, user="carol")
    assert [call.user for call in await usecases.unusual_calls.list(admin)] == ["dave", "carol"]
    assert [call.user for call in await usecases.unusual_calls.list(admin, user="carol")] == ["carol"]
    assert (await usecases.unusual_calls.confirm(admin, held)).confirmed_by == "admin"


async def test_the_list_has_pages(usecases, admin, held):
    first = await usecases.unusual_calls.list(admin, limit=1)
    second = await usecases.unusual_calls.list(admin, limit=1, cursor=first.next)

    assert [call.user for page in (first, second) for call in page] == ["dave", "carol"]
    assert second.next is None


async def test_what_is_usual_is_learnt_at_once_when_it_is_asked_for(usecases, carol, dave, admin):
    await usecases.users.change(admin, "carol", _zone("Europe/Dublin"))
    noon = datetime.fromtimestamp(usecases.ground.unix_time(), UTC).replace(hour=12, minute=0).timestamp()
    times = [noon - day * DAY + number for day in range(2, 12) for number in range(3)]
    rows = [
        cdr(f"c{at}", 1, 2, at, answered_at=at, ended_at=at + 60, target="016790000@blueface") for at in times
    ]
    await put(usecases, CDRS, *rows)

    assert (await usecases.unusual_calls.usual(carol)).calls == 0
    learnt = await usecases.unusual_calls.learn(admin, "carol")
    assert (learnt.calls, learnt.days, learnt.places) == (30, 10, ("numbers in IE",))
    assert (
        await usecases.unusual_calls.usual(carol)
        == learnt
        == await usecases.unusual_calls.usual(admin, "carol")
    )
    with pytest.raises(NotFound):
        await usecases.unusual_calls.usual(dave, "carol")
    with pytest.raises(NotFound):
        await usecases.unusual_calls.learn(admin, "nobody")


def _zone(name):
    from sipwright.usecases.users import UserChange

    return UserChange(timezone=name)
