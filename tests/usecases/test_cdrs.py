"""CDRs, as people look for them."""

from dataclasses import asdict

import pytest

from sipwright.store.history import cdr_pages
from sipwright.usecases.cdrs import CdrFilter
from sipwright.usecases.errors import Invalid, NotFound

from .rows import CALLS, CDRS, call, cdr, put

NOON = 1_768_219_200.0
"""Monday, 12 January 2026, noon UTC."""


async def test_they_come_newest_first_a_page_at_a_time(usecases, carol):
    await put(usecases, CDRS, *(cdr(f"c{n}", at=1_000.0 + n // 2) for n in range(7)))

    seen, cursor = [], None
    while True:
        page = await usecases.cdrs.list(carol, limit=3, cursor=cursor)
        seen.append([one.call_id for one in page])
        if (cursor := page.next) is None:
            break
    assert seen == [["c6", "c5", "c4"], ["c3", "c2", "c1"], ["c0"]]
    oldest = await usecases.cdrs.list(carol, oldest_first=True, limit=2)
    assert [one.call_id for one in oldest] == ["c0", "c1"]
    assert [one.call_id async for one in usecases.cdrs.rows(carol)] == [f"c{6 - n}" for n in range(7)]


async def test_nobody_sees_those_of_others(usecases, admin, carol, dave):
    await put(usecases, CDRS, cdr("hers"), cdr("his", user_id=3), cdr("nobodys", user_id=None))

    assert [one.call_id for one in await usecases.cdrs.list(carol)] == ["hers"]
    assert [one.call_id for one in await usecases.cdrs.list(dave)] == ["his"]
    assert len(await usecases.cdrs.list(admin)) == 3
    assert [one.call_id for one in await usecases.cdrs.list(admin, CdrFilter(user="carol"))] == ["hers"]
    with pytest.raises(NotFound):
        await usecases.cdrs.list(carol, CdrFilter(user="dave"))


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (CdrFilter(from_=1_001.0), ["c2", "c1"]),
        (CdrFilter(from_=1_001.0, to=1_002.0), ["c1"]),
        (CdrFilter(status="486"), ["c0"]),
        (CdrFilter(status="5xx"), ["c2"]),
        (CdrFilter(status="answered"), ["c1"]),
        (CdrFilter(status="failed"), ["c2", "c0"]),
        (CdrFilter(direction="in"), ["c2"]),
        (CdrFilter(q="BOB"), ["c1"]),
        (CdrFilter(q="c2"), ["c2"]),
        (CdrFilter(q="%"), []),
        (CdrFilter(leg=1), []),
        (CdrFilter(account="nobody"), []),
    ],
)
async def test_they_are_found_by_what_is_in_them(usecases, carol, which, found):
    await put(
        usecases,
        CDRS,
        cdr("c0"),
        cdr("c1", at=1_001.0, status=200, answered_at=1_002.0, target="sip:bob@example.org"),
        cdr("c2", at=1_002.0, status=503, direction="in"),
    )

    assert [one.call_id for one in await usecases.cdrs.list(carol, which)] == found


async def test_a_long_search_goes_on_where_the_page_before_has_ended(usecases, carol, monkeypatch):
    monkeypatch.setattr(cdr_pages, "LONGEST_SEARCH", 3)
    await put(
        usecases, CDRS, *(cdr(f"c{n}", at=1_000.0 + n, status=200 if n == 0 else 486) for n in range(8))
    )

    which, pages, cursor = CdrFilter(status="200"), [], None
    while True:
        page = await usecases.cdrs.list(carol, which, cursor=cursor)
        pages.append([one.call_id for one in page])
        if (cursor := page.next) is None:
            break
    assert pages == [[], [], ["c0"]]


@pytest.mark.parametrize("status", ["", "9xx", "200 OK", "47", "busy"])
async def test_what_is_no_status_is_told_at_its_field(usecases, carol, status):
    with pytest.raises(Invalid) as caught:
        await usecases.cdrs.list(carol, CdrFilter(status=status))

    assert caught.value.fields[0].field == "status"


async def test_days_begin_where_the_one_who_looks_lives(usecases, admin, carol):
    await usecases.me.change(carol, timezone="Pacific/Auckland")
    await put(
        usecases,
        CDRS,
        cdr("c0", at=NOON - 3600),
        cdr("c1", at=NOON, answered_at=NOON + 5, ended_at=NOON + 65, status=200),
        cdr("c1", 1, at=NOON, answered_at=NOON + 5, ended_at=NOON + 65, status=200),
    )
    which = CdrFilter(from_=NOON - 86_400, to=NOON + 86_400)

    days = await usecases.cdrs.per_day(carol, which)
    assert [(one.day, one.calls, one.answered, one.failed, one.talked) for one in days] == [
        ("2026-01-13", 2, 1, 1, 60.0)
    ]
    assert [one.day for one in await usecases.cdrs.per_day(admin, which)] == ["2026-01-12"]
    with pytest.raises(Invalid):
        await usecases.cdrs.per_day(carol, CdrFilter(from_=0.0))


def two_parts(common, at, **inner):
    """The records of a call of alice's dialplan to bob's."""
    talked = {"status": 200, "answered_at": at + 2, "sip_call_id": f"{common}-0"}
    through = {**talked, "target": "bob@local", "sip_call_id": f"{common}-1"}
    part = {"direction": "in", "linked_id": common, "at": at + 0.1, **inner}
    return (
        cdr(common, at=at, **talked),
        cdr(common, 1, at=at, **through),
        cdr(
            f"{common}-in",
            **{**talked, "sip_call_id": f"{common}-1", "to_uri": "sip:bob@example.org"},
            **part,
        ),
        cdr(
            f"{common}-in", 1, **{**through, "sip_call_id": "phone", "target": "sip:bob@example.org"}, **part
        ),
    )


async def test_a_call_is_one_line(usecases, admin, carol, dave):
    """Each owner sees a part of it; what has a common id has one line, and an admin sees both parts as one."""
    await put(
        usecases,
        CDRS,
        *two_parts("hers", 1_000.0),
        *two_parts("both", 2_000.0, user_id=3),
        cdr("old", at=1.0),
    )

    found = await usecases.cdrs.list(carol, CdrFilter(by_call=True))
    assert [(one.call, one.call_id, one.leg, one.answered_by) for one in found] == [
        ("both", "both", 0, "bob@local"),
        ("hers", "hers", 0, "sip:bob@example.org"),
        ("old", "old", 0, None),
    ]
    assert found.items[1].talked == 3.0
    (his,) = await usecases.cdrs.list(dave, CdrFilter(by_call=True))
    assert (his.call, his.call_id, his.answered_by) == ("both", "both-in", "sip:bob@example.org")
    assert [one.call_id for one in await usecases.cdrs.list(admin, CdrFilter(by_call=True))] == [
        "both",
        "hers",
        "old",
    ]
    assert {one.call for one in await usecases.cdrs.list(carol, CdrFilter(from_=1_000.0, to=1_999.0))} == {
        "hers"
    }
    assert [day.calls for day in await usecases.cdrs.per_day(carol, CdrFilter(from_=0.0, to=9e4))] == [3]


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (CdrFilter(q="bob"), ["hers-in"]),
        (CdrFilter(direction="in"), ["hers-in"]),
        (CdrFilter(direction="out"), ["hers"]),
        (CdrFilter(status="failed"), []),
        (CdrFilter(q="hers"), ["hers"]),
    ],
)
async def test_whoever_looks_for_a_later_part_finds_that(usecases, carol, which, found):
    await put(usecases, CDRS, *two_parts("hers", 1_000.0))

    listed = await usecases.cdrs.list(carol, which.__class__(**{**asdict(which), "by_call": True}))
    assert [one.call_id for one in listed] == found


