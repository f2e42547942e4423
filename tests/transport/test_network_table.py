"""Networks asked by address."""

import ipaddress

import pytest

from sipwright.transport.network_table import NetworkTable, checked_network, key_of, read_network


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.7/32", "198.51.100.7"),
        ("198.51.100.7/24", "198.51.100.0/24"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8:0:0:1::/80", "2001:db8::/64"),
        ("2001:db8::/48", "2001:db8::/48"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_a_network_is_kept_in_one_way(given, kept):
    assert checked_network(given) == kept
    assert checked_network(kept) == kept


@pytest.mark.parametrize("given", ["", "example.org", "1.2.3", "1.2.3.4/33", "::/x"])
def test_what_is_no_network_is_told(given):
    with pytest.raises(ValueError, match="'"):
        checked_network(given)


def test_an_address_finds_the_network_that_it_is_in():
    table = NetworkTable(
        (read_network(text), text)
        for text in ("192.0.2.7", "198.51.100.0/24", "2001:db8::/64", "2001:db8:5::/48")
    )

    found = {
        host: table.find(host)
        for host in (
            "192.0.2.7",
            "192.0.2.8",
            "198.51.100.200",
            "2001:db8::99",
            "2001:db8:5:6::1",
            "2001:db9::1",
        )
    }
    assert found == {
        "192.0.2.7": "192.0.2.7", "192.0.2.8": None, "198.51.100.200": "198.51.100.0/24",
        "2001:db8::99": "2001:db8::/64", "2001:db8:5:6::1": "2001:db8:5::/48", "2001:db9::1": None,
    }  # fmt: skip
    assert (len(table), table.find("nobody"), NetworkTable().find("192.0.2.7")) == (4, None, None)


def test_an_address_in_the_guise_of_the_other_version_is_what_it_is():
    """RFC 4291 §2.5.5.2."""
    table = NetworkTable(
        [(ipaddress.ip_network("192.0.2.0/24"), 1), (ipaddress.ip_network("192.0.3.1/32"), 2)]
    )

    assert (table.find("::ffff:192.0.2.9"), table.find("::ffff:192.0.3.1")) == (1, 2)
    assert key_of("::ffff:192.0.3.1") == "192.0.3.1"
    assert key_of("2001:db8::1") == key_of("2001:db8::2%eth0") != key_of("2001:db8:1::1")
