"""Registrars that send us elsewhere: whom we ask then, for how long, and who is never told our password."""

import pytest

from sipwright.services.agent.redirects import is_of
from sipwright.sip import make_response

from .conftest import FakeProvider, Registrar

MAIN, OTHER, THIRD = "192.0.2.9", "192.0.2.10", "192.0.2.11"


@pytest.fixture
def others(world):
    """Two more registrars beside the one of the settings."""
    world.names |= {"b.example": [MAIN], "two.b.example": [OTHER], "evil.example": [THIRD]}
    return Registrar(world.network, OTHER), Registrar(world.network, THIRD)


def sends_to(registrar, *contacts, status=302, headers=()):
    registrar.answer = lambda request: make_response(
        request, status, to_tag="r", headers=[("Contact", contact) for contact in contacts] + list(headers)
    )


async def register(world, **settings):
    world.add(**settings)
    await world.start()
    await world.run(1.0)


async def test_the_agent_asks_where_it_is_sent(world, others):
    """RFC 3261 §8.1.3.4: the same Call-ID, a higher CSeq, another Request-URI; To and From stay."""
    other, _ = others
    sends_to(world.registrar, f"<sip:ignored@{OTHER};transport=udp;maddr=192.0.2.66?Route=%3Csip:x%3E>")
    await register(world)

    (first,), (second,) = world.requests, other.requests
    assert second.uri_text == f"sip:{OTHER};transport=udp"
    assert (second.call_id, second.cseq.number) == (first.call_id, first.cseq.number + 1)
    assert second.to.uri == first.to.uri
    assert "Route" not in second.headers
    assert (world.row.state, world.row.status) == ("registered", 200)


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (302, (), (2, 2)),
        (302, (("Expires", "86400"),), (1, 2)),
        (301, (), (1, 2)),
        (305, (), (2, 2)),
    ],
)
async def test_a_redirect_holds_for_its_lifetime_and_a_permanent_one_until_it_fails(
    world, others, status, headers, expected
):
    other, _ = others
    sends_to(world.registrar, f"<sip:{OTHER}>", status=status, headers=headers)
    await register(world)
    await world.run(3_300.0)

    assert (len(world.requests), len(other.requests)) == expected


async def test_a_permanent_redirect_that_fails_is_forgotten(world, others):
    other, _ = others
    sends_to(world.registrar, f"<sip:{OTHER}>", status=301)
    await register(world)
    other.answer = lambda request: other.refuse(request, 503)
    world.registrar.answer = world.registrar.accept
    await world.run(3_400.0)

    assert len(world.requests) == 2
    assert world.registrar.contacts


async def test_the_preferred_way_is_first_and_the_others_follow_when_it_fails(world, others):
    other, third = others
    sends_to(
        world.registrar,
        "<tel:+353123>",
        f"<sip:{THIRD}>;q=0.2",
        "<sip:nowhere.example>;q=0.9",
        f"<sip:{OTHER}>;q=0.5",
    )
    other.answer = lambda request: other.refuse(request, 500)
    await register(world)

    assert (len(other.requests), len(third.requests), world.row.state) == (1, 1, "registered")


@pytest.mark.parametrize("contacts", [(), ("<tel:+353123>",), ("<sips:192.0.2.10>",), ("<<>>",)])
async def test_a_redirect_to_nowhere_is_a_failure(world, contacts):
    sends_to(world.registrar, *contacts)
    await register(world)

    assert (world.row.state, len(world.requests)) == ("failed", 1)


async def test_redirects_that_go_round_come_to_an_end(world, others):
    other, _ = others
    sends_to(world.registrar, f"<sip:{OTHER}>")
    sends_to(other, f"<sip:{MAIN}>")
    await register(world)

    assert (len(world.requests), len(other.requests), world.row.state) == (2, 1, "failed")


async def test_nobody_sends_us_into_our_own_network(world):
    sends_to(world.registrar, "<sip:10.0.0.5>")
    await register(world)

    assert world.row.state == "failed"
    assert "10.0.0.5 is in" in world.row.reason


async def test_an_alternative_service_is_not_followed(world, others):
    """RFC 3261 §21.3.5: what it is stands in a body that nobody here reads."""
    other, _ = others
    sends_to(world.registrar, f"<sip:{OTHER}>", status=380)
    await register(world)

    assert (other.requests, world.row.status) == ([], 380)


async def test_a_host_that_is_not_the_provider_s_is_told_nothing_of_the_password(world, others):
    _, evil = others
    evil.realm = "b.example"
    world.registrar.realm = "b.example"
    accept = world.registrar.check
    world.registrar.check = lambda request: (
        accept(request)
        or make_response(request, 302, to_tag="r", headers=[("Contact", "<sip:evil.example>")])
    )
    await register(world, server="b.example")

    assert [request.headers.get("Authorization") for request in evil.requests] == [None]
    assert world.row.state == "failed"
    assert (
        world.row.reason
        == "Redirected To evil.example, Which Is Not The Provider's: No Password Is Sent There"
    )


async def test_a_host_below_the_provider_s_name_is_the_provider_s(world, others):
    other, _ = others
    other.realm = world.registrar.realm = "b.example"
    check = world.registrar.check
    world.registrar.check = lambda request: (
        check(request)
        or make_response(request, 302, to_tag="r", headers=[("Contact", "<sip:two.b.example>")])
    )
    await register(world, server="b.example")

    assert world.row.state == "registered"


async def test_through_a_proxy_everything_goes_on_through_it(world, others):
    other, _ = others
    sends_to(other, f"<sip:{THIRD}>")
    world.add(outbound_proxy=OTHER)
    await world.start()
    await world.run(1.0)

    assert [request.uri_text for request in other.requests] == ["sip:192.0.2.9", f"sip:{THIRD}"]


@pytest.mark.parametrize(
    ("host", "settings", "expected"),
    [
        ("b.example", {"server": "b.example:5070"}, True),
        ("edge.b.example", {"server": "b.example"}, True),
        ("notb.example", {"server": "b.example"}, False),
        ("b.example", {"server": "sip.b.example"}, False),
        ("b.example", {"server": "sip.b.example", "realm": "b.example"}, True),
        ("edge", {"server": "s", "outbound_proxy": "sip:edge;lr"}, True),
        ("x.asterisk", {"server": "s", "realm": "asterisk"}, False),
        ("192.0.2.10", {"server": "192.0.2.9"}, False),
    ],
)
def test_which_hosts_are_the_provider_s(host, settings, expected):
    assert is_of(FakeProvider(**settings), host) is expected
