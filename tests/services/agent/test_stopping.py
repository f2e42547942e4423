"""When the agent asks nobody any more, and that it does so for nothing that mends itself."""

from math import inf

import pytest

from sipwright.services.agent import State


def refusing(world, status):
    world.registrar.answer = lambda request: world.registrar.refuse(request, status)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (403, "Refused: 403 Forbidden"),
        (404, "Unknown User: 404 Not Found"),
        (604, "Unknown User: 604 Does Not Exist Anywhere"),
    ],
)
async def test_three_refusals_are_the_last_word(world, status, why):
    refusing(world, status)
    world.add()
    node = await world.start()
    await world.run(7 * 86_400.0)

    assert len(world.requests) == 3
    assert (world.row.state, world.row.status) == ("stopped", status)
    assert world.row.reason == f"{why}; stopped after 3 refusals"
    assert node.agent.why_stopped(1) == world.row.reason
    assert node.agent.snapshot().states["stopped"] == 1


async def test_a_wrong_password_is_tried_three_times(world):
    world.registrar.realm = "b"
    world.add(password="wrong")
    await world.start()
    await world.run(86_400.0)

    signed = [request for request in world.requests if request.headers.get("Authorization")]
    assert len(signed) == 6  # each attempt answers a new nonce once
    assert world.row.reason == "Wrong Password: 401 Unauthorized; stopped after 3 refusals"


async def test_a_change_of_the_settings_begins_anew(world):
    world.registrar.realm = "b"
    world.add(password="wrong")
    node = await world.start()
    await world.run(86_400.0)
    world.change(password="secret")
    await world.run(1.0)

    assert (world.row.state, node.agent.why_stopped(1)) == ("registered", None)


async def test_what_is_stopped_is_asked_once_after_a_restart(world):
    """Its settings may have changed while nobody ran; until it is answered it stays as it is."""
    refusing(world, 404)
    world.add()
    await world.start()
    await world.run(86_400.0)
    node = await world.restart(60.0)
    await world.run(86_400.0)

    assert len(world.requests) == 4
    assert node.agent.why_stopped(1) == "Unknown User: 404 Not Found; stopped after 3 refusals"
    world.registrar.answer = world.registrar.accept
    await world.restart(60.0)
    await world.run(1.0)
    assert world.row.state == "registered"


async def test_a_success_in_between_counts_anew(world):
    world.add()
    await world.start()
    answers = iter([404, 404, None, 404, 404, None] * 3)
    accept = world.registrar.answer
    world.registrar.answer = lambda request: (
        accept(request)
        if (status := next(answers, None)) is None
        else world.registrar.refuse(request, status)
    )
    await world.run(86_400.0)

    assert world.row.state == "registered"


async def test_who_has_worked_is_not_judged_in_a_hurry(world):
    """A provider whose own database is away may refuse everybody for some minutes."""
    world.registrar.granted = 120
    world.add()
    await world.start()
    await world.run(60.0)
    accept, world.registrar.answer = (
        world.registrar.answer,
        lambda request: world.registrar.refuse(request, 403),
    )
    await world.run(1_800.0)
    world.registrar.answer = accept
    await world.run(3_600.0)

    assert world.row.state == "registered"


@pytest.mark.parametrize("status", [400, 408, 480, 486, 500, 503, 504, 603])
async def test_no_other_answer_stops_anything(world, status):
    refusing(world, status)
    world.add()
    await world.start()
    await world.run(7 * 86_400.0)

    assert world.row.state == "failed"
    assert len(world.requests) > 300


async def test_the_night_when_our_own_network_failed(world):
    """Hundreds of providers; names are not found, servers are silent; in the morning all are there again."""
    world.registrar.granted = 600
    for number in range(1, 101):
        world.names[f"p{number}.example"] = ["192.0.2.9"]
        world.add(number, server=f"p{number}.example", username=f"user{number}")
    await world.start()
    await world.run(300.0)
    assert {row.state for row in world.records.rows.values()} == {"registered"}
    known, world.names = world.names, {}  # and the resolver says that no name exists
    world.registrar.is_silent = True
    await world.run(12 * 3_600.0)
    assert {row.state for row in world.records.rows.values()} == {"failed"}
    world.names = known
    world.registrar.is_silent = False
    await world.run(2_400.0)

    assert {row.state for row in world.records.rows.values()} == {"registered"}


async def test_a_name_that_steadily_does_not_exist_stops_while_others_are_found(world):
    world.names["there.example"] = ["192.0.2.9"]
    world.registrar.granted = 300
    world.add(1, server="nowhere.example")
    world.add(2, server="there.example")
    node = await world.start()
    await world.run(3_000.0)
    assert world.row.state == "failed"
    await world.run(6 * 3_600.0)

    assert world.records.rows[2].state == "registered"
    assert world.row.state == "stopped"
    assert node.agent.why_stopped(1) == "No Such Name: nowhere.example, while others are found; stopped"


async def test_a_name_alone_is_never_judged(world):
    world.add(1, server="nowhere.example")
    await world.start()
    await world.run(7 * 86_400.0)

    assert world.row.state == "failed"


def test_a_registration_that_holds_is_not_stopped(new_registration):
    """Calls come as long as the provider was told."""
    registration = new_registration()
    registration.contact, registration.expires_at = "<sip:0f5a@192.0.2.1:5060>", 10_000.0
    for _ in range(4):
        registration._refused(403, "Forbidden", 200.0)

    assert registration.state is not State.STOPPED
    assert registration.due < inf
