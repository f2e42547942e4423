"""The status, for admins, users, and everybody."""

import pytest

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


async def test_what_was_seen_is_shown_to_everybody_and_the_numbers_to_an_admin(
    usecases, switch, admin, carol
):
    switch.answers["status"] = ANSWER
    await usecases.status.look()

    found = await usecases.status.history(admin)
    assert {one.part: [point.is_down for point in one.points] for one in found.parts} == {
        "database": [False],
        "storage": [False],
        "switch": [False],
    }
    assert [point.most for point in found.counts["calls"]] == [3.0]
    assert (await usecases.status.history(carol)).counts == {}
