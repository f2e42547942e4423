import pytest

from sipwright.sip.build import make_response
from sipwright.sip.parser import parse
from sipwright.stack import Addresses
from sipwright.stack.addresses import is_near, is_translated, return_address, stamp_source
from sipwright.transport import Flow, MemoryNetwork, UdpTransport


def flow(local, remote):
    return Flow("udp", (local, 5060), (remote, 5060))


def test_a_flow_is_called_by_its_own_address():
    assert Addresses(()).sent_by(flow("192.0.2.1", "198.51.100.1")) == "192.0.2.1:5060"
    assert Addresses(()).sent_by(flow("2001:db8::1", "2001:db8::2")) == "[2001:db8::1]:5060"
    assert Addresses(()).sent_by(flow("fe80::1%2", "fe80::2%2")) == "[fe80::1]:5060"


@pytest.mark.parametrize(
    ("remote", "sent_by"),
    [
        ("198.51.100.1", "203.0.113.1:5060"),
        ("10.0.0.9", "10.0.0.1:5060"),
        ("127.0.0.1", "10.0.0.1:5060"),
        ("100.64.3.4", "10.0.0.1:5060"),
    ],
)
def test_the_public_address_is_for_peers_outside(remote, sent_by):
    assert Addresses((), "203.0.113.1").sent_by(flow("10.0.0.1", remote)) == sent_by


def test_a_public_address_of_the_other_family_does_not_help():
    assert Addresses((), "[2001:db8::9]").sent_by(flow("10.0.0.1", "198.51.100.1")) == "10.0.0.1:5060"


def test_the_answer_is_kept_with_the_flow():
    one = flow("192.0.2.1", "198.51.100.1")
    one.sent_by = "pbx.example.org"

    assert Addresses(()).sent_by(one) == "pbx.example.org"


def test_host_and_port_both_say_whether_it_is_us():
    """Behind one address there can be several."""
    network = MemoryNetwork()
    own = Addresses((network.transport("192.0.2.1", 5070), network.transport("192.0.2.2")), "203.0.113.1")

    assert own.is_own("192.0.2.1", 5070)
    assert not own.is_own("192.0.2.1", 5060)
    assert not own.is_own("192.0.2.1")
    assert own.is_own("192.0.2.2")
    assert own.is_own("203.0.113.1", 5070)
    assert not own.is_own("203.0.113.1", 5080)
    assert own.is_own_host("192.0.2.1")
    assert not own.is_own_host("192.0.2.3")
    assert not own.is_own_host("pbx.example.org")


def test_where_it_listens_is_noted_but_for_an_address_that_stands_for_all():
    network = MemoryNetwork()
    own = Addresses((network.transport("192.0.2.1", 5070), UdpTransport("0.0.0.0", 5060)))
    assert not own.bound

    own.note_bound()
    assert own.bound == {("192.0.2.1", None), ("192.0.2.1", 5070)}


@pytest.mark.parametrize(
    ("public", "host", "is_own"),
    [
        ("pbx.example.org", "pbx.Example.org", True),
        (None, "pbx.example.org", False),
        ("fd00::a", "[fd00::A]", True),
    ],
)
def test_a_name_is_ours_where_it_is_set_as_our_address(public, host, is_own):
    own = Addresses((MemoryNetwork().transport("192.0.2.1"),), public)

    assert own.is_own_host(host) is is_own


def test_a_wildcard_means_every_address_of_this_machine():
    own = Addresses((UdpTransport("0.0.0.0", 5060),))

    assert own.is_own("127.0.0.1")
    assert not own.is_own("192.0.2.1")
    assert not own.is_own("::1")
    assert not own.is_own("example.org")


@pytest.mark.parametrize(
    ("host", "near"),
    [("10.1.2.3", True), ("172.32.0.1", False), ("fe80::1%2", True), ("fd00::1", True), ("pbx", False)],
)
def test_near_is_where_no_public_address_is_needed(host, near):
    assert is_near(host) is near


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