async def test_a_part_that_is_over_is_no_line_while_the_call_goes_on(usecases, carol):
    """A phone of a group that somebody else has answered: its part has its records long before the others do."""
    lost = [row for row in two_parts("live", 1_000.0) if row["linked_id"]]
    await put(usecases, CALLS, call("live"))
    await put(usecases, CDRS, *lost)

    assert list(await usecases.cdrs.list(carol, CdrFilter(by_call=True))) == []
    assert len(await usecases.cdrs.list(carol)) == 2


async def test_calls_are_counted_by_when_they_began_and_where_there_was_none_there_is_a_zero(usecases, carol):
    await put(
        usecases,
        CDRS,
        cdr("one", at=900.0),
        cdr("two", at=1_000.0, answered_at=1_001.0),
        cdr("three", at=5_000.0),
    )

    found = await usecases.cdrs.counts(carol, 0.0, 5_399.0, 1_800.0)
    assert [(one.at, one.calls, one.answered) for one in found] == [
        (0.0, 2, 1),
        (1_800.0, 0, 0),
        (3_600.0, 1, 0),
    ]


async def test_a_chart_has_not_more_pieces_than_anybody_could_draw(usecases, carol):
    with pytest.raises(Invalid):
        await usecases.cdrs.counts(carol, 0.0, 900.0 * 2_000, 900.0)
