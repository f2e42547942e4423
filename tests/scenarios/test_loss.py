"""A network that loses, repeats and reorders: every call still ends, at both ends, and nothing of it stays behind.

Minutes of virtual time, hundreds of calls: phones register, call each other, hold, give up, refuse, let it ring and
hang up, all at once, over a network that loses one datagram in ten.
"""

import pytest

from administering import Administering
from scenarios.damage import Damage
from scenarios.simulated import NODE_ADDRESS, PHONES, SimulatedNode, SimulatedPhone
from sipwright.transport import MemoryNetwork

CALLS = 150
REST = 1_000.0
"""Seconds of silence at the end, in which even a call whose BYE is lost for good is found out by asking its ends."""


def lossy(seed, drop):
    """Make a network that loses a share of all datagrams, repeats some and lets some overtake others."""
    return MemoryNetwork(seed, drop=drop, duplicate=0.05, reorder=0.1)


class DamagingNetwork(MemoryNetwork):
    """Loses nothing, but damages some of what phones send."""

    def __init__(self, seed, share):
        super().__init__(seed)
        self.damage, self.share = Damage(seed), share

    def carry(self, source, remote, data):
        """Take a message on its way, and perhaps drop it on the floor meanwhile."""
        if remote == NODE_ADDRESS and self.damage.random.random() < self.share:
            data = self.damage.to(data)
        super().carry(source, remote, data)


async def simulate(store, seed, network):
    """Let all phones register, call each other for a minute and come to rest."""
    node = SimulatedNode(network, store, seed=seed)
    # The last two accounts have two phones each, so that calls fork.
    accounts = [f"phone{number}" for number in range(PHONES)] + [f"phone{PHONES - 1}", f"phone{PHONES - 2}"]
    phones = [
        SimulatedPhone(network, f"198.51.100.{number}", account, seed=seed)
        for number, account in enumerate(accounts, 1)
    ]
    for phone in phones:
        phone.register()
    await node.run(20)
    chance = phones[0].chance
    calls = []
    for _ in range(CALLS):
        caller, callee = chance.sample(phones, 2)
        give_up_after = chance.uniform(0.1, 5.0) if chance.random() < 0.2 else None
        calls.append(caller.call(callee.account, give_up_after=give_up_after))
        await node.run(0.4)
    await node.run(REST)
    return node, phones, calls


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_call_ends_though_one_datagram_in_ten_is_lost(store, seed):
    node, phones, calls = await simulate(store, seed, lossy(seed, 0.1))

    everything = [call for phone in phones for call in phone.calls.values()]
    assert node.network.dropped > 100
    assert [phone.account for phone in phones if not phone.registered] == []
    assert [call for call in calls if call.outcome is None] == []
    assert [call for call in everything if call.dialog is not None and call.outcome is None] == []
    assert node.left_over() == dict.fromkeys(node.left_over(), 0)
    assert [len(phone.stack.layer) for phone in phones] == [0] * len(phones)


async def test_the_database_tells_how_each_call_ended(store):
    node, _, calls = await simulate(store, 7, lossy(7, 0.1))

    records = {row["sip_call_id"]: row for row in await Administering(store).list_cdrs() if row["leg"] == 0}
    assert await store.load_calls("node1") == []
    assert all(row["status"] is not None and row["ended_at"] is not None for row in records.values())
    assert [tell(call, records.get(call.call_id)) for call in calls] == ["agrees"] * len(calls)
    assert node.pipeline.failed == 0


def tell(call, record):
    """Compare what the caller has seen of its call with what the database says of it."""
    if record is None:
        return "agrees" if call.outcome == "refused 408" else f"no record of a call that {call.outcome}"
    if call.dialog is not None and record["answered_at"] is None:
        return "answered, and the record does not say so"
    if (
        call.dialog is None
        and record["answered_at"] is None
        and call.outcome not in (f"refused {record['status']}", "refused 408")
    ):
        return f"{call.outcome}, and the record says {record['status']}"
    return "agrees"


async def test_a_network_that_hardly_works_leaves_nothing_behind_either(store):
    """With four datagrams in ten lost some calls cannot be set up, and some phones wait in vain, but not the switch."""
    node, _, calls = await simulate(store, 11, lossy(11, 0.4))

    assert [call for call in calls if call.outcome is None and call.dialog is None] == []
    assert node.left_over() == dict.fromkeys(node.left_over(), 0)
    assert await store.load_calls("node1") == []


@pytest.mark.parametrize("seed", [1, 2])
async def test_damaged_datagrams_leave_nothing_behind(store, seed):
    """One in ten arrives damaged, in any phase of a call; whatever the switch makes of it, it comes to an end."""
    node, _, _ = await simulate(store, seed, DamagingNetwork(seed, 0.1))

    assert node.stack.snapshot().malformed > 50
    assert node.left_over() == dict.fromkeys(node.left_over(), 0)
    assert await store.load_calls("node1") == []
