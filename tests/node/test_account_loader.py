"""How accounts that are not in memory are fetched."""

import asyncio
from types import SimpleNamespace

from node.serving import Stack, directory
from sipwright.node.account_loader import AccountLoader
from sipwright.node.served_names import ServedNames
from sipwright.sip import Request


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
