"""Asks others for OPTIONS by the ways that calls take: providers, where they answer them, and the other nodes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from sipwright.monitor.probes.phone import PATIENCE
from sipwright.monitor.probes.prober import Probe
from sipwright.monitor.probes.result import Lost
from sipwright.services.agent import Agent
from sipwright.services.agent.provider import Place
from sipwright.services.ports import ProviderView
from sipwright.services.switch import DeadServers
from sipwright.services.trust import TrustIn
from sipwright.sip import ParseError, Uri
from sipwright.stack import Exchange, Stack, ping
from sipwright.transport import Flow
from sipwright.transport.flow import Trust

__all__ = ["AT_ONCE", "ProviderProbes", "ask_options"]

AT_ONCE = 50
"""Providers that are asked in one round; where there are more, each is asked more seldom."""


class ProviderProbes:
    """The probes of all providers; of one that has never answered OPTIONS its registration tells how it stands."""

    def __init__(self, stack: Stack, agent: Agent, servers: DeadServers, trust: TrustIn) -> None:
        self._stack = stack
        self._agent = agent
        self._servers = servers
        self._trust = trust
        self._answering: set[int] = set()
        self._round = 0

    def probes(self, named: Iterable[tuple[str, ProviderView]]) -> dict[str, Probe | None]:
        """Return the probes of this round, by the names of their parts."""
        there = list(named)
        self._answering &= {provider.id for _, provider in there}
        rounds = -(-len(there) // AT_ONCE)
        self._round += 1
        return {
            part: self._probe(provider) if number % rounds == self._round % rounds else None
            for number, (part, provider) in enumerate(there)
        }

    def _probe(self, provider: ProviderView) -> Probe:
        async def ask() -> float | None:
            return await self._ask(provider)

        return ask

    async def _ask(self, provider: ProviderView) -> float | None:
        """Return the milliseconds until its answer, 0 where only a registration says that it is there."""
        owner = provider.user_id, provider.name
        state, why = self._agent.standing(provider.id)
        try:
            took = await self._options(provider)
        except Lost:
            outage = self._servers.outage_of(owner)
            if provider.id in self._answering:
                raise
            if outage is not None:
                raise Lost(outage.reason) from None
            if not state:
                return None
            took = 0.0
        else:
            self._answering.add(provider.id)
        if state in ("failed", "stopped"):
            raise Lost(f"it does not accept our registration: {why or state}")
        return took

    async def _options(self, provider: ProviderView) -> float:
        try:
            place = Place.of(provider)
        except ParseError as error:
            raise Lost(f"its server cannot be read: {error}") from None
        uri = place.proxy or place.registrar
        return await ask_options(self._stack, uri, self._trust((provider.user_id, provider.name), uri))


async def ask_options(stack: Stack, uri: Uri, trust: Trust | None = None) -> float:
    """Ask for OPTIONS (RFC 3261 §11), and return the milliseconds until the answer, whatever it says.

    Raises:
        Lost: There was none.
    """
    began = time.perf_counter()
    reached: asyncio.Future[Flow | None] = asyncio.get_running_loop().create_future()
    stack.outbound.reach_provider(
        uri, lambda target, flow: None if reached.done() else reached.set_result(flow), trust
    )
    try:
        async with asyncio.timeout(PATIENCE):
            flow = await reached
            if flow is None:
                raise Lost(f"no way to {uri.host}: {stack.outbound.why_no_way(uri)}")
            exchange = Exchange()
            ping(stack, str(uri), flow, exchange)
            response = await exchange.final
    except TimeoutError:
        raise Lost(f"no answer to OPTIONS within {PATIENCE:g} s") from None
    if response.local:
        raise Lost(f"no answer to OPTIONS: {response.reason}")
    return round((time.perf_counter() - began) * 1_000, 3)
