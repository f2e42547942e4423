"""A node asks itself whether it works: by the ways that phones take, to a phone inside the node that never rings.

edge: OPTIONS · registrar: a REGISTER of a probe account · switch: a call through a dialplan to the phone of the other ·
database: a write · sandbox: a script · provider/USER/NAME: OPTIONS, where it answers them · edge@NODE: OPTIONS to
another node.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import structlog

from sipwright.monitor.probes.phone import PATIENCE, Identity, ProbePhone
from sipwright.monitor.probes.prober import Probe
from sipwright.monitor.probes.result import Lost
from sipwright.services.dialplan.language.values import Call, Inputs
from sipwright.services.dialplan.sandbox.job import Job
from sipwright.services.dialplan.sandbox.program import program
from sipwright.services.dialplan.sandbox.result import Failed, Result
from sipwright.services.own_probes import NODE_USER, PROBE_DOMAIN, sign_of_life
from sipwright.services.trust import trust_in
from sipwright.sip import ParseError, Reject, Uri
from sipwright.stack import Incoming
from sipwright.store.schema.entities import HA1_COLUMNS, Account, Dialplan, account_place
from sipwright.transport import Target
from sipwright.transport.flow import is_wildcard

from .provider_probe import ProviderProbes, ask_options

if TYPE_CHECKING:
    from sipwright.config import Settings
    from sipwright.services.agent import Agent
    from sipwright.services.switch import Switch
    from sipwright.stack import Stack
    from sipwright.store import Store

    from .directory_views import ServedNames
    from .refusals import Refusals
    from .script_bridge import Scripts

__all__ = ["Probed", "SelfProbes"]

log = structlog.get_logger(__name__)

CALLEE, CALLER = -1, -2
PLAN = -1
RING = 4

MOST_PORTS = 24
"""Ports that are tried in one round for one from which the kernel brings a probe to this worker."""

ANSWERED_WITHIN = 0.3
"""Seconds that whoever gets it then has to say so; a worker that is being started again does not."""

_COMPUTES = 'respond(486, "probe " + str(sum(range(10))))\n'
"""What the sandbox has to compute: a worker has to, as such a sum is not computed in place."""


class Probed(Protocol):
    """The parts of a node that are asked."""

    settings: Settings
    store: Store
    stack: Stack
    names: ServedNames
    refusals: Refusals
    scripts: Scripts
    switch: Switch
    agent: Agent

    @property
    def is_beside_others(self) -> bool:
        """Whether other workers listen on the same ports."""


class SelfProbes:
    """The probes of one node; `open` before anything is asked."""

    def __init__(self, node: Probed) -> None:
        self._node = node
        token = secrets.token_hex(12)  # so that nobody outside can name them
        self._callee = Identity(f"phone-{token}", PROBE_DOMAIN, secrets.token_hex(16))
        self._caller = Identity(f"caller-{token}", PROBE_DOMAIN, secrets.token_hex(16))
        self.phone: ProbePhone | None = None
        self._is_reached = True
        """What the phone says comes to this process."""
        self._providers = ProviderProbes(
            node.stack, node.agent, node.switch.servers, lambda owner, uri: trust_in(node.names, owner, uri)
        )
        self.edges: Mapping[str, list[str]] = {}
        """Where the edges of the other nodes are, by their names."""
        self._inputs = Inputs.of(
            Call("probe", "out", "", "", "probe", 0), method="INVITE", uri="sip:probe@probe.invalid", user="probe",
            host=PROBE_DOMAIN,
        )  # fmt: skip

    async def open(self) -> None:
        """Make the accounts, and take a socket."""
        node = self._node
        source = f'dial("{self._callee.name}@{PROBE_DOMAIN}", ring={RING})\n'
        plan = Dialplan(PLAN, NODE_USER, "probe", 1, source)
        accounts = (self._account(CALLEE, self._callee, None), self._account(CALLER, self._caller, PLAN))
        node.store.directory.put_own(accounts, plan)
        node.refusals.is_probe = self._is_ours
        target = self._target()
        if target is None:
            log.info("no probes of edge, registrar and switch: there is no socket for UDP or TCP")
            return
        self.phone = await self._new_phone(target)

    async def _new_phone(self, target: Target) -> ProbePhone:
        phone = ProbePhone(
            target, host=target.host, caller=self._caller, callee=self._callee, patience=PATIENCE
        )
        await phone.open()
        return phone

    async def find_way(self) -> None:
        """Let the phone speak from a port by which it comes to this worker: the kernel chooses by both addresses.

        The accounts of the probes are those of this process alone, so another one would refuse them.
        """
        target = self._target()
        if not self._node.is_beside_others or self.phone is None or target is None:
            return
        self._is_reached = False
        for _ in range(MOST_PORTS):
            self.phone.patience = ANSWERED_WITHIN
            self._is_reached = await self.phone.is_answered_by(self._node.stack, f"sip:{PROBE_DOMAIN}")
            self.phone.patience = PATIENCE
            if self._is_reached:
                return
            await self.phone.close()
            self.phone = await self._new_phone(target)

    async def close(self) -> None:
        """Give the socket back."""
        if self.phone is not None:
            await self.phone.close()

    def probes(self) -> dict[str, Probe | None]:
        """Return what is to be asked in this round."""
        found: dict[str, Probe | None] = {
            f"edge@{name}": self._edge(uris) for name, uris in self.edges.items()
        }
        phone = self.phone
        if phone is not None:
            found["edge"] = lambda: phone.options(f"sip:{PROBE_DOMAIN}", is_call_wanted=False)
            found["registrar"] = phone.register if self._is_reached else None
            found["switch"] = phone.call if self._is_reached else None
        found["database"] = self._database
        found["sandbox"] = self._sandbox
        directory = self._node.store.directory
        named = [
            (f"provider/{owner.name}/{provider.name}", provider)
            for provider in directory.providers()
            if provider.is_enabled and (owner := directory.users.get(provider.user_id)) is not None
        ]
        return found | self._providers.probes(named)

    def _edge(self, uris: list[str]) -> Probe:
        """Return what asks the edge of another node, by the first of its addresses that can be read."""

        async def ask() -> float | None:
            for text in uris:
                try:
                    return await ask_options(self._node.stack, Uri.parse(text))
                except ParseError:
                    continue
            return None

        return ask

    def _is_ours(self, incoming: Incoming) -> bool:
        return self.phone is not None and incoming.source == self.phone.source

    def _account(self, number: int, who: Identity, plan: int | None) -> Account:
        keys = self._node.store.keys
        place = account_place(HA1_COLUMNS["MD5"], who.name, who.domain)
        sealed = keys.seal(bytes.fromhex(who.ha1(who.domain, "MD5")), place)
        return Account(
            id=number, user_id=NODE_USER, username=who.name, domain=who.domain, out_plan=plan, in_plan=None,
            algorithm="MD5", is_enabled=True, most_calls=None, do_not_disturb=None, _sealed_ha1=sealed, _keys=keys,
        )  # fmt: skip

    def _target(self) -> Target | None:
        """Return where this node listens, seen from this machine."""
        for protocol in ("udp", "tcp"):
            for transport in self._node.stack.transports:
                if transport.protocol == protocol:
                    host, port = transport.local
                    if is_wildcard(host):
                        host = "::1" if ":" in host else "127.0.0.1"
                    return Target(protocol, host, port)
        return None

    async def _database(self) -> float:
        name = self._node.settings.node

        def write(done: Callable[[], None]) -> None:
            self._node.store.writer.put("rollup", (0, 0, name), sign_of_life(name), done)

        try:
            return await _timed(write, "nothing was committed")
        except Reject as error:
            raise Lost(error.reason or "nothing can be stored") from None

    async def _sandbox(self) -> float:
        found: list[Result] = []

        def submit(done: Callable[[], None]) -> None:
            def took(result: Result) -> None:
                found.append(result)
                done()

            script = program("probe", _COMPUTES)
            sandbox = self._node.scripts.executions.sandbox
            sandbox.submit(Job(script, NODE_USER, took, time.time(), "probe", script.needed(self._inputs)))

        took = await _timed(submit, "the script did not end")
        if isinstance(found[0], Failed):
            raise Lost(found[0].message)
        return took


async def _timed(begin: Callable[[Callable[[], None]], None], why: str) -> float:
    """Begin something that calls back, and return the milliseconds until it does."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    began = time.perf_counter()
    begin(lambda: None if done.done() else done.set_result(None))
    try:
        async with asyncio.timeout(PATIENCE):
            await done
    except TimeoutError:
        raise Lost(f"{why} within {PATIENCE:g} s") from None
    return round((time.perf_counter() - began) * 1_000, 3)
