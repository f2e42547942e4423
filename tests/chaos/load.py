"""The load, the kills, and the count."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from interop.harness.network import is_free
from sipwright.transport.flow import Address

from .audit import audit
from .kinds import KNOWN_TO_ALL, make_plan
from .ledger import Ledger, Outage
from .line import Line
from .mobile import Mobile
from .outside import Outside
from .plans import Plan
from .process import FIRST_PORT, HOST, LAST_PORT, SwitchProcess
from .provider import Provider
from .replays import Replays
from .scripts import (
    ACCOUNTS,
    CALLERS,
    CLOSING_PHONES,
    NAT_PHONES,
    PROVIDERS,
    TCP_PHONES,
    UDP_PHONES,
    dialplans,
)
from .talk import live
from .texts import Texts

__all__ = ["Load", "Options", "Service"]

TURN = 0.25
"""Seconds between two looks whether the phones have their turn."""


class Service(Protocol):
    """What the load calls: one switch, or several with one database."""

    async def open(self) -> None:
        """Start it."""

    def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        """Ask the database, with all that is committed."""

    def tracebacks(self) -> list[str]:
        """Return the complaints in the logs."""

    def close(self) -> None:
        """End everything, and remove it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen: calls a second, kills, the mean time between them and the longest talk, in seconds.

    The signals take turns. `kinds` leaves out all other kinds of calls. `spares_timer_h` is not to wait until the
    switch gives up waiting for ACKs that were lost with a connection (RFC 3261 §17.2.1, 32 s). What the load
    `begins_with` is the program of another release, until the first kill. Phones that do not answer ring so many
    seconds `longer`: it has to be more than a phone may be out of reach. With several `workers` a kill ends them, and
    what keeps the database for them, within moments of each other, in any order.
    """

    rate: float = 200.0
    kills: int = 20
    interval: float = 7.0
    seed: int = 1
    signals: tuple[signal.Signals, ...] = (signal.SIGKILL,)
    kinds: tuple[str, ...] = ()
    longest: float = 12.0
    patience: float = 150.0
    is_quiet: bool = False
    spares_timer_h: bool = False
    begins_with: Path | None = None
    longer: int = 0
    workers: int = 1


class Load:
    """One run; `run` returns the ledger."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.ledger = Ledger()
        self.dice = random.Random(options.seed)
        self.plans: dict[int, Plan] = {}
        self.ports = ports = _free_ports()
        self.address = (HOST, next(ports))
        """The switch that all talk to at first."""
        self._callers = [Line(self, next(ports), ()) for _ in range(2)]
        self._trunk = Line(self, next(ports), (), "tcp", is_phone=False)
        self._phones = phones = [Line(self, next(ports), UDP_PHONES[first::3]) for first in range(3)]
        on_tcp = [Line(self, next(ports), (account,), "tcp") for account in (*TCP_PHONES, *CLOSING_PHONES)]
        on_tcp += [Mobile(self, next(ports), account) for account in NAT_PHONES]
        self._pulse = Line(self, next(ports), ())
        self._providers = {name: Provider(self, next(ports), *how) for name, how in PROVIDERS.items()}
        self.outside = Outside()
        self.lines = [self._pulse, *self._callers, self._trunk, *self._providers.values(), *phones, *on_tcp]
        self.texts = Texts(self, [*self._callers, self._pulse])
        self.replays = Replays(self, self._pulse)
        self._homes = {account: line for line in self.lines for account in line.accounts}
        self._calls: set[asyncio.Task[None]] = set()

    @property
    def is_of_this_release(self) -> bool:
        """Whether what is called is the program of this release, or will be as soon as it answers again."""
        return self.options.begins_with is None or bool(self.ledger.outages)

    @property
    def addresses(self) -> list[Address]:
        """Where the switch listens, or each of its nodes."""
        return [self.address]

    def line_of(self, plan: Plan) -> Line:
        """Return the socket that a caller has."""
        if plan.account is not None and plan.account not in CALLERS:
            return self._homes[plan.account]
        return self._trunk if plan.is_tcp else self._callers[plan.id % 2]

    def beside(self, line: Line) -> Line:
        """Return another socket like this one."""
        alike = self._callers if line in self._callers else self._phones
        return alike[(alike.index(line) + 1) % len(alike)]

    async def run(self) -> Ledger:
        """Do everything, and count."""
        await self.outside.open()
        providers = {
            name: f"{HOST}:{line.port};transport={line.protocol}" for name, line in self._providers.items()
        }
        self.switch = await asyncio.to_thread(self._make_switch, providers)
        try:
            await self.switch.open()
            await asyncio.gather(*(line.open() for line in self.lines))
            felt = [asyncio.create_task(feel()) for feel in (self._pulse.feel_pulse, self._feel_turns)]
            await self._until_ready()
            generator = asyncio.create_task(self._generate())
            beside = [asyncio.create_task(do()) for do in self._beside()]
            await self._do_harm()
            for task in (generator, *beside):
                task.cancel()
            self._say(f"waiting for {len(self._calls)} calls to end")
            _, late = (
                await asyncio.wait(self._calls, timeout=self.options.patience) if self._calls else (None, ())
            )
            for task in late:
                self.ledger.fault("ending", task.get_name(), "did not come to its end")
                task.cancel()
            for task in felt:
                task.cancel()
            await audit(self)
            await self._check_end()
        finally:
            for line in self.lines:
                await line.close()
            await self.outside.close()
            await asyncio.to_thread(self.switch.close)
        return self.ledger

    def _make_switch(self, providers: dict[str, str]) -> Service:
        """Make what is called, with all that it needs, but do not start it."""
        several = {"RUN__WORKERS": str(self.options.workers)} if self.options.workers > 1 else {}
        return SwitchProcess(
            self.address[1], dialplans(self.outside.web), ACCOUNTS, providers, self.outside.settings | several,
            self.options.begins_with, self.options.seed,
        )  # fmt: skip

    def said(self, request: bytes) -> bytes:
        """Return what has to be the same whenever a request comes again: all of it."""
        return request

    async def _feel_turns(self) -> None:
        """Note when the phones themselves are behind."""
        while True:
            due = time.monotonic() + TURN
            await asyncio.sleep(TURN)
            self.ledger.turn(due, time.monotonic())

    async def _until_ready(self) -> None:
        """Wait until calls may begin."""

    def _beside(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """Return what goes on beside the calls, until no more of them begin."""
        return []

    async def _check_end(self) -> None:
        """See what is left when all calls are over."""

    async def _generate(self) -> None:
        started, number = time.monotonic(), 0
        while True:
            behind = (time.monotonic() - started) * self.options.rate - number
            for _ in range(int(behind)):
                known = () if self.is_of_this_release else KNOWN_TO_ALL
                plan = self.plans[number] = make_plan(
                    number, self.dice, self.options.kinds or known, self.options.longest
                )
                plan.rings_for = {name: ring + self.options.longer for name, ring in plan.rings_for.items()}
                self.follow_task(live(self, plan), str(plan))
                number += 1
            await asyncio.sleep(max(0.002, 0.5 / self.options.rate))

    def follow_task(self, what: Coroutine[Any, Any, None], name: str) -> None:
        """Do something that is waited for in the end."""
        task = asyncio.create_task(what, name=name)
        self._calls.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.ledger.fault("ending", task.get_name(), f"the load driver has a fault: {task.exception()!r}")

    async def _do_harm(self) -> None:
        """Kill the switch again and again."""
        options = self.options
        await asyncio.sleep(options.interval)
        for number in range(options.kills):
            how = options.signals[number % len(options.signals)]
            outage = Outage(time.monotonic(), is_kill=how is signal.SIGKILL)
            self.ledger.outages.append(outage)
            going_on = len(self._calls)
            assert isinstance(self.switch, SwitchProcess)
            await self.switch.end(how)
            await asyncio.sleep(self.dice.uniform(0.0, 0.5))
            await self.switch.launch()
            outage.until = time.monotonic()
            self._say(
                f"kill {number + 1} of {options.kills}: {going_on} calls, away for {outage.until - outage.since:.1f} s"
            )
            await asyncio.sleep(options.interval * self.dice.uniform(0.6, 1.4))

    def _say(self, text: str) -> None:
        if not self.options.is_quiet:
            print(text, file=sys.stderr, flush=True)


def _free_ports() -> Iterator[int]:
    """Find ports; each run begins to look elsewhere, since others may go on at the same time."""
    count = LAST_PORT - FIRST_PORT + 1
    for offset in range(count):
        port = FIRST_PORT + (os.getpid() * 53 + offset) % count
        if is_free(HOST, port):
            yield port
