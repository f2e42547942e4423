"""Which names are ours, how accounts that are not in memory are fetched, and which of people's limits hold."""

import asyncio
from math import inf
from types import SimpleNamespace

import pytest

from node.serving import Stack, directory
from sipwright.config import DialplanSettings
from sipwright.node.directory_views import AccountLoader, DirectoryLimits, ServedNames, SourceShares
from sipwright.services.dialplan import UserLimits
from sipwright.sip import Request
from sipwright.store import User


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


def test_where_it_listens_is_the_default_domain_as_long_as_there_is_one():
    addresses = SimpleNamespace(bound={("10.0.0.2", 5070)}, is_own=lambda host, port: False)
    stack = SimpleNamespace(addresses=addresses)

    assert ServedNames(directory(), stack).served_domain("10.0.0.2", 5070) == "example.org"
    assert ServedNames(directory(), stack).served_domain("10.0.0.2", 5080) is None
    without = ServedNames(directory(domains={}, default_domain=None), stack)
    assert without.served_domain("10.0.0.2", 5070) is None


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


def limits(user=None, **providers):
    known = {
        name: SimpleNamespace(longest_call=longest, most_calls=longest and 2)
        for name, longest in providers.items()
    }
    return DirectoryLimits(
        SimpleNamespace(
            users={7: SimpleNamespace(longest_call=user)},
            provider=lambda user_id, name: known.get(name) if user_id == 7 else None,
        ),
        DialplanSettings(),
    )


def test_a_users_own_limits_take_the_place_of_the_usual_ones():
    users = (User(7, "alice", "user", "UTC", 0.0), User(8, "bob", "user", "UTC", 0.0, 3, None, 0.5))
    found = DirectoryLimits(SimpleNamespace(users={user.id: user for user in users}), DialplanSettings())

    assert found.of_runs(7) == found.of_runs(99) == UserLimits(200, 600, 60.0)
    assert found.of_runs(8) == UserLimits(3, 600, 0.5)


@pytest.mark.parametrize(
    ("user", "names", "expected"),
    [
        (None, (), inf),
        (900.0, (), 900.0),
        (900.0, ("long",), 900.0),
        (900.0, ("short", "long"), 60.0),
        (None, ("short",), 60.0),
        (None, ("none", "gone"), inf),
    ],
)
def test_the_shortest_limit_wins(user, names, expected):
    found = limits(user, short=60.0, long=3600.0, none=None)

    assert found.longest_call(7, [(7, name) for name in names]) == expected


def test_a_user_or_provider_that_is_gone_limits_nothing():
    assert limits(5.0, short=1.0).longest_call(8, [(8, "short")]) == inf


def test_a_provider_may_carry_so_many_calls():
    found = limits(short=60.0, none=None)

    assert [found.most_carried((7, name)) for name in ("short", "none", "gone")] == [2, inf, inf]


@pytest.mark.parametrize(
    ("user_id", "source", "expected"),
    [
        (7, "192.0.2.1", (200, 600)),
        (8, "192.0.2.1", (20, 60)),  # the provider there is somebody else's
        (7, "192.0.2.2", (20, 60)),
        (9, "192.0.2.2", (1, 1)),  # a tenth of few is one
    ],
)
def test_an_address_has_a_tenth_of_a_users_runs_unless_a_provider_of_the_user_is_there(
    user_id, source, expected
):
    there = {"192.0.2.1": [SimpleNamespace(user_id=7)]}
    shares = SourceShares(
        lambda user: UserLimits(4, 9) if user == 9 else UserLimits(200, 600),
        lambda host: there.get(host, []),
    )

    assert shares(user_id, source) == expected
