"""Which names are ours, and how accounts that are not in memory are fetched."""

import asyncio
from types import SimpleNamespace

import pytest

from node.serving import Stack, directory
from sipwright.node.served_names import AccountLoader, ServedNames
from sipwright.sip import Request


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

    async def load_account_by_id(self, account_id):
        self.asked.append(account_id)


def loader_of(store, go_on=print, takers=()):
    return AccountLoader(store, ServedNames(store.directory, Stack()), lambda incoming: list(takers), go_on)


def incoming(method="INVITE", **headers):
    lines = {"From": "<sip:alice@example.org>;tag=1", "To": "<sip:trunk.bob@example.org>"} | headers
    return SimpleNamespace(request=Request(method, "sip:trunk.bob@10.0.0.1", list(lines.items())))


def test_where_all_accounts_are_in_memory_no_request_waits():
    store = Store()

    assert loader_of(store)(incoming()) is False


def test_a_request_waits_until_the_accounts_that_it_names_were_looked_up():
    store = Store(is_complete=False)
    went_on = []
    loader = loader_of(store, went_on.append)
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
    loader = loader_of(store)

    assert loader(incoming("OPTIONS")) is False
    assert loader(incoming(To="<sip:bob@example.org>;tag=2")) is False


def test_a_number_is_that_of_an_account_too():
    store = Store(is_complete=False)
    sender = "<tel:+353-1>;tag=1"
    request = incoming(
        From=sender, To="<tel:2-1;phone-context=other.example>", **{"P-Preferred-Identity": "<tel:101>"}
    )
    asyncio.run(loader_of(store)(request))

    assert store.asked == [
        "+3531@example.org",
        "21@example.org",
        "trunk.bob@example.org",
        "bob@example.org",
        "101@example.org",
    ]


def test_who_takes_the_calls_of_a_provider_is_looked_up_by_number():
    store = Store(is_complete=False, account_by_id=lambda account_id: None)
    request = SimpleNamespace(
        request=Request("INVITE", "sip:0011@10.0.0.1", [("From", "<sip:1@x>;tag=1"), ("To", "<sip:2@x>")])
    )
    asyncio.run(loader_of(store, takers=[7])(request))

    assert store.asked == ["0011@example.org", 7]
    assert loader_of(store, takers=[7])(incoming("OPTIONS")) is False
