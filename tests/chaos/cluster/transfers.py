"""Attended transfers by a phone whose two calls are at different nodes, while nodes die (RFC 3891, RFC 5589)."""

from __future__ import annotations

import asyncio
import itertools
import time
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..caller import Caller
from ..line import Line
from ..plans import Behaviour, Plan
from ..process import DOMAIN
from ..scripts import CALLERS
from ..talk import until

if TYPE_CHECKING:
    from .load import ClusterLoad

__all__ = ["Transfers"]

EVERY = 2.0
"""Seconds from one transfer to the next."""

ANSWERED_WITHIN = 32.0
TALKS = 4.0
"""Seconds for which the one who transfers talks first, at most."""

REPORTED_WITHIN = 50.0
"""Seconds within which a transfer is over: a node may be lost meanwhile, and so may the one that acts for it."""

HEARD_WITHIN = 25.0

_numbers = itertools.count(2_000_000)


class Transfers:
    """Makes them, one after the other."""

    def __init__(self, load: ClusterLoad, lines: list[Line]) -> None:
        self._load = load
        self._dice = Random(load.options.seed)  # so that those of the calls fall as without it
        self._lines = lines

    async def transfer_all(self) -> None:
        """Begin one after the other, until it is cancelled; each goes on by itself."""
        while True:
            await asyncio.sleep(EVERY)
            first, second = self._dice.sample(self._lines, 2)
            account = self._dice.choice(CALLERS)
            self._load.follow_task(self._transfer(account, first, second), "transfer")

    async def _transfer(self, account: str, first: Line, second: Line) -> None:
        """Call one, then the other by another node, and let the two talk to each other."""
        one, other = self._plan("pb", account), self._plan("pc", account)
        one.joined_with, other.joined_with = other, one
        here, there = Caller(first, one), Caller(second, other)
        one.caller, other.caller = here, there
        self._load.ledger.counts["attended transfers"] += 1
        if not (await self._talk(here) and await self._talk(there)):
            return
        await asyncio.sleep(self._dice.uniform(0.0, TALKS))
        assert there.dialog is not None
        named = f"{there.call_id};to-tag={there.dialog.remote_tag};from-tag={there.dialog.local_tag}"
        to = f"<sip:{other.dialled}@{DOMAIN}?Replaces={quote(named, safe='')}>"
        response = await here.ask("REFER", headers=[("Refer-To", to)], contact=here.contact)
        if response.status == 400 and self._load.ledger.was_away(
            here.plan.began, time.monotonic(), harm="database"
        ):
            # A call goes from one node to another by the database.
            self._load.ledger.counts["attended transfers that waited in vain for the database"] += 1
        elif response.status != 202:
            here.fault("transfer", f"REFER: {response.status} {response.reason}{' (local)' * response.local}")
        elif not await until(lambda: any(b" 200 " in said for said in here.reports), REPORTED_WITHIN):
            here.fault("transfer", f"was told {here.reports}")
        else:
            await self._goes_on(one, other)
        for end in (here, there):
            if not end.bye_heard_at:
                await end.hang_up()
        for end in (here, there, *one.callees["pb"], *other.callees["pc"]):
            asyncio.get_running_loop().call_later(40.0, end.release)

    def _plan(self, phone: str, account: str) -> Plan:
        number = next(_numbers)
        plan = Plan(number, "attended", phone, {phone: Behaviour(rings=0.0, wait=0.2)}, answered_by=phone)
        plan.account = account
        self._load.plans[number] = plan
        return plan

    async def _talk(self, caller: Caller) -> bool:
        response = await caller.call()
        if not response.is_success:
            caller.fault("ending", f"{response.status} {response.reason} instead of an answer")
            return False
        callee = caller.plan.answerer
        return callee is not None and await until(lambda: callee.acknowledged_at > 0, ANSWERED_WITHIN)

    async def _goes_on(self, one: Plan, other: Plan) -> None:
        """Note who is not let go, and whether the two who are left can say good-bye."""
        for plan in (one, other):
            caller = plan.caller
            assert caller is not None
            if not await until(lambda caller=caller: caller.bye_heard_at > 0, HEARD_WITHIN):  # type: ignore[misc]
                caller.fault("transfer", "was not let go")
        first, second = one.answerer, other.answerer
        assert first is not None
        assert second is not None
        if first.bye_heard_at or second.bye_heard_at:
            first.fault("transfer", "was hung up by the switch")
            return
        await first.hang_up()
        if not await until(lambda: second.bye_heard_at > 0, HEARD_WITHIN):
            second.fault("transfer", "never heard the BYE of the other one")
        self._load.ledger.counts["attended transfers that were done"] += 1
