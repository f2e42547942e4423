"""Where a dial string leads."""

from types import SimpleNamespace

import pytest
from tests.services.switch.conftest import Provider

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.switch import Identity


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
