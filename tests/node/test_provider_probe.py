"""Providers that are asked for OPTIONS: those that answer them, those that only register, and those that are away."""

from types import SimpleNamespace

import pytest

from sipwright.monitor.probes.result import Lost
from sipwright.node.provider_probe import AT_ONCE, ProviderProbes


def provider(number=1, register=False):
    return SimpleNamespace(
        id=number, user_id=1, name=f"p{number}", server="sip.example.net", outbound_proxy=None, register=register,
        username="u", realm=None,
    )  # fmt: skip


class Probes(ProviderProbes):
    """Probes whose OPTIONS are answered as `answers` says."""

    def __init__(self, standing=("", None), outage=None):
        agent = SimpleNamespace(standing=lambda number: self.standing)
        servers = SimpleNamespace(outage_of=lambda owner: outage)
        super().__init__(None, agent, servers, None)
        self.standing = standing
        self.answer = None

    async def _options(self, asked):
        if self.answer is None:
            raise Lost("no answer to OPTIONS")
        return self.answer

    async def ask(self, one):
        return await self.probes([("provider/a/b", one)])["provider/a/b"]()


async def test_one_that_has_answered_is_lost_when_it_answers_no_more():
    probes = Probes()
    assert await probes.ask(provider()) is None
    probes.answer = 12.0
    assert await probes.ask(provider()) == 12.0
    probes.answer = None
    with pytest.raises(Lost, match="no answer to OPTIONS"):
        await probes.ask(provider())


async def test_one_that_answers_no_options_is_as_its_registration_is():
    probes = Probes(standing=("registered", None))
    assert await probes.ask(provider(register=True)) == 0.0
    probes.standing = ("failed", "403 Forbidden")
    with pytest.raises(Lost, match="does not accept our registration: 403 Forbidden"):
        await probes.ask(provider(register=True))


async def test_one_that_calls_could_not_reach_is_lost_also_after_a_restart():
    with pytest.raises(Lost, match="no answer to INVITE"):
        await Probes(outage=SimpleNamespace(reason="no answer to INVITE")).ask(provider())


def test_where_there_are_many_each_has_its_turn():
    probes, there = Probes(), [(f"provider/a/{n}", provider(n)) for n in range(2 * AT_ONCE + 1)]
    turns = [{part for part, probe in probes.probes(there).items() if probe is not None} for _ in range(3)]

    assert max(map(len, turns)) <= AT_ONCE
    assert set.union(*turns) == {part for part, _ in there}
