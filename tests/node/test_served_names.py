"""Which names are ours."""

import pytest

from node.serving import Stack, directory
from sipwright.node.served_names import ServedNames


@pytest.mark.parametrize(
    ("host", "port", "domain"),
    [
        ("example.org", None, "example.org"),
        ("example.org", 5099, "example.org"),
        ("10.0.0.1", None, "example.org"),
        ("10.0.0.1", 5060, "example.org"),
        ("10.0.0.1", 5080, None),
        ("10.0.0.2", None, None),
        ("other.net", None, None),
    ],
)
def test_our_own_addresses_are_the_default_domain_but_another_port_is_a_neighbour(host, port, domain):
    assert ServedNames(directory(), Stack()).served_domain(host, port) == domain


def test_without_a_domain_nothing_is_served():
    names = ServedNames(directory(domains={}, default_domain=None), Stack())

    assert names.served_domain("10.0.0.1", None) is None


def test_nobody_is_challenged_like_everybody():
    names = ServedNames(directory(), Stack())

    assert (names.digest_algorithm("example.org"), names.digest_algorithm("other.net")) == ("SHA-256", "MD5")
