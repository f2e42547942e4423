"""Phones that answer nonsense: whatever they say, when all timers have run out nothing of their calls is left."""

from dataclasses import dataclass, field

import pytest

from scenarios.damage import Damage, answers_to
from scenarios.simulated import SimulatedNode, SimulatedPhone
from sipwright.sip import ParseError, Request, parse
from sipwright.transport import MemoryNetwork

CALLS = 150
RING = 20.0


@dataclass
class DamagedPhone:
    """Answers the INVITEs that reach an address, each answer damaged; then it may fall silent."""

    network: MemoryNetwork
    host: str
    damage: Damage
    port: int = 5060
    answered: int = 0
    seen: set = field(default_factory=set)

    def take_over(self):
        """Attach to the network in place of whoever was there."""
        self.transport = self.network.transport(self.host, self.port)
        self.transport.on_message = self.receive

    def receive(self, data, flow):
        """Take a message; repeated ones are not answered again, nor is everything else."""
        try:
            request = parse(data)
        except ParseError:
            return
        key = (str(request.cseq), request.call_id)
        if not isinstance(request, Request) or key in self.seen or self.damage.random.random() < 0.2:
            return
        self.seen.add(key)
        for delay, message in enumerate(answers_to(request, self, self.damage.random)):
            self.answered += 1
            self.network.call_later(delay * 0.05, lambda damaged=self.damage.to(message): flow.send(damaged))


async def simulate(store, seed):
    """Let a phone call another one that has lost its mind, and wait until everything must have come to rest."""
    network = MemoryNetwork(seed)
    node = SimulatedNode(network, store, seed=seed, ring=RING)
    caller = SimulatedPhone(network, "198.51.100.1", "phone0", seed=seed)
    callee = SimulatedPhone(network, "198.51.100.2", "phone1", seed=seed)
    caller.register()
    callee.register()
    await node.run(1)
    broken = DamagedPhone(network, "198.51.100.2", Damage(seed))
    broken.take_over()
    calls = []
    for _ in range(CALLS):
        calls.append(caller.call("phone1", give_up_after=RING / 2 if caller.chance.random() < 0.3 else None))
        await node.run(0.2)
    await node.run(300)
    return node, calls, broken


@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_is_left_of_calls_to_a_phone_that_answers_nonsense(store, seed):
    node, calls, broken = await simulate(store, seed)

    assert broken.answered > CALLS
    assert [call for call in calls if call.outcome is None] == []
    assert node.left_over() == dict.fromkeys(node.left_over(), 0)
    assert await store.load_calls("node1") == []
