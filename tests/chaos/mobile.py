"""A phone behind a NAT that gives it another port, as NATs do when they have forgotten it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from sipwright.sip import ParseError, Request, Response, parse
from sipwright.transport import Flow, UdpTransport
from sipwright.transport.base import ignore_undelivered

from .line import Line
from .process import HOST

if TYPE_CHECKING:
    from .load import Load

__all__ = ["Mobile"]

PATIENCE = 2.0
"""For how many seconds after its new registration a phone still hears what was sent to its old port."""

HEARD_BY_ALL = 6.0
"""Seconds after the return of the database within which all nodes have heard of a new port."""

LOOK_AGAIN = 0.1

PAUSE = 4.0
"""The shortest time between two new ports."""


class Mobile(Line):
    """A phone whose Contact stays the same, wherever its NAT lets it come from."""

    def __init__(self, load: Load, port: int, account: str) -> None:
        super().__init__(load, port, (account,))
        self._bound_at = 0.0
        self._left: list[UdpTransport] = []
        self._registering = asyncio.Lock()

    def contact(self, account: str) -> str:
        return f"<sip:{account}@10.8.7.5:5062>"

    async def register(self, account: str, *, contact: bool = True) -> Response:
        async with self._registering:  # two at once, from two ports, could overtake each other
            return await super().register(account, contact=contact)

    @property
    def udp(self) -> list[UdpTransport]:
        """The sockets that it speaks from, and has spoken from."""
        return [*self._left, *super().udp]

    async def rebind(self) -> None:
        """Come from another port, and register from there: what is new comes there from then on."""
        if time.monotonic() - self._bound_at < PAUSE:
            return
        self._bound_at = time.monotonic()
        old, new = self.transport, UdpTransport(HOST, next(self.load.ports))
        new.on_message, new.on_undelivered = self.hear, ignore_undelivered
        await new.start()
        self.transport, self.flow = new, new.flow(self.home)
        self._left.append(old)
        for left in self._left:
            left.sendto = new.sendto  # what the phone repeats comes from there too
        response = await self.register(self.accounts[0])
        if response.status != 200:
            self.ledger.fault("registration", self.accounts[0], f"moved: {response.status} {response.reason}")
        self.ledger.counts["phones that a NAT gave another port"] += 1
        asyncio.get_running_loop().call_later(PATIENCE, self._leave, old)

    async def close(self) -> None:
        await super().close()
        for transport in (*self._left, self.transport):
            await transport.close()

    def _leave(self, old: UdpTransport) -> None:
        """Hear an old port no more, as every node knows of the new one: by the database, when that is there."""
        now = time.monotonic()
        if self.ledger.was_away(now - HEARD_BY_ALL, now, harm="database"):
            asyncio.get_running_loop().call_later(LOOK_AGAIN, self._leave, old)
        else:
            old.on_message = self._lose

    def _lose(self, data: bytes, flow: Flow) -> None:
        """Lose what comes to an old port; nothing may begin there any more."""
        try:
            message = parse(data)
        except ParseError:
            return
        end = self.ends.get(message.to_tag or "") if isinstance(message, Request) else None
        if end is not None and isinstance(message, Request) and end.is_new(message):
            end.fault("moved", f"{message.method} to a port that the phone had left")
