"""Where providers call from, and how the names of their servers are followed."""

from __future__ import annotations

import asyncio

import pytest
from tests.services.switch.conftest import Accounts, Provider

from sipwright.services.switch.dialling.provider_addresses import (
    KEPT_FOR,
    LONGEST_WAIT,
    REFRESH_EVERY,
    ProviderAddresses,
)
from sipwright.stack import Pipeline, Stack
from sipwright.transport import MemoryNetwork, Resolver


class World:
    """Providers, a DNS, and virtual time."""

    def __init__(self):
        self.network = MemoryNetwork()
        self.accounts = Accounts()
        self.names = {}
        self.asked = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.stack = Stack(
            [self.network.transport("10.0.0.1", 5060)], Pipeline(), Resolver(self.look_up, clock=self.network.clock),
            clock=self.network.clock, call_later=self.network.call_later,
        )  # fmt: skip
        self.addresses = ProviderAddresses(self.accounts, self.stack)

    async def look_up(self, name):
        self.asked.append(name)
        await self.answering.wait()
        return self.names.get(name, []), 60.0

    def add(self, name, server, **options):
        provider = self.accounts.providers[name] = Provider(name, server, **options)
        self.addresses.changed(provider.id, provider.id)
        return provider

    def at(self, host):
        return [provider.name for provider in self.addresses.at(host)]

    async def run(self, seconds=0.0):
        await self.network.run(seconds)
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
async def world():
    world = World()
    yield world
    await world.stack.close()


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("203.0.113.1", ["v4", "wide"]),
        ("203.0.113.9", ["wide"]),
        ("::ffff:203.0.113.1", ["v4", "wide"]),
        ("2001:db8::7", ["v6"]),
        ("2001:db8:1::7", []),
        ("198.51.100.7", ["server"]),
        ("198.51.100.8", ["server"]),
        ("192.0.2.1", []),
        ("not an address", []),
    ],
)
async def test_an_address_is_that_of_servers_proxies_and_networks(world, host, names):
    world.add("v4", "x", networks=("203.0.113.0/29",))
    world.add("wide", "x", networks=("203.0.113.0/24",))
    world.add("v6", "x", networks=("2001:db8::/64",))
    world.add("server", "198.51.100.7:5080", outbound_proxy="SIP:198.51.100.8;lr")

    assert world.at(host) == names


async def test_a_provider_that_changes_or_goes_is_followed(world):
    provider = world.add("trunk", "198.51.100.7", networks=("203.0.113.0/29",))
    provider.server, provider.networks = "198.51.100.8", ()
    world.addresses.changed(0, 1 << 31)
    assert [world.at(host) for host in ("198.51.100.7", "198.51.100.8", "203.0.113.1")] == [[], ["trunk"], []]

    provider.is_enabled = False
    assert world.at("198.51.100.8") == []
    del world.accounts.providers["trunk"]
    world.addresses.changed(provider.id, provider.id)
    assert world.at("198.51.100.8") == []


async def test_names_are_looked_up_ahead_and_followed(world):
    """What the DNS has named counts for an hour more: many names have more addresses than an answer holds."""
    world.names["sip.b.example"] = ["198.51.100.1"]
    world.add("trunk", "sip.b.example")
    world.add("same", "sip.b.example")
    world.addresses.start()
    await world.run()
    assert (world.at("198.51.100.1"), world.asked) == (["trunk", "same"], ["sip.b.example"])

    world.names["sip.b.example"] = ["198.51.100.2"]
    await world.run(60.0 + REFRESH_EVERY)
    assert [world.at(f"198.51.100.{n}") for n in (1, 2)] == [["trunk", "same"]] * 2

    await world.run(KEPT_FOR + 60.0 + REFRESH_EVERY)
    assert [world.at(f"198.51.100.{n}") for n in (1, 2)] == [[], ["trunk", "same"]]


async def test_a_dns_that_is_away_changes_nothing(world):
    world.names["sip.b.example"] = ["198.51.100.1"]
    world.add("trunk", "sip.b.example")
    world.addresses.start()
    await world.run()
    world.names.clear()
    await world.run(600.0)

    assert world.at("198.51.100.1") == ["trunk"]


async def test_until_names_are_known_a_call_waits_for_them(world):
    world.names["sip.b.example"] = ["198.51.100.1"]
    world.add("known", "203.0.113.1")
    world.add("trunk", "sip.b.example")
    world.answering.clear()
    world.addresses.start()
    assert world.addresses.wait_for("203.0.113.1") is None
    waiting = asyncio.ensure_future(world.addresses.wait_for("198.51.100.1"))
    await world.run()
    assert not waiting.done()

    world.answering.set()
    await world.run()
    assert waiting.done()
    assert world.at("198.51.100.1") == ["trunk"]
    assert world.addresses.wait_for("192.0.2.1") is None


async def test_it_does_not_wait_for_long(world, monkeypatch):
    monkeypatch.setattr("sipwright.services.switch.dialling.provider_addresses.LONGEST_WAIT", 0.01)
    world.add("trunk", "sip.b.example")
    world.answering.clear()
    world.addresses.start()
    await world.addresses.wait_for("198.51.100.1")

    assert LONGEST_WAIT == 4.0
    assert world.at("198.51.100.1") == []


async def test_a_name_that_nobody_has_is_not_waited_for_again(world):
    world.add("trunk", "sip.typo.example")
    world.addresses.start()
    await world.run()

    assert world.addresses.wait_for("198.51.100.1") is None


async def test_one_that_is_added_while_calls_come_is_looked_up_at_once(world):
    world.names["sip.b.example"] = ["198.51.100.1"]
    world.addresses.start()
    world.add("trunk", "sip.b.example")
    await world.run()

    assert world.at("198.51.100.1") == ["trunk"]


async def test_whoever_has_accepted_our_registration_may_call(world):
    provider = world.add("trunk", "sip.b.example")
    world.addresses.registered(provider.id, "198.51.100.9")
    assert world.at("198.51.100.9") == ["trunk"]

    world.addresses.registered(provider.id, None)
    assert world.at("198.51.100.9") == []
