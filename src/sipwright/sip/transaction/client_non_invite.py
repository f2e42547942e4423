"""The non-INVITE client transaction (RFC 3261 §17.1.2).

                    |Request from TU
                    |send request
Timer E             V
send request  +-----------+
    +---------|  Trying   |  Timer F or Transport Err.
    +-------->|           |--------------------------+
              +-----------+  inform TU               |
 200-699         |  | 1xx                            |
 resp. to TU     |  | resp. to TU                    |
 +---------------+  V                                |
 |            +-----------+  Timer F or Trans. Err.  |
 |  Timer E +-| Proceeding|------------------------->|
 | send req +>|           |-+ 1xx     inform TU      |
 |            |           |<+ resp. to TU            |
 |            +-----------+                          |
 |                  | 200-699, resp. to TU           |
 |                  V                                |
 |            +-----------+                          |
 +----------->| Completed |  repeated responses end  |
              +-----------+  here                    |
                    | Timer K                        |
                    V                                |
              +-----------+                          |
              | Terminated|<-------------------------+
              +-----------+
"""

from __future__ import annotations

from sipwright.sip.transaction.base import (
    COMPLETED,
    FAILURE,
    PROCEEDING,
    PROVISIONAL,
    SUCCESS,
    TERMINATED,
    TRANSPORT_ERROR,
    TRYING,
)
from sipwright.sip.transaction.sides import ClientTransaction
from sipwright.sip.transaction.timers import Timer


class ClientNonInvite(ClientTransaction):
    """Sends a request until its final response comes; a 1xx only slows it down."""

    __slots__ = ()

    def hold_back(self, now: float) -> None:
        """Repeat the request only every T2: nothing waits for its answer (T1 may be larger, §17.1.1.1)."""
        if self.retransmit_at is not None:
            self._retransmit_after(self._driver.values.t2, now)

    def complete(self, now: float) -> None:
        """Take a 2xx that nobody has to read: all is as it is with any other, but that the TU is told nothing."""
        if self.state in (TRYING, PROCEEDING):
            self.user = self._request = None
            self._enter(COMPLETED, now)
            if self.expires_at == now:
                self._expire(now)

    def _resend(self, _: None, now: float) -> None:
        self.flow = self._driver.way_again(self.wire, self.flow)
        self.outbox += (self.wire,)
        limit = self._driver.values.t2
        self._retransmit_after(limit if self.state == PROCEEDING else min(2 * self.interval, limit), now)

    # The machine.  A (state, event) pair that is not listed is ignored.
    # fmt: off
    INITIAL = TRYING
    RULES = {
        (TRYING,     Timer.E):         (TRYING,     _resend),
        (TRYING,     Timer.F):         (TERMINATED, ClientTransaction._deliver_408),
        (TRYING,     TRANSPORT_ERROR): (TERMINATED, ClientTransaction._deliver_503),
        (TRYING,     PROVISIONAL):     (PROCEEDING, ClientTransaction._deliver),
        (TRYING,     SUCCESS):         (COMPLETED,  ClientTransaction._deliver),
        (TRYING,     FAILURE):         (COMPLETED,  ClientTransaction._deliver),
        (PROCEEDING, Timer.E):         (PROCEEDING, _resend),
        (PROCEEDING, Timer.F):         (TERMINATED, ClientTransaction._deliver_408),
        (PROCEEDING, TRANSPORT_ERROR): (TERMINATED, ClientTransaction._deliver_503),
        (PROCEEDING, PROVISIONAL):     (PROCEEDING, ClientTransaction._deliver),
        (PROCEEDING, SUCCESS):         (COMPLETED,  ClientTransaction._deliver),
        (PROCEEDING, FAILURE):         (COMPLETED,  ClientTransaction._deliver),
        (COMPLETED,  Timer.K):         (TERMINATED, ClientTransaction._end),
    }
    RETRANSMIT = {TRYING: Timer.E, PROCEEDING: Timer.E}
    LIFETIME   = {TRYING: Timer.F, PROCEEDING: Timer.F, COMPLETED: Timer.K}
    # fmt: on
