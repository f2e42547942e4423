"""Which names are ours, and how accounts that are not in memory are fetched."""

import asyncio
from types import SimpleNamespace

import pytest

from sipwright.served import AccountLoader, ServedNames
from sipwright.sip import Request


class Stack:
    """Listens on 10.0.0.1:5060."""

    def is_own_host(self, host):
        return host == "10.0.0.1"

    def is_own_address(self, host, port):
        return (host, port) == ("10.0.0.1", 5060)


def directory(**more):
    default = SimpleNamespace(name="example.org", digest_algorithm="SHA-256")
    known = {"domains": {"example.org": default}, "default_domain": default, "is_complete": True}
    return SimpleNamespace(**known | {"account": lambda user, domain: None} | more)


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


class Store:
    """Remembers whom it was asked for."""

    def __init__(self, **more):
        self.directory = directory(**more)
        self.asked = []

    async def load_account(self, user, domain):
        self.asked.append(f"{user}@{domain}")


def incoming(method="INVITE", **headers):
    lines = {"From": "<sip:alice@example.org>;tag=1", "To": "<sip:trunk.bob@example.org>"} | headers
    return SimpleNamespace(request=Request(method, "sip:trunk.bob@10.0.0.1", list(lines.items())))


def test_where_all_accounts_are_in_memory_no_request_waits():
    store = Store()

    assert AccountLoader(store, ServedNames(store.directory, Stack()), print)(incoming()) is False


def test_a_request_waits_until_the_accounts_that_it_names_were_looked_up():
    store = Store(is_complete=False)
    went_on = []
    loader = AccountLoader(store, ServedNames(store.directory, Stack()), went_on.append)
    request = incoming(Authorization='Digest username="carol", realm="example.org"')
    asyncio.run(loader(request))

    assert store.asked == [
        "alice@example.org",
        "trunk.bob@example.org",
        "bob@example.org",
        "carol@example.org",
    ]
    assert went_on == [request]


def test_requests_that_name_nobody_new_go_straight_on():
    store = Store(is_complete=False)
    loader = AccountLoader(store, ServedNames(store.directory, Stack()), print)

    assert loader(incoming("OPTIONS")) is False
    assert loader(incoming(To="<sip:bob@example.org>;tag=2")) is False
