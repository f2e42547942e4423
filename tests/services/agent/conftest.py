"""A registrar on a memory network, and an agent that keeps registrations there; time is a number."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from sipwright.services.agent import Agent, Registration
from sipwright.services.agent.provider import Place
from sipwright.sip import Credentials, Reject, Response, digest, make_response, parse
from sipwright.sip.digest import challenge, ha1
from sipwright.stack import Pipeline, Stack
from sipwright.store import RegistrationRow
from sipwright.transport import MemoryNetwork, Resolver

UNIX = 1_763_640_000.0
PASSWORD = "secret"


@dataclass(frozen=True)
class FakeProvider:
    id: int = 1
    name: str = "trunk"
    server: str = "192.0.2.9"
    username: str = "353123"
    auth_username: str | None = None
    password: str = field(default=PASSWORD, repr=False)
    register: bool = True
    realm: str | None = None
    outbound_proxy: str | None = None
    is_enabled: bool = True
    user_id: int = 1
    contact_token: str = "0f5a"
    tls_verify: str | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    account_id: int | None = None

    @property
    def registration_settings(self):
        return (
            self.server,
            self.username,
            self.auth_username,
            self.password,
            self.realm,
            self.outbound_proxy,
        )


class FakeRecords:
    """The table `registrations` as a dictionary, shared by all nodes; it is also the writer and the directory."""

    def __init__(self):
        self.rows: dict[int, RegistrationRow] = {}
        self.troubles: dict[int, str | None] = {}
        self.by_id: dict[int, FakeProvider] = {}
        self.is_away = self.is_full = False
        self.claims: list[list[int]] = []

    # Records

    async def load(self, node):
        return [row for row in self.rows.values() if row.node == node]

    async def claim(self, node, provider_ids, now, lease, grace):
        self._check()
        self.claims.append(list(provider_ids))
        await asyncio.sleep(0)
        for one in provider_ids:
            row = self.rows.get(one)
            if row is None:
                blank = (None,) * 6
                self.rows[one] = RegistrationRow(one, node, "registering", *blank, now)
                continue
            end = row.expires_at if row.state == "registered" else row.updated_at + lease
            if row.node in (None, node) or end < now - grace:
                is_left = row.node is None and row.state == "registered"
                state = row.state if row.state == "stopped" or is_left else "registering"
                self.rows[one] = row._replace(node=node, state=state, updated_at=now)
        return [self.rows[one] for one in provider_ids if self.rows[one].node == node]

    async def claimed_by_others(self, node):
        self._check()
        return [row for row in self.rows.values() if row.node not in (None, node)]

    async def takers(self, provider_ids):
        self._check()
        return {one: self.troubles.get(one) for one in provider_ids}

    def _check(self):
        if self.is_away:
            raise OSError("the database is away")

    # Writer

    def put(self, kind, key, row, on_commit=None):
        assert kind == "registration"
        if self.is_full:
            raise Reject(503)
        if row is None:
            self.rows.pop(key, None)
        else:
            assert row[0] == key
            self.rows[key] = RegistrationRow(*row)
        if on_commit is not None:
            on_commit()

    # Providers

    def provider_by_id(self, provider_id):
        return self.by_id.get(provider_id)

    def providers(self):
        return self.by_id.values()


class Registrar:
    """Answers REGISTERs as `answer` says, and keeps bindings as RFC 3261 §10.3 has it."""

    def __init__(self, network, host="192.0.2.9", port=5060, protocol="udp"):
        self.network = network
        self.transport = network.transport(host, port, protocol)
        self.transport.on_message = self._receive
        self.requests = []
        self.times = []
        self.bindings: dict[str, dict[str, float]] = {}
        self.granted = 3600
        self.answer = self.accept
        self.realm = None
        self.algorithm = "MD5"
        self.is_silent = False
        self.service_route = None

    def _receive(self, data, flow):
        request = parse(data)
        if isinstance(request, Response) or self.is_silent:
            return
        self.requests.append(request)
        self.times.append(self.network.now)
        response = self.check(request) or self.answer(request)
        flow.send(bytes(response))

    def check(self, request):
        """Challenge a request without credentials, refuse one with the wrong ones."""
        if self.realm is None:
            return None
        value = request.headers.get("Authorization")
        if value is None:
            return self.refuse(request, 401, self.challenge())
        credentials = Credentials.parse(value)
        secret = ha1(credentials.params["username"], self.realm, PASSWORD, self.algorithm)
        is_right = digest.verify(credentials, "REGISTER", request.uri_text, secret, self.algorithm)
        return None if is_right else self.refuse(request, 401, self.challenge())

    def challenge(self):
        return ("WWW-Authenticate", challenge(self.realm, f"n{len(self.requests)}", self.algorithm))

    def refuse(self, request, status, *headers, reason=None):
        return make_response(request, status, reason, to_tag="r", headers=headers)

    def accept(self, request):
        bindings = self.bindings.setdefault(str(request.to.uri), {})
        for contact in request.contacts:
            asked = contact.params.get("expires", request.expires)
            bindings.pop(str(contact.uri), None)
            if int(asked):
                bindings[str(contact.uri)] = self.network.now + min(int(asked), self.granted)
        headers = [
            ("Contact", f"<{uri}>;expires={round(until - self.network.now)}")
            for uri, until in bindings.items()
        ]
        if self.service_route is not None:
            headers.append(("Service-Route", self.service_route))
        return self.refuse(request, 200, *headers)

    @property
    def contacts(self):
        """All contacts that are bound now."""
        every = [item for bindings in self.bindings.values() for item in bindings.items()]
        return [uri for uri, until in every if until > self.network.now]


class Node:
    """One agent on a stack of its own."""

    def __init__(self, world, name="a", host="192.0.2.1", *, has_tcp=False, **options):
        self.world = world
        network = world.network
        self.udp, self.tcp = network.transport(host, 5060), network.transport(host, 5060, "tcp")
        self.stack = Stack(
            (self.udp, self.tcp) if has_tcp else (self.udp,), Pipeline([]), Resolver(self.lookup, clock=network.clock),
            clock=network.clock, call_later=network.call_later,
        )  # fmt: skip
        self.lookups = 0
        self.agent = Agent(
            self.stack, world.records, world.records, world.records,
            node=name, wall_clock=world.unix_time, chance=lambda: 0.5,
            on_registered=world.addresses.__setitem__, on_route=world.routes.__setitem__, **options,
        )  # fmt: skip

    async def lookup(self, name):
        self.lookups += 1
        return self.world.names.get(name, []), 60.0

    async def stop(self):
        """End it as SIGTERM does."""
        self.agent.close()
        await self.stack.close()
        for transport in (self.udp, self.tcp):
            self.world.network.detach(transport)


class World:
    def __init__(self):
        self.network = MemoryNetwork()
        self.records = FakeRecords()
        self.registrar = Registrar(self.network)
        self.names: dict[str, list[str]] = {}
        self.addresses: dict[int, str | None] = {}
        self.routes: dict[int, str | None] = {}
        self.nodes: list[Node] = []

    def unix_time(self):
        return self.network.now + UNIX

    def add(self, provider_id=1, trouble=None, **settings):
        provider = FakeProvider(id=provider_id, account_id=10 + provider_id, **settings)
        self.records.by_id[provider_id] = provider
        self.records.troubles[provider_id] = trouble
        return provider

    def change(self, provider_id=1, **settings):
        """Change a provider and tell the nodes."""
        self.records.by_id[provider_id] = replace(self.records.by_id[provider_id], **settings)
        self.tell(provider_id)

    def remove(self, provider_id=1):
        """Remove a provider and its row, as the command line does, and tell the nodes."""
        del self.records.by_id[provider_id]
        self.records.rows.pop(provider_id, None)
        self.tell(provider_id)

    def tell(self, provider_id=1):
        for node in self.nodes:
            node.agent.providers_changed(provider_id, provider_id)

    async def start(self, name="a", host="192.0.2.1", **options):
        node = Node(self, name, host, **options)
        self.nodes.append(node)
        await node.agent.load()
        await node.agent.start()
        return node

    async def restart(self, seconds=0.0, **options):
        """Stop the last node, let time pass, and start it anew."""
        await self.nodes.pop().stop()
        await self.run(seconds)
        return await self.start(**options)

    async def run(self, seconds):
        await self.network.run(seconds)

    @property
    def row(self):
        return self.records.rows.get(1)

    @property
    def requests(self):
        return self.registrar.requests

    def waits(self):
        """How long was waited between the requests."""
        times = self.registrar.times
        return [round(later - earlier, 1) for earlier, later in pairwise(times)]


@pytest.fixture
async def world():
    world = World()
    yield world
    for node in world.nodes:
        await node.stop()


@pytest.fixture
def new_registration():
    """Make a registration at instant 100."""

    def make(trouble=None, **settings):
        provider = FakeProvider(**settings)
        return Registration(provider, Place.of(provider), trouble, "call-id", "tag", 100.0)

    return make
