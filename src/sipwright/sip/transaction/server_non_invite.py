"""The non-INVITE server transaction (RFC 3261 §17.2.2 as RFC 4320 §4 has it).

                         |Request received
                         |pass to TU
                         V
                   +-----------+
                   |  Trying   |-------------+
                   +-----------+             | 200-699 from TU
                         | TU is silent      | send response
                         | for 3.5 s:        |
       Request           V send 100          |
       send response +-----------+           |
            +--------| Proceeding|           |
            +------->|           |--+        |
                     +-----------+  |        |
       200-699 from TU   |          | 64*T1  |
       send response     V          | after  |
       Request       +-----------+  | the    |
       send response | Completed |<-|--------+
            +--------|           |  | request
            +------->+-----------+  |
                         | Timer J  |
                         V          |
                     +-----------+  |
                     | Terminated|<-+
                     +-----------+

RFC 4320 leaves the TU no provisional response but a 100 at one time, so the machine sends that itself and
ignores any from the TU.  A request that nobody answered is forgotten in silence: a 408 would come too late.
A response that cannot be sent changes no state (RFC 6026 §8.8).
"""

from __future__ import annotations

from sipwright.sip.transaction.base import (
    COMPLETED,
    FAILURE,
    IDLE,
    PROCEEDING,
    REQUEST,
    SUCCESS,
    TERMINATED,
    TRYING,
)
from sipwright.sip.transaction.sides import ServerTransaction
from sipwright.sip.transaction.timers import Timer, TimerQueue


class ServerNonInvite(ServerTransaction):
    """Answers a request once, and once more whenever the request is repeated."""

    __slots__ = ()

    # The machine.  A (state, event) pair that is not listed is ignored.
    # fmt: off
    INITIAL = TRYING
    RULES = {
        (TRYING,     Timer.LATE_TRYING): (PROCEEDING, ServerTransaction._send_trying),
        (TRYING,     SUCCESS):           (COMPLETED,  ServerTransaction._send_final),
        (TRYING,     FAILURE):           (COMPLETED,  ServerTransaction._send_final),
        (PROCEEDING, REQUEST):           (PROCEEDING, ServerTransaction._repeat),
        (PROCEEDING, SUCCESS):           (COMPLETED,  ServerTransaction._send_final),
        (PROCEEDING, FAILURE):           (COMPLETED,  ServerTransaction._send_final),
        (PROCEEDING, Timer.OBLIVION):    (TERMINATED, ServerTransaction._end),
        (COMPLETED,  REQUEST):           (COMPLETED,  ServerTransaction._repeat),
        (COMPLETED,  Timer.J):           (TERMINATED, ServerTransaction._end),
    }
    RETRANSMIT = {TRYING: Timer.LATE_TRYING}
    LIFETIME   = {PROCEEDING: Timer.OBLIVION, COMPLETED: Timer.J}
    # fmt: on

    def wait(self, timers: TimerQueue, now: float) -> None:
        """Begin to wait for the TU's response, as `start` does in two calls more."""
        interval, _ = self._clocks[IDLE, TRYING]
        assert interval is not None
        self.state, self.interval = TRYING, interval
        self.retransmit_at = timers.start(interval, self, now)

    def succeed(self, wire: bytes, now: float) -> None:
        """Take the arrow of a 2xx that is written already, as `answer` does in five calls more."""
        _, lifetime = self._clocks[self.state, COMPLETED]
        if self.state != TRYING or not lifetime:
            self.answer(200, wire, now)
            return
        self.state, self.retransmit_at, self.request, self.unread = COMPLETED, None, None, None
        self.last_response = wire
        self.expires_at = self._driver.timers.start(lifetime, self, now)
        try:
            self.flow.send(wire)
        except OSError:
            self._driver.send(
                wire, self.flow
            )  # by another connection, if there is a way; else it counts as lost
