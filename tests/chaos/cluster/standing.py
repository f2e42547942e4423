"""A call that talks while its node dies, and asks again and again until it is answered."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

from ..caller import Caller
from ..plans import Behaviour, Plan
from ..talk import until

if TYPE_CHECKING:
    from ..line import Line
    from ..load import Load

__all__ = ["StandingCall"]

ASKS_EVERY = 0.2

_numbers = itertools.count(1_000_000)


class StandingCall:
    """One call from a line, at whose node it is."""

    def __init__(self, load: Load, line: Line) -> None:
        number = next(_numbers)
        self.plan = load.plans[number] = Plan(
            number, "standing", "pb", {"pb": Behaviour(rings=0.0, wait=0.1)}, answered_by="pb"
        )
        self._caller = self.plan.caller = Caller(line, self.plan)

    async def begin(self) -> None:
        """Call, until both ends talk."""
        response = await self._caller.call()
        if not response.is_success:
            self._caller.fault("ending", f"{response.status} {response.reason} instead of an answer")
            return
        callee = self.plan.answerer
        assert callee is not None
        if not await until(lambda: callee.acknowledged_at > 0, 12.0):
            callee.fault("ack", "no ACK to the answer")

    async def answers(self, since: float, within: float, what: str) -> None:
        """Ask the other end, and note how long after an instant that was answered."""
        caller, ledger = self._caller, self._caller.ledger
        if caller.dialog is None:
            return
        response = await caller.ask("INFO", every=ASKS_EVERY)
        took = time.monotonic() - since
        ledger.resumed.append((took, within))
        if response.status != 200:
            caller.fault("established", f"INFO: {response.status} {response.reason}")
        elif took > within:
            caller.fault("late", f"answered {took:.1f} s after {what}")

    async def end(self) -> None:
        """Hang up."""
        if self._caller.dialog is None:
            return
        callee = self.plan.answerer
        await self._caller.hang_up()
        if callee is not None and not await until(lambda: callee.bye_heard_at > 0, 20.0):
            callee.fault("established", "never heard the BYE")
        asyncio.get_running_loop().call_later(40.0, self._caller.release)
