"""Through which proxies requests to a provider go (RFC 3608)."""

import pytest
from tests.services.switch.conftest import Provider

from sipwright.services.switch import ServiceRoutes

EDGE, HOME = "<sip:edge.example;lr>", '<sip:orig@home.example:5061;lr>;x="a,b"'


@pytest.mark.parametrize(
    ("proxy", "told", "expected"),
    [
        (None, None, ()),
        ("edge.example", None, (EDGE,)),
        (None, f"{EDGE}, {HOME}", (EDGE, HOME)),
        ("edge.example", HOME, (EDGE, HOME)),
        ("sip:edge.example", f"{EDGE}, {HOME}", (EDGE, HOME)),
        ("edge.example:5070", EDGE, ("<sip:edge.example:5070;lr>", EDGE)),
    ],
)
def test_what_a_provider_has_named_comes_behind_our_own_proxy(proxy, told, expected):
    """RFC 3608 §6.1: appended to the locally configured route, in their order."""
    provider, routes = Provider("trunk", "b.example", outbound_proxy=proxy), ServiceRoutes()
    routes.told(provider.id, told)

    assert routes.preloaded(provider) == expected


def test_it_holds_until_the_provider_names_nothing_any_more():
    """RFC 3608 §6.1: a 200 without a Service-Route clears it."""
    provider, routes = Provider("trunk", "b.example"), ServiceRoutes()
    routes.told(provider.id, HOME)
    routes.told(provider.id, None)

    assert (routes.preloaded(provider), routes.known) == ((), {})
