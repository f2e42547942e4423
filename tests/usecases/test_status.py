"""The status, for admins, users, and everybody."""

import pytest

from sipwright.monitor.rollups.bucket import Bucket
from sipwright.store.schema import watching_tables
from sipwright.usecases.errors import Forbidden

ANSWER = {
    "node": "node1",
    "version": "0",
    "started_at": 1.0,
    "calls": 3,
    "phones": 2,
    "storage": {"is_short": True},
}


async def test_an_admin_sees_what_is_wrong_and_why(usecases, switch, admin, carol):
    switch.answers["status"] = ANSWER

    found = await usecases.status.get(admin)
    assert [(one.part, one.up) for one in found.parts] == [
        ("database", True),
        ("switch", True),
        ("storage", False),
    ]
    assert (found.up, found.counts["calls"]) == (False, 3.0)
    assert "the disk is nearly full" in found.wrong[0]
    hers = await usecases.status.get(carol)
    assert (hers.counts, hers.wrong) == ({}, ("storage of node1 does not work",))


async def test_it_is_public_only_if_the_settings_say_so(usecases):
    with pytest.raises(Forbidden):
        await usecases.status.get(None)
    usecases.ground.settings.web.public_status = True
    found = await usecases.status.get(None)

    assert [(one.part, one.up, one.reason) for one in found.parts] == [
        ("database", True, None),
        ("switch", False, None),
    ]


async def test_an_admin_sees_what_the_switch_alerts_about_beside_what_the_parts_say(
    usecases, switch, admin, carol
):
    def alert(key, text):
        return {"key": key, "text": text, "advice": "look", "since": 5.0}

    alerts = [
        alert("disk", "the disk is full"),
        alert("part/edge", "edge does not answer"),
        alert("certificate/x.pem", "it ends"),
    ]
    switch.answers["status"] = ANSWER | {"storage": {}, "alerts": alerts}

    found = await usecases.status.get(admin)
    assert [(one.text, one.advice, one.since) for one in found.alerts] == [("it ends", "look", 5.0)]
    assert (found.up, found.wrong) == (True, ())
    assert (await usecases.status.get(carol)).alerts == ()


def part(name, *, up=True, since=None, reason=None):
    return {
        "part": name, "up": up, "at": 5.0, "since": since, "milliseconds": 1.5 if up else None,
        "losses": 0 if up else 4, "reason": reason,
    }  # fmt: skip


async def test_parts_that_the_node_has_asked_are_told_and_providers_to_their_owners(
    usecases, switch, admin, carol
):
    lost = part(f"provider/{carol.name}/trunk", up=False, since=100.0, reason="no answer to OPTIONS")
    parts = [part("edge"), part("switch"), part("provider/somebody/else"), lost]
    switch.answers["status"] = ANSWER | {"storage": {}, "parts": parts}

    found = await usecases.status.get(admin)
    assert [(one.part, one.up, one.milliseconds, one.since) for one in found.parts][1:] == [
        ("switch", True, 1.5, None),
        ("storage", True, None, None),
        ("edge", True, 1.5, None),
        ("provider/somebody/else", True, 1.5, None),
        (lost["part"], False, None, 100.0),
    ]
    assert found.wrong == (f"provider trunk of {carol.name}: no answer to OPTIONS",)
    hers = await usecases.status.get(carol)
    assert [one.part for one in hers.parts][-1] == lost["part"]
    assert len(hers.parts) == len(found.parts) - 1
    assert hers.wrong == ("provider trunk does not work",)


async def put_rows(usecases, span, *rows):
    made = []
    for at, node, parts, counts in rows:
        bucket = Bucket(span, int(at))
        for name, answers in parts.items():
            for answer in answers:
                bucket.part(name).note(answer)
                bucket.part(name).down += answer is None
        for name, value in counts.items():
            bucket.count(name).note(value)
        made.append({"span": span, "at": int(at), "node": node, "document": bucket.to_document()})
    await usecases.ground.keep(lambda c: c.execute(watching_tables.rollups.insert(), made))


async def test_what_was_measured_is_shown_to_everybody_and_the_numbers_to_an_admin(usecases, admin, carol):
    now = usecases.ground.now // 240 * 240
    own, other = f"provider/{carol.name}/trunk", "provider/somebody/else"
    parts = {"edge": [2.0, None], own: [1.0], other: [1.0]}
    await put_rows(
        usecases, 60, (now - 240, "node1", parts, {"calls": 3.0}), (now - 180, "node1", parts, {"calls": 5.0})
    )

    found = await usecases.status.history(admin)
    assert {one.part: [(point.mean, point.down) for point in one.points] for one in found.parts} == {
        "edge": [(2.0, 120.0)], own: [(1.0, 0.0)], other: [(1.0, 0.0)],
    }  # fmt: skip
    assert [(point.mean, point.most) for point in found.counts["calls"]] == [(4.0, 5.0)]
    hers = await usecases.status.history(carol)
    assert ({one.part for one in hers.parts}, hers.counts) == ({"edge", own}, {})
    with pytest.raises(Forbidden):
        await usecases.status.public_history()
    usecases.ground.settings.web.public_status = True
    assert {one.part for one in (await usecases.status.public_history()).parts} == {"edge"}
    assert (await usecases.status.history(admin, "year")).parts == ()


async def test_another_node_is_told_of_by_what_it_has_written(usecases, admin):
    now = usecases.ground.now
    await put_rows(
        usecases,
        10,
        (now - 5, "node2", {"edge": [2.0], "switch": [None]}, {}),
        (now - 300, "node3", {"edge": [1.0]}, {}),
    )

    found = {(one.node, one.part): one for one in (await usecases.status.get(admin)).parts}
    assert found["node2", "edge"].up
    assert found["node2", "switch"].reason == "it was lost three times in a row"
    assert found["node3", "edge"].reason == "nothing has been heard of that node"
