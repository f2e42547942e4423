"""Non-INVITE client transactions without an object for each: for thousands of requests at once (RFC 3261 §17.1.2).

Each is an entry of a table, under its branch, over a transport that repeats nothing itself; those that begin
together share their clocks.

                |Request from TU
                |send request
Timer E         V
send   +----------------+         1xx         +----------------+ Timer E, once in T2
    +--|     Trying     |-------------------->|   Proceeding   |--+ send request
    +->|                |                     |                |<-+
       +----------------+                     +----------------+
                |  200-699, Timer F or Transport Err.  |
                |  inform TU                           |
                |       +-----------+                  |
                +------>| Completed |<-----------------+
                        +-----------+  repeated responses end here
                              | Timer K, of those that began together: when the last of them is completed

A 1xx is of no use to the TU of such a request, and is not delivered.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Protocol

from sipwright.sip.build import make_response
from sipwright.sip.echo import is_echo
from sipwright.sip.message import Request, Response
from sipwright.sip.parser import parse
from sipwright.sip.transaction.base import COMPLETED, PROCEEDING, TRYING, Driver, Flow
from sipwright.sip.transaction.table import is_answer

__all__ = ["BriefClientUser", "BriefClients"]

SHARED = 0.005
"""Seconds within which requests share their clocks: so much earlier than T1 may one be sent again."""


class BriefClientUser(Protocol):
    """The TU of such a transaction."""

    def take_ok(self, branch: str, data: bytes) -> bool:
        """Take a 200 by its bytes, whose transaction is over then; False to have it read first."""

    def on_answer(self, branch: str, response: Response) -> None:
        """Take the final response; with `response.local` nobody sent it: 408 is a timeout, 503 a transport error."""


_Sent = tuple[BriefClientUser, bytes, Flow]


class _Round:
    """The requests that were sent together, by their branches, and their two clocks."""

    __slots__ = ("_table", "began", "branches", "expires_at", "interval", "retransmit_at")

    def __init__(self, table: BriefClients, began: float) -> None:
        self._table = table
        self.began = began
        self.branches: list[str] = []
        self.interval = 0.0
        self.retransmit_at: float | None = None
        self.expires_at: float | None = None

    def on_deadline(self, deadline: float, now: float) -> None:
        """Do what is due."""
        self._table.on_deadline(self, deadline, now)


class BriefClients:
    """All of them that there are; one that is completed has None until Timer K."""

    __slots__ = ("_driver", "_latest", "_open", "_repeat_at", "failed")

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._open: dict[str, _Sent | None] = {}
        self._repeat_at: dict[str, float] = {}
        """When those in Proceeding may be sent again."""
        self._latest: _Round | None = None
        self.failed: deque[tuple[str, int]] = deque()
        """Whose TU is still to be told that they have failed, and how."""

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, branch: object) -> bool:
        return branch in self._open

    def states(self) -> Counter[tuple[str, str]]:
        """Count them, as the other machines are counted."""
        completed = sum(sent is None for sent in self._open.values())
        proceeding = len(self._repeat_at)
        counts = {
            TRYING: len(self._open) - completed - proceeding,
            PROCEEDING: proceeding,
            COMPLETED: completed,
        }
        return Counter({("BriefClients", state): count for state, count in counts.items() if count})

    def send(self, branch: str, wire: bytes, flow: Flow, user: BriefClientUser, now: float) -> None:
        """Send a request, whose top Via has this branch; one that cannot be sent is 503, once this has returned."""
        self._open[branch] = user, wire, flow
        latest = self._latest
        if latest is None or not 0.0 <= now - latest.began < SHARED:
            latest = self._begin(now)
        latest.branches.append(branch)
        if not self._driver.send(wire, flow):
            self._fail_soon(branch, 503)

    def _begin(self, now: float) -> _Round:
        timers, values = self._driver.timers, self._driver.values
        self._latest = begun = _Round(self, now)
        begun.interval = values.t1
        begun.retransmit_at = timers.start(values.t1, begun, now)
        begun.expires_at = timers.start(values.timeout, begun, now)
        return begun

    # ---- what comes in

    def take_ok(self, branch: str, data: bytes) -> bool | None:
        """Take a 200 that is not read yet; False if it has to be, and None if it is of none of these."""
        try:
            sent = self._open[branch]
        except KeyError:
            return None
        if sent is not None:
            if not is_echo(data, sent[1]) or not sent[0].take_ok(branch, data):
                return False
            self._complete(branch)
        return True

    def match(self, response: Response, now: float) -> bool:
        """Take a response; False when it is of none of these."""
        branch = response.branch
        if branch is None or branch not in self._open:
            return False
        sent = self._open[branch]
        if sent is None:
            return True
        if not sent[1].startswith(f"{response.cseq.method} ".encode()):
            return False  # §17.1.3
        if not is_answer(response, sent[1], self._driver.is_own):
            return True
        if response.is_final:
            self._complete(branch)
            sent[0].on_answer(branch, response)
        else:
            self._repeat_at.setdefault(branch, now)
        return True

    def _complete(self, branch: str) -> None:
        self._open[branch] = None
        if self._repeat_at:
            self._repeat_at.pop(branch, None)

    # ---- time

    def tell_failed(self) -> None:
        """Tell whoever has asked for what could not be sent, or was not answered."""
        for _ in range(len(self.failed)):  # only those that are here now: a TU may try once more
            self._fail(*self.failed.popleft())

    def on_deadline(self, round_: _Round, deadline: float, now: float) -> None:
        """Send those again that nobody has answered, or give them up."""
        waiting = [branch for branch in round_.branches if self._open.get(branch) is not None]
        if round_.expires_at == deadline:
            round_.expires_at = round_.retransmit_at = None
            for branch in waiting:
                self._fail_soon(branch, 408)
            for branch in set(round_.branches).difference(waiting):
                self._open.pop(branch, None)
        elif waiting:
            self._send_again(waiting, now)
            round_.interval = min(2 * round_.interval, self._driver.values.t2)
            round_.retransmit_at = self._driver.timers.start(round_.interval, round_, now)
        else:
            round_.retransmit_at = None
            round_.expires_at = self._driver.timers.start(self._driver.values.t4, round_, now)

    def _send_again(self, branches: list[str], now: float) -> None:
        for branch in branches:
            sent = self._open[branch]
            if sent is None or now < self._repeat_at.get(branch, now):
                continue
            if branch in self._repeat_at:
                self._repeat_at[branch] = now + self._driver.values.t2
            self._driver.resent += 1
            user, wire, flow = sent
            flow = self._driver.way_again(wire, flow)
            self._open[branch] = user, wire, flow
            if not self._driver.send(wire, flow):
                self._fail_soon(branch, 503)

    def _fail_soon(self, branch: str, status: int) -> None:
        self.failed.append((branch, status))
        if self._driver.timers.on_earlier is not None:
            self._driver.timers.on_earlier()

    def _fail(self, branch: str, status: int) -> None:
        sent = self._open.pop(branch, None)
        self._repeat_at.pop(branch, None)
        if sent is None:
            return
        request = parse(sent[1])
        assert isinstance(request, Request)
        response = make_response(request, status)
        response.local = True
        sent[0].on_answer(branch, response)

    def let_go(self) -> None:
        """Know none of them any more."""
        self._open.clear()
        self._repeat_at.clear()
        self.failed.clear()
        self._latest = None
