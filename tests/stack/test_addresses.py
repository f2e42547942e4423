import pytest

from sipwright.stack import Addresses
from sipwright.stack.addresses import is_near
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
