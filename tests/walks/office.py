"""The switch of the walks, which may be killed, its accounts and their phones, and the wires between them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.services.switch.conftest import Bench, Binding, Provider, Row, document_of
from tests.services.switch.test_hostile import Run

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.switch import Hunt

from .phone import Phone
from .talk import Talk
from .wire import written

__all__ = ["GROUPS", "PEOPLE", "Office"]

DOMAIN, SWITCH, TRUNK = "example.org", ("10.0.0.1", 5060), "30.0.0.9"
PEOPLE = {"ann": 1, "bob": 1, "cat": 1, "dan": 1, "eve": 2, "fay": 1, "gus": 1}
"""Accounts, and how many phones each has; behind that of dan there are two."""
OVER_TCP, RELIABLE = ("fay", "gus"), ("ann", "cat", "eve", "fay")
GROUPS = {
    "team": "bob@local & cat@local & fay@local | dan@local", "desk": "gus@local | eve@local",
    "gate": "123@trunk | bob@local",
}  # fmt: skip
RING = 30.0


class OfficeBench(Bench):
    """The switch; what was to come of a process that was killed does not, and the phones go on."""

    boot = 0

    def start(self) -> None:
        """Start a process whose timers die with it."""
        self.boot += 1
        boot, network = self.boot, self.network
        call_later = type(network).call_later

        def of_this_process(delay: float, then: Callable[[], None]) -> object:
            return call_later(network, delay, lambda: then() if self.boot == boot else None)

        network.call_later = of_this_process
        super().start()
        del network.call_later

    def kill(self) -> None:
        """Let the process be gone, with what it has not committed."""
        self.boot += 1
        for transport in self.stack.transports:
            transport.on_message = transport.on_flow_closed = lambda what, flow: None
        self.database.waiting.clear()

    def revive(self) -> None:
        """Start another process on what the one before has committed."""
        for transport in (self.stack.transports[0], *self.stack.transports[2:]):
            self.network.detach(transport)
        rows = [Row(key, document_of(row)) for key, row in self.database.rows["call"].items()]
        self.start()
        self.follow_providers()
        self.switch.recover(rows)
        self.switch.resume()

    def run(self, seconds: float) -> None:
        """Let time pass, from one event to the next."""
        network, end = self.network, self.network.now + seconds
        while True:
            while self.database.is_eager and self.database.commit():
                pass
            if not network._events or network._events[0][0] > end:
                break
            network.advance(max(network._events[0][0] - network.now, 0.0) + 1e-7)
        network.advance(max(end - network.now, 0.0))


class Office:
    """The world of the phones."""

    def __init__(self, seed: int, *, is_lossy: bool = False) -> None:
        self.chance = random.Random(seed)
        self.log: list[str] = []
        self.phones: list[Phone] = []
        self.calls: list[Talk] = []
        """Those that phones have made."""
        self.returning: list[Phone] = []
        """Those whose connections have ended, and that open others now."""
        self.bench = OfficeBench()
        self.network = self.bench.network
        self._media = itertools.count(1001)
        if is_lossy:
            self.network.drop, self.network.duplicate, self.network.reorder = 0.05, 0.05, 0.1
            self.network._random.seed(seed)
        self._move_in(seed)

    def _move_in(self, seed: int) -> None:
        for number, (name, count) in enumerate(PEOPLE.items(), 1):
            self.bench.account(name)
            for index in range(1, count + 1):
                phone = Phone(
                    self, name, f"20.0.{number}.{index}", DOMAIN, protocol="tcp" if name in OVER_TCP else "udp",
                    forks=name == "dan", is_reliable=name in RELIABLE,
                )  # fmt: skip
                self.phones.append(phone)
                self.connect(phone)
        for name in GROUPS:
            self.bench.account(name, in_plan=len(self.bench.accounts.accounts) + 1)
        self.bench.accounts.providers["trunk"] = Provider("trunk", TRUNK)
        self.bench.follow_providers()
        self.trunk = Phone(self, "trunk", TRUNK, DOMAIN, home=TRUNK, challenges=seed % 2 == 1)
        self.phones.append(self.trunk)
        self._plug_in(self.trunk)
        self.bench.use_scripts(self)

    # What phones ask of their world.

    def clock(self) -> float:
        return self.network.now

    def call_later(self, delay: float, then: Callable[[], None]) -> object:
        return self.network.call_later(delay, then)

    def send(self, phone: Phone, data: bytes) -> None:
        try:
            phone.flow.send(data)
        except OSError:
            pass  # its connection has ended, and it says that again over the next one

    def next_media(self) -> int:
        return next(self._media)

    def elsewhere(self, phone: Phone) -> str:
        return next(name for name in PEOPLE if name != phone.name)

    def begun(self, talk: Talk) -> None:
        self.calls.append(talk)

    # Connections.

    def _plug_in(self, phone: Phone) -> None:
        transport = self.network.transport(phone.host, phone.port, phone.protocol)
        transport.on_message = lambda data, flow: phone.receive(data)
        phone.flow = transport.flow(SWITCH)

    def connect(self, phone: Phone) -> None:
        """Let a phone register, over TCP from another port each time."""
        if phone.flow is not None:
            self.disconnect(phone)
            phone.port += 1
        self._plug_in(phone)
        accounts, network = self.bench.accounts, self.network
        account = accounts.accounts[phone.name]
        bindings, instance = accounts.bindings[account.id], f"<urn:uuid:{phone.host}>"
        bindings[:] = [binding for binding in bindings if binding.instance != instance]
        source = f"{phone.protocol}/{SWITCH[0]}:{SWITCH[1]}/{phone.host}:{phone.port}"
        bindings.append(Binding(phone.contact, source, instance=instance))
        if phone.protocol == "tcp":
            phone.flow.send(_greeting(self.next_media()))  # which opens the connection
            self.bench.run(3 * network.delay)
            self.bench.switch.reconnects.registered(account.id)
            phone.say_again()

    def disconnect(self, phone: Phone) -> None:
        """Let the connection of a phone end, at both ends."""
        phone.flow._transport.is_up = False
        self.network.detach(phone.flow._transport)
        ours = self.network.lookup("tcp", SWITCH)
        flow = None if ours is None else ours.flows.get((phone.host, phone.port))
        if ours is not None and flow is not None:
            ours.cut(flow)

    def come_back(self, phone: Phone) -> None:
        """Let a phone open another connection some time after its last one has ended."""
        delay = self.chance.choice((0.01, 0.5, 3.0, 10.0))
        self.network.call_later(delay, partial(self.returning.append, phone))

    def all_back(self) -> None:
        """Let those be there again whose time it is."""
        while self.returning:
            phone = self.returning.pop()
            if phone.flow.is_closed:
                self.connect(phone)

    def kill(self) -> None:
        """Kill the switch, before or after its last commit, and start it again; connections end with it."""
        if self.chance.random() < 0.5:
            self.bench.database.commit_and_tell_nobody()
        self.bench.kill()
        for phone in self.phones:
            if phone.protocol == "tcp" and not phone.flow.is_closed:
                self.disconnect(phone)
                self.come_back(phone)
        self.bench.run(self.chance.choice((0.01, 0.3, 2.0, 6.0)))
        self.bench.revive()
        self.bench.use_scripts(self)

    # Dialplans: each group has one, which dials it.

    def start(self, call: Any, plan: int) -> Run:
        call.identity.dialplan_id = plan
        text, boot = list(GROUPS.values())[plan - len(PEOPLE) - 1], self.bench.boot
        call.hunt = Hunt(call, parse_dial_string(text), RING, [])
        self.network.call_later(0.0, lambda: self._dial(call) if self.bench.boot == boot else None)
        return Run(call)

    @staticmethod
    def _dial(call: Any) -> None:
        with call.event():
            call.hunt.start()

    def is_behind(self, user_id: int) -> bool:
        return False

    def transfer_plan(self, identity: Any, account_id: int | None) -> None:
        return None


def _greeting(number: int) -> bytes:
    return written([
        f"OPTIONS sip:{DOMAIN} SIP/2.0", f"Via: SIP/2.0/TCP x;branch=z9hG4bKgreeting{number}", "Max-Forwards: 70",
        f"From: <sip:x@{DOMAIN}>;tag=1", f"To: <sip:{DOMAIN}>", f"Call-ID: greeting{number}", "CSeq: 1 OPTIONS",
    ])  # fmt: skip
