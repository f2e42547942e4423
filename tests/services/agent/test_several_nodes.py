"""Nodes that are killed, paused and started again at random: a provider sees one client, and never none for long."""

from __future__ import annotations

import itertools
import random

import pytest

from sipwright.cluster.sharing import chosen

PROVIDERS = range(1, 6)
LOST_AFTER = 10.0
GRANTED = 60
TEN_MINUTES = 600.0
HOSTS = {"a": "192.0.2.1", "b": "192.0.2.2", "c": "192.0.2.3"}


class FencedWriter:
    """The writer of one node, whose rows count as long as nobody has taken over from it."""

    def __init__(self, records):
        self._records = records
        self.is_fenced = False

    def put(self, kind, key, row, on_commit=None):
        if not self.is_fenced:
            self._records.put(kind, key, row, on_commit)


class Nodes:
    """Several nodes, of which the test ends some; what a node that was taken over from would write is gone."""

    def __init__(self, world, names):
        self.world = world
        self.names = names
        self.living = {}
        self.writers = {}
        self.most_at_once = 0
        self.longest_lapse = 0.0
        self._absent = dict.fromkeys(PROVIDERS, 0.0)

    async def start(self, name):
        writer = FencedWriter(self.world.records)
        node = await self.world.start(
            name,
            HOSTS[name],
            is_share=lambda provider: chosen(str(provider), self.living) == name,
            may_act=lambda: not writer.is_fenced,
        )
        node.agent._writer = writer
        self.living[name], self.writers[name] = node, writer

    async def end(self, name):
        """Kill a node."""
        node = self.living.pop(name)
        self.world.nodes.remove(node)
        await node.stop()

    def take_over(self, name):
        """Let another node take over, as in one transaction."""
        self.writers[name].is_fenced = True
        heir = min(self.living)
        rows = [row._replace(node=heir) for row in self.world.records.rows.values() if row.node == name]
        self.world.records.rows |= {row.provider_id: row for row in rows}
        self.living[heir].agent.adopt(rows)

    async def kill(self, name):
        await self.end(name)
        await self.wait(LOST_AFTER)
        self.take_over(name)
        await self.wait(5.0)
        await self.start(name)

    async def pause(self, name):
        """Stop a node for 15 seconds: what it sends in between, it does not send."""
        node, writer = self.living[name], self.writers[name]
        send, node.udp.send = node.udp.send, lambda flow, data: None
        before, node.agent._attempts._may_act = node.agent._attempts._may_act, lambda: False
        del self.living[name]
        await self.wait(LOST_AFTER)
        self.take_over(name)
        await self.wait(5.0)
        node.udp.send, node.agent._attempts._may_act = send, before
        await self.wait(0.5)  # the zombie has not asked yet whether it is one
        assert writer.is_fenced
        self.living[name] = node
        await self.end(name)
        await self.start(name)

    async def restart(self, name):
        await self.end(name)
        await self.wait(2.0)
        await self.start(name)

    async def wait(self, seconds):
        """Let time pass, and look all the time at what the provider sees."""
        for _ in range(int(seconds * 2)):
            await self.world.run(0.5)
            bound = self.world.registrar.bindings
            now = self.world.network.now
            for provider in PROVIDERS:
                contacts = bound.get(f"sip:{provider}@192.0.2.9", {})
                there = [uri for uri, until in contacts.items() if until > now]
                self.most_at_once = max(self.most_at_once, len(there))
                self._absent[provider] = 0.0 if there else self._absent[provider] + 0.5
                self.longest_lapse = max(self.longest_lapse, self._absent[provider])


@pytest.mark.parametrize("names", ["ab", "abc"])
@pytest.mark.parametrize("seed", range(3))
async def test_a_provider_sees_one_client_whatever_dies(world, names, seed):
    dice = random.Random(seed)
    world.registrar.granted = GRANTED
    for provider in PROVIDERS:
        world.add(provider, username=str(provider))
    nodes = Nodes(world, names)
    for name in names:
        await nodes.start(name)
    await nodes.wait(40.0)
    nodes.longest_lapse = 0.0
    while world.network.now < TEN_MINUTES + 1_000.0:
        await getattr(nodes, dice.choice(["kill", "pause", "restart"]))(dice.choice(names))
        await nodes.wait(dice.uniform(1.0, 30.0))

    for provider in PROVIDERS:
        sent = [
            (request.call_id, request.cseq.number)
            for request in world.requests
            if request.to.uri.user == str(provider)
        ]
        assert len({call_id for call_id, _ in sent}) == 1
        assert all(later > earlier for (_, earlier), (_, later) in itertools.pairwise(sent))
    assert nodes.most_at_once == 1
    assert nodes.longest_lapse <= LOST_AFTER
