"""Events, to those whom they concern, and the language in which they are looked for."""

import pytest

from sipwright.control.events import LOST, Event
from sipwright.usecases.errors import Invalid
from sipwright.usecases.event_filter import read_filter


def event(kind, user=None, call=None, **data):
    return Event("1", kind, 1.0, "node1", user, call, data)


HERS = event("call.ended", "carol", "c0", reason="503 Service Unavailable")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True),
        ("event call", True),
        ("event call.ended", True),
        ("event call.started", False),
        ("event call and user carol and regex 503", True),
        ("event call user dave", False),
        ("user dave or call c", True),
        ("not user dave", True),
        ("not (user dave or user carol)", False),
        ("regex '5.. service'", True),
        ("unavailable", True),
        ("'service unavailable'", True),
        ("node node2", False),
    ],
)
def test_a_filter_says_what_fits(text, fits):
    assert read_filter(text)(HERS) is fits


@pytest.mark.parametrize(
    "text",
    [
        "event",
        "event nothing",
        "(user a",
        "user a)",
        "and",
        "user a or",
        "regex [",
        "regex (a+)+",
        "'x",
        "x" * 501,
    ],
)
def test_what_is_no_filter_is_told_at_its_field(text):
    with pytest.raises(Invalid) as caught:
        read_filter(text)

    assert caught.value.fields[0].field == "q"


async def test_nobody_hears_of_what_is_anothers(usecases, switch, admin, carol, dave):
    async def follow(after=None):
        for one in (HERS, event("node.state"), event("call.started", "dave"), Event.lost(3, "1", 1.0)):
            yield one

    switch.follow = follow

    async def heard(actor, **wishes):
        return [one.type for one in [each async for each in usecases.events.follow(actor, **wishes)]]

    assert await heard(carol) == ["call.ended", LOST]
    assert await heard(dave) == ["call.started", LOST]
    assert await heard(admin) == ["call.ended", "node.state", "call.started", LOST]
    assert await heard(admin, types=["node.state"]) == ["node.state", LOST]
    with pytest.raises(Invalid):
        usecases.events.follow(admin, types=["nothing"])
