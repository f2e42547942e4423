"""Who of ours is in our own network, and what a node makes of that and of its settings."""

import asyncio
from dataclasses import dataclass

import pytest

from administering import Administering
from sipwright.commands.init import initialise
from sipwright.config import Settings
from sipwright.node.known_places import KnownPlaces
from sipwright.node.node import Node
from sipwright.services.registrar import LocationTable
from sipwright.services.registrar.bindings import Binding
from sipwright.sip import Uri
from sipwright.stack import Pipeline, Stack
from sipwright.store import ProviderSpec
from sipwright.store.admin.administration import Administration
from sipwright.transport import MemoryNetwork, Target


@dataclass
class Provider:
    server: str
    outbound_proxy: str | None = None
    is_enabled: bool = True
    user_id: int = 1


@dataclass
class User:
    id: int
    role: str


class Directory:
    def __init__(self, *providers):
        self.some = list(providers)
        self.users = {1: User(1, "admin"), 2: User(2, "user")}

    def providers(self):
        return self.some


@pytest.fixture
def stack():
    network = MemoryNetwork()
    return Stack(
        [network.transport("10.0.0.1", 5060), network.transport("10.0.0.1", 5060, "tcp")], Pipeline()
    )


def places(stack, *providers, locations=None):
    return KnownPlaces(Directory(*providers), locations or LocationTable(), lambda: stack, lambda: 100.0)


@pytest.mark.parametrize(
    ("host", "port", "is_known"),
    [
        ("10.0.0.5", 5060, True),
        ("10.0.0.5", 5061, False),
        ("prova.example", 5090, True),
        ("10.0.0.7", 5090, False),  # where prova.example may lead: it is known by its name
        ("proxy.example", 5070, True),
        ("10.0.0.6", 5060, False),
    ],
)
def test_a_provider_is_known_by_the_host_and_the_port_of_its_settings(stack, host, port, is_known):
    known = places(
        stack,
        Provider("10.0.0.5;transport=tcp"),
        Provider("prova.example:5090", "proxy.example:5070"),
        Provider("10.0.0.6", is_enabled=False),
        Provider("not a host"),
    )

    assert known(host, Target("udp", "10.0.0.7" if host.endswith("example") else host, port)) is is_known


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("prova.example", False),  # which may lead inside tomorrow, as its owner likes
        ("127.1", False),  # no address as we write it, but one for a resolver
        ("10.0.0.5", True),  # an admin has given the user this one: users cannot
        ("pbx", True),
        ("pbx.internal", True),
    ],
)
def test_a_users_provider_is_inside_where_an_admin_has_said_so(stack, host, is_known):
    known = places(stack, Provider(host, user_id=2))

    assert known(host, Target("udp", "10.0.0.7", 5060)) is is_known


def test_the_proxy_of_a_users_provider_is_judged_too(stack):
    known = places(stack, Provider("sip.example", "proxy.example:5070", user_id=2))

    assert known("proxy.example", Target("udp", "10.0.0.6", 5070)) is False


def test_who_becomes_an_admin_may_say_what_is_inside(stack):
    known = places(stack, Provider("prova.example", user_id=2))
    before = known("prova.example", Target("udp", "10.0.0.7", 5060))
    known._directory.users[2].role = "admin"
    known.forget()

    assert (before, known("prova.example", Target("udp", "10.0.0.7", 5060))) == (False, True)


def test_a_provider_that_is_added_is_known(stack):
    known = places(stack)
    before = known("10.0.0.5", Target("udp", "10.0.0.5", 5060))
    known._directory.some.append(Provider("10.0.0.5"))
    known.forget()

    assert (before, known("10.0.0.5", Target("udp", "10.0.0.5", 5060))) == (False, True)


def test_a_phone_is_known_at_the_flow_that_it_has_registered_by(stack):
    locations = LocationTable()
    locations.put(1, [Binding(200, 1, "c", "udp/10.0.0.1:5060/10.0.0.9:5062", "", "<sip:a@10.0.0.9:5062>")])
    locations.put(2, [Binding(50, 1, "c", "udp/10.0.0.1:5060/10.0.0.8:5062", "", "<sip:a@10.0.0.8:5062>")])
    known = places(stack, locations=locations)
    asked = [
        ("udp", "10.0.0.9", 5062),
        ("udp", "10.0.0.9", 5060),
        ("tcp", "10.0.0.9", 5062),
        ("udp", "10.0.0.8", 5062),
    ]

    assert [known(target[1], Target(*target)) for target in asked] == [True, False, False, False]


@pytest.fixture
async def node(request, tmp_path, monkeypatch):
    """A node with a provider inside, that listens where the test says, with that list of networks."""
    listens, networks = request.param
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", f'["{listens}:0"]')
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", f'["{listens}:0"]')
    monkeypatch.setenv("SIPWRIGHT_SIP__NETWORKS", networks)
    await asyncio.to_thread(initialise, tmp_path / "data", "example.org", "admin", "password")
    settings = Settings.load(tmp_path / "data")
    store = await Administration.open(settings.database_url, settings.key_file)
    await Administering(store).add_provider(ProviderSpec("prova", "10.1.1.1:5070", "u", "p"))
    await store.close()
    made = await Node.open(settings)
    await made.start()
    yield made
    await made.stop()


def refused(node):
    hosts = (
        "127.0.0.1:5432",
        "127.0.0.9:5432",
        "10.1.1.1:5070",
        "10.1.1.1:5432",
        "192.168.1.1",
        "203.0.113.5",
    )
    return [host for host in hosts if node.stack.outbound.refusal(Uri.parse(f"sip:{host};transport=tcp"))]


@pytest.mark.parametrize(
    ("node", "hosts"),
    [
        (("0.0.0.0", "[]"), ["127.0.0.1:5432", "127.0.0.9:5432", "10.1.1.1:5432", "192.168.1.1"]),
        (("127.0.0.1", "[]"), ["127.0.0.1:5432", "10.1.1.1:5432", "192.168.1.1"]),
        (("0.0.0.0", '["10.0.0.0/8", "127.0.0.9/32"]'), ["127.0.0.1:5432", "192.168.1.1"]),
    ],
    indirect=["node"],
)
async def test_a_node_refuses_what_its_settings_do_not_allow(node, hosts):
    assert refused(node) == hosts
