"""Which addresses are public."""

import pytest

from sipwright.transport.networks import is_public, network_of, networks


@pytest.mark.parametrize("address", ["8.8.8.8", "2a00:1450:4001:82b::200e", "193.0.6.139"])
def test_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::", "::1",
        "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::", "192.0.0.8", "192.88.99.1",
        "224.0.0.1", "255.255.255.255", "ff02::1", "240.0.0.1", "not an address", "",
    ],
)  # fmt: skip
def test_everything_else(address):
    assert not is_public(address)


def test_the_operator_may_allow_a_network():
    allowed = networks(["10.1.0.0/16"])

    assert is_public("10.1.2.3", allowed)
    assert is_public("::ffff:10.1.2.3", allowed)
    assert not is_public("10.2.2.3", allowed)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not an address", "not an address"),
        ("", ""),
        ("::g", "::g"),
    ],
)
def test_what_one_stranger_has_for_certain(address, network):
    assert network_of(address) == network
