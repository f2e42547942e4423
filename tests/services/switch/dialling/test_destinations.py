"""Where a dial string leads."""

from types import SimpleNamespace

import pytest
from tests.services.switch.conftest import Provider

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.switch import Destination, Destinations, Identity, ServiceRoutes
from sipwright.sip import Uri


@pytest.mark.parametrize(
    ("proxy", "route"),
    [
        ("edge.example:5070", "<sip:edge.example:5070;lr>"),
        ("sip.edge.example", "<sip:sip.edge.example;lr>"),
        ("sip:edge.example", "<sip:edge.example;lr>"),
        ("SIP:edge.example", "<SIP:edge.example;lr>"),
    ],
)
def test_the_proxy_of_a_provider_is_a_route(bench, proxy, route):
    bench.accounts.providers["trunk"] = Provider("trunk", "b.example", outbound_proxy=proxy)
    identity = Identity("out", 1, 1, "example.org")
    call = SimpleNamespace(identity=identity, dialled_user="353", loops=0)

    (found,) = bench.switch.finder.of_leg(call, parse_dial_string("353@trunk")[0][0])

    assert found.route == (route,)


def test_what_a_provider_has_named_is_a_route_too(bench):
    """RFC 3608 §6.1: a call goes through the proxies of its Service-Route."""
    provider = bench.accounts.providers["trunk"] = Provider("trunk", "b.example")
    routes = ServiceRoutes()
    routes.told(provider.id, "<sip:orig@edge.example;lr>")
    finder = Destinations(
        bench.accounts, bench.accounts, lambda name, domain: None, float, service_routes=routes
    )
    call = SimpleNamespace(identity=Identity("out", 1, 1, "example.org"), dialled_user="353", loops=0)

    (found,) = finder.of_leg(call, parse_dial_string("353@trunk")[0][0])

    assert (found.route, found.next_hop) == (("<sip:orig@edge.example;lr>",), "sip:orig@edge.example;lr")


@pytest.mark.parametrize(
    "route",
    [
        "<sip:orig@edge.example:5070;lr>",
        '"<Edge>" <sip:orig@edge.example:5070;lr>;x=y',
        "sip:orig@edge.example:5070",
    ],
)
def test_the_next_hop_is_the_uri_in_the_first_route(route):
    """RFC 3261 §20.34: a value of Route may have parameters of its own, and a display name."""
    to = Destination(target="", uri="sip:353@b.example", to="", route=(route, "<sip:home.example;lr>"))

    assert to.next_hop.startswith("sip:orig@edge.example:5070")
    assert Uri.parse(to.next_hop).hostport == "edge.example:5070"
