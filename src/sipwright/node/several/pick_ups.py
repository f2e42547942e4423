"""Calls that ring, or are parked, at another node, and are picked up here by a code.

All others are asked what waits at the account, and the one where it has waited for longest gets the caller
(`services/switch/transfer/handing.py`). Both are requests of the database (`control/other_nodes.py`), so whoever goes
on for a node that is lost is asked in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sipwright.control.protocol import ControlError, Request
from sipwright.services.switch.transfer.handing import HandedCaller, Handing, Waiting
from sipwright.sip import Request as SipRequest
from sipwright.store.errors import StoreError
from sipwright.transport import Flow
from sipwright.transport.flow import place_of

from ..control_server import Handler

__all__ = ["PickUps"]

STORED_WITHIN = 5.0
"""Seconds that the call of a caller who was taken over may take to be stored."""

Ask = Callable[..., Awaitable[Any]]


class PickUps:
    """One node's side of it: what it asks of others, and what it is asked for."""

    def __init__(
        self, handing: Handing, name: str, others: Callable[[], list[str]], ask: Ask,
        flow_from_key: Callable[[str], Flow | None], moved: Callable[[SipRequest, str], object],
    ) -> None:  # fmt: skip
        """Get ready.

        Args:
            handing: Hands callers over, and takes them.
            name: The name of this node.
            others: Gives the names of the others that live.
            ask: Asks one of them for something.
            flow_from_key: Finds a flow, here or elsewhere.
            moved: Is told of each INVITE that another node has from now on.
        """
        self._handing = handing
        self._name = name
        self._others = others
        self._ask = ask
        self._flow_from_key = flow_from_key
        self._moved = moved
        self.handlers: dict[str, Handler] = {"pickup.find": self._find, "pickup.take": self._take}
        """What others may ask for."""

    async def pick_up(self, call_id: str, account_id: int) -> bool:
        """Let the caller of a call have what waits at an account of another node; False when nothing does."""
        if self._handing.offer(call_id) is None:
            return False
        found = await self._waiting_at(account_id)
        handed = self._handing.offer(call_id)  # it may have given up meanwhile
        if not found or handed is None:
            return False
        # What rings comes before what is parked, as it does within one node.
        node = min(found, key=lambda node: (found[node].is_parked, found[node].since))
        if "!" not in handed.flow:
            handed = handed._replace(flow=f"{self._name}!{handed.flow}")
        try:
            answer = await self._ask(node, "pickup.take", at=account_id, **handed._asdict())
        except (ControlError, StoreError, OSError):
            return False
        invite = self._handing.let_go(call_id) if answer["taken"] else None
        if invite is not None:
            self._moved(invite, node)
        return bool(answer["taken"])

    async def is_parked_at(self, account_id: int) -> bool:
        """Return whether a call is parked at a slot at another node."""
        return any(each.is_parked for each in (await self._waiting_at(account_id)).values())

    async def _waiting_at(self, account_id: int) -> dict[str, Waiting]:
        """Return what waits at an account of other nodes; one that does not answer has nothing."""
        nodes = self._others()
        asked = [self._ask(node, "pickup.find", at=account_id) for node in nodes]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        found = dict[str, Waiting]()
        for node, answer in zip(nodes, answers, strict=True):
            if isinstance(answer, dict):
                if answer["waiting"] is not None:
                    found[node] = Waiting(*answer["waiting"])
            elif not isinstance(answer, ControlError | StoreError | OSError):
                raise answer
        return found

    def _find(self, request: Request) -> dict[str, Any]:
        """Say what waits at an account here."""
        found = self._handing.waiting_at(request.number_of("at") or 0)
        return {"waiting": found and list(found)}

    async def _take(self, request: Request) -> dict[str, Any]:
        """Take a caller of another node, and answer when that is stored."""
        said = request.arguments
        handed = HandedCaller(*(said[name] for name in HandedCaller._fields))
        node, plain = place_of(handed.flow)
        flow = self._flow_from_key(plain if node == self._name else handed.flow)
        stored = asyncio.Event()
        if flow is None or not self._handing.take(handed, flow, request.number_of("at") or 0, stored.set):
            return {"taken": False}
        try:
            async with asyncio.timeout(STORED_WITHIN):
                await stored.wait()
        except TimeoutError:
            pass  # it is stored as soon as the database is back, and the caller is answered then
        return {"taken": True}
