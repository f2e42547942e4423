"""RFC 3261 §18.2.1, §18.2.2, RFC 3581 §4, RFC 5923."""

import pytest

from sipwright.sip.build import make_response
from sipwright.sip.parser import parse
from sipwright.stack.source import is_translated, return_address, stamp_source
from sipwright.transport import MemoryNetwork


@pytest.fixture
def flows():
    network = MemoryNetwork()
    return {
        protocol: network.transport("192.0.2.1", protocol=protocol).flow(("192.0.2.2", 40_000))
        for protocol in ("udp", "tcp")
    }


@pytest.mark.parametrize(
    ("via", "stamped", "port"),
    [
        ("192.0.2.2:40000;branch=z9hG4bK1", "192.0.2.2:40000;branch=z9hG4bK1", 40_000),
        ("192.0.2.2;branch=z9hG4bK1", "192.0.2.2;branch=z9hG4bK1", 5060),
        ("192.0.2.2:0;branch=z9hG4bK1", "192.0.2.2:0;branch=z9hG4bK1", 5060),
        ("203.0.113.2:5062;branch=1", "203.0.113.2:5062;branch=1;received=192.0.2.2", 5062),
        ("10.0.0.2:5062;branch=1", "10.0.0.2:5062;branch=1;received=192.0.2.2", 40_000),
        ("phone.example;branch=1", "phone.example;branch=1;received=192.0.2.2", 5060),
        ("192.0.2.2;rport;branch=1", "192.0.2.2;rport=40000;branch=1;received=192.0.2.2", 40_000),
        ("10.0.0.2;rport;branch=1", "10.0.0.2;rport=40000;branch=1;received=192.0.2.2", 40_000),
        ("10.0.0.2;rport=9;branch=1", "10.0.0.2;rport=40000;branch=1;received=192.0.2.2", 40_000),
        ("192.0.2.2;received=203.0.113.9;branch=1", "192.0.2.2;received=192.0.2.2;branch=1", 5060),
        ("192.0.2.2:9;maddr=203.0.113.9;branch=1", "192.0.2.2:9;maddr=203.0.113.9;branch=1", 9),
    ],
)
def test_the_source_is_noted_and_decides_where_responses_go(flows, request_text, via, stamped, port):
    one = parse(request_text(via=f"SIP/2.0/UDP {via}").encode())
    two = parse(request_text(via=f"SIP/2.0/UDP {via}, SIP/2.0/UDP other;branch=2").encode())

    for request in (one, two):
        assert stamp_source(request, flows["udp"]).remote == ("192.0.2.2", port)
        assert str(request.top_via) == f"SIP/2.0/UDP {stamped}"
        assert str(parse(bytes(request)).top_via) == f"SIP/2.0/UDP {stamped}"
    assert (len(one.vias), len(two.vias)) == (1, 2)


@pytest.mark.parametrize(
    ("sent_by", "source", "is_behind_nat"),
    [
        ("10.0.0.2", "192.0.2.2", True),
        ("10.0.0.2", "10.0.0.2", False),
        ("10.0.0.2", "10.9.9.9", True),
        ("[fd00::2]", "2001:db8::1", True),
        ("192.0.2.3", "192.0.2.2", False),
        ("phone.example", "192.0.2.2", False),
    ],
)
def test_a_nat_shows_where_a_private_address_is_named_and_another_one_seen(sent_by, source, is_behind_nat):
    """Whoever is behind it hears nothing at the port that it names, and may not know of rport."""
    assert is_translated(sent_by, source) is is_behind_nat


def test_a_connection_is_the_way_back_whatever_the_via_says(flows, request_text):
    request = parse(request_text(via="SIP/2.0/TCP 10.0.0.2:5062;branch=z9hG4bK1").encode())

    assert stamp_source(request, flows["tcp"]) is flows["tcp"]
    assert request.top_via.received == "192.0.2.2"


@pytest.mark.parametrize(("host", "is_taken"), [("192.0.2.2", True), ("192.0.2.3", False)])
def test_an_alias_is_taken_for_the_address_that_the_connection_comes_from(
    flows, request_text, host, is_taken
):
    request = parse(request_text(via=f"SIP/2.0/TCP {host}:5070;branch=z9hG4bK1;alias").encode())

    stamp_source(request, flows["tcp"])

    assert flows["tcp"]._transport.find((host, 5070)) is (flows["tcp"] if is_taken else None)


@pytest.mark.parametrize(
    ("via", "address"),
    [
        ("10.0.0.2:5070;received=192.0.2.2", ("192.0.2.2", 5070)),
        ("10.0.0.2;received=192.0.2.2;rport=40000", ("192.0.2.2", 5060)),
        ("192.0.2.2:5070", ("192.0.2.2", 5070)),
    ],
)
def test_a_lost_connection_is_opened_again_at_the_port_of_the_via(request_text, via, address):
    request = parse(request_text(via=f"SIP/2.0/TCP {via};branch=z9hG4bK1").encode())

    assert return_address(make_response(request, 200)) == address
