"""The proxies that a registrar names for our requests (RFC 3608)."""

import pytest
from structlog.testing import capture_logs

from sipwright.services.agent.answers import read_service_route
from sipwright.sip import Response

ROUTE = "<sip:orig@192.0.2.77;lr>, <sip:orig@home.example;lr>"


async def registered(world, route=ROUTE, **settings):
    world.registrar.service_route = route
    world.add(**settings)
    node = await world.start()
    await world.run(1.0)
    return node


async def test_it_is_told_and_stored_with_the_registration(world):
    await registered(world)

    assert (world.routes[1], world.row.service_route, world.row.state) == (ROUTE, ROUTE, "registered")


async def test_a_renewal_replaces_it(world):
    """§6.1: that of the latest 200 counts, and one without clears it."""
    await registered(world)
    world.registrar.service_route = "<sip:192.0.2.78;lr>"
    await world.run(3_300.0)
    second = world.routes[1]
    world.registrar.service_route = None
    await world.run(3_300.0)

    assert (second, world.routes[1], world.row.service_route) == ("<sip:192.0.2.78;lr>", None, None)


async def test_it_is_known_after_a_restart(world):
    await registered(world)
    world.routes.clear()
    await world.restart()

    assert (world.routes[1], len(world.requests)) == (ROUTE, 1)


async def test_it_goes_with_a_renewal_that_is_refused(world):
    """§6.1: then it should be discarded, though the registration may hold for a while."""
    await registered(world)
    world.registrar.answer = lambda request: world.registrar.refuse(request, 403)
    await world.run(3_300.0)

    assert (world.row.state, world.routes[1]) == ("registered", None)


async def test_it_goes_with_the_registration(world):
    await registered(world)
    world.remove()
    await world.run(1.0)

    assert (world.routes[1], world.registrar.contacts) == (None, [])


async def test_another_node_that_did_not_register_goes_by_it_too(world):
    """Calls go out of every node."""
    await registered(world)
    world.routes.clear()
    await world.start("b", "192.0.2.2", is_share=lambda provider_id: False)
    await world.run(61.0)

    assert world.routes == {1: ROUTE}


@pytest.mark.parametrize("first", ["10.0.0.7", "unknown.example"])
async def test_nobody_leads_us_where_there_is_no_way_or_into_our_own_network(world, first):
    with capture_logs() as logs:
        await registered(world, f"<sip:{first};lr>")

    assert (world.row.state, world.routes[1]) == ("registered", None)
    assert "no way by the service route" in [line["event"] for line in logs]


async def test_behind_our_own_proxy_what_it_names_is_for_that_to_reach(world):
    await registered(world, "<sip:10.0.0.7;lr>", outbound_proxy="192.0.2.9", server="b.example")

    assert world.routes[1] == "<sip:10.0.0.7;lr>"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ["<sip:a;lr>,<sip:b;lr>", '"B, C" <sip:c;lr>;x=y'],
            ["<sip:a;lr>", "<sip:b;lr>", '"B, C" <sip:c;lr>;x=y'],
        ),
        (["<sip:a;lr=on>, , "], ["<sip:a;lr=on>"]),
        ([], []),
        (["<sip:a>"], []),
        (["<sip:a;lr>, <sip:b>"], []),
        (["<sip:a;lr>, <sip:b c;lr>"], []),
        (["<tel:+1;lr>"], []),
        (["<sip:a;lr>;" + "x" * 3000], []),
    ],
)
def test_what_makes_no_route_is_none(lines, expected):
    """§5: each value has to route loosely."""
    response = Response(200, None, [("Service-Route", line) for line in lines])

    assert [str(hop) for hop in read_service_route(response)] == expected
