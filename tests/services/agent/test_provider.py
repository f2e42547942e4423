"""What a provider's settings mean for a REGISTER."""

import pytest

from sipwright.services.agent.provider import Place
from sipwright.sip import ParseError

from .conftest import FakeProvider


def place(**settings):
    found = Place.of(FakeProvider(**settings))
    return str(found.registrar), str(found.aor), str(found.next_hop)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"server": "sip.example"}, ("sip:sip.example", "sip:353123@sip.example", "sip:sip.example")),
        ({"server": "b.example:5070"}, ("sip:b.example:5070", "sip:353123@b.example", "sip:b.example:5070")),
        ({"server": "[2001:db8::1]"}, ("sip:[2001:db8::1]", "sip:353123@[2001:db8::1]", "sip:[2001:db8::1]")),
        (
            {"server": "b.example;transport=tcp"},
            ("sip:b.example;transport=tcp", "sip:353123@b.example", "sip:b.example;transport=tcp"),
        ),
        (
            {"server": "b.example", "outbound_proxy": "edge.example:5080", "username": "a#b"},
            ("sip:b.example", "sip:a%23b@b.example", "sip:edge.example:5080;lr"),
        ),
        (
            {"server": "b.example", "outbound_proxy": "sip:edge.example;lr;transport=tcp"},
            ("sip:b.example", "sip:353123@b.example", "sip:edge.example;lr;transport=tcp"),
        ),
    ],
)
def test_a_place_is_read_from_the_settings(settings, expected):
    assert place(**settings) == expected


def test_a_server_that_makes_no_uri_is_a_parse_error():
    with pytest.raises(ParseError):
        place(server="host:99999")
