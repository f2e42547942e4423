"""The INVITE server transaction (RFC 3261 §17.2.1 as RFC 6026 §8.5 to §8.7 have it).

                                |INVITE
                                |pass INV to TU
             INVITE             V send 100 if TU is silent for 100 ms
             send response+------------+
                 +--------| Proceeding |--------+ 101-199 from TU
                 +------->|            |<-------+ send response, and once a minute again
                          +------------+
            300-699 from TU |        | 2xx from TU
            send response   |        | send response
              +-------------+        +-------------+
              V                                    V
         +-----------+ Timer G fires         +-----------+ INVITE
      +->| Completed |-+ send response       | Accepted  |-+ -
      +--|           |<+                     |           |<+ 2xx from TU
         +-----------+                       +-----------+   send response
    INVITE    |     | ACK                          |
    send resp.|     V -                            | An ACK is not absorbed here:
              |  +-----------+                     | the TU is to see it.
      Timer H |  | Confirmed |                     |
    inform TU |  +-----------+                     | Timer L fires
              |     | Timer I fires                |
              V     V                              V
         +--------------------------------------------------+
         |                    Terminated                    |
         +--------------------------------------------------+

A response that cannot be sent changes no state (RFC 6026 §8.8).  The TU repeats a 2xx (§13.3.1.4), for which
reliable.py is there.

A 100 ends the repetitions of the INVITE (§17.1.1.2), so it promises that nobody has to ask again.  A TU that cannot
promise that yet, because what it was asked is not stored, holds it back with `promise_nothing`.

A proxy gives up an INVITE of which it has heard nothing for three minutes, so what was said last is said again once a
minute (§13.3.1.1); what has an RSeq was heard, and is for the TU to follow (RFC 3262 §3).
"""

from __future__ import annotations

from typing import Any

from sipwright.sip.transaction.base import (
    ACCEPTED,
    ACK,
    CANCEL,
    COMPLETED,
    CONFIRMED,
    FAILURE,
    PROCEEDING,
    PROVISIONAL,
    REQUEST,
    SUCCESS,
    TERMINATED,
)
from sipwright.sip.transaction.sides import ServerTransaction
from sipwright.sip.transaction.timers import Timer

REMINDER = 60.0
"""Seconds after which a provisional response is sent again (RFC 3261 §13.3.1.1)."""


class ServerInvite(ServerTransaction):
    """Answers an INVITE, and repeats what is no 2xx until it is acknowledged."""

    __slots__ = ("_is_silent", "_is_trying_due")

    def start(self, now: float) -> None:
        """Begin to wait for the TU's response, for so long in silence that a 100 leaves within 200 ms."""
        self._is_silent = self._is_trying_due = False
        self._enter(PROCEEDING, now)

    def promise_nothing(self) -> None:
        """Hold back the 100, also from repeated requests, until `may_promise`."""
        self._is_silent = True

    def may_promise(self, now: float) -> None:
        """Let the 100 go out in its time, which may have come."""
        self._is_silent = False
        if self._is_trying_due and self.last_response is None:
            self._is_trying_due = False
            self.handle(Timer.TRYING, None, now)
            self._driver.perform(self, now)

    def _provide(self, response: Any, now: float) -> None:
        self._send(response, now)
        self._remind_later(now)

    def _remind_later(self, now: float) -> None:
        said = self.last_response
        if said is None or said[8:11] == b"100" or b"\r\nRSeq:" in said:
            self.retransmit_at = None
        else:
            self.interval = REMINDER
            self.retransmit_at = self._driver.timers.start(REMINDER, self, now)

    def _try_or_remind(self, _: Any, now: float) -> None:
        if self.last_response is None:
            self._send_trying(None, now)
        else:
            self._repeat(None, now)
            self._remind_later(now)

    def _repeat_or_try(self, _: Any, now: float) -> None:
        if self.last_response is None:
            self._send_trying(None, now)
        else:
            self._repeat(None, now)

    def _send_trying(self, _: Any, now: float) -> None:
        self.retransmit_at = None
        if self._is_silent:
            self._is_trying_due = True
        else:
            super()._send_trying(_, now)

    def _repeat_later(self, _: None, now: float) -> None:
        self._repeat(None, now)
        self._retransmit_after(min(2 * self.interval, self._driver.values.t2), now)

    # The machine.  A (state, event) pair that is not listed is ignored.
    # fmt: off
    INITIAL = PROCEEDING
    RULES = {
        (PROCEEDING, REQUEST):      (PROCEEDING, _repeat_or_try),
        (PROCEEDING, Timer.TRYING): (PROCEEDING, _try_or_remind),
        (PROCEEDING, CANCEL):       (PROCEEDING, ServerTransaction._deliver),
        (PROCEEDING, PROVISIONAL):  (PROCEEDING, _provide),
        (PROCEEDING, SUCCESS):      (ACCEPTED,   ServerTransaction._send_final),
        (PROCEEDING, FAILURE):      (COMPLETED,  ServerTransaction._send_final),
        (COMPLETED,  REQUEST):      (COMPLETED,  ServerTransaction._repeat),
        (COMPLETED,  Timer.G):      (COMPLETED,  _repeat_later),
        (COMPLETED,  ACK):          (CONFIRMED,  ServerTransaction._deliver),
        (COMPLETED,  Timer.H):      (TERMINATED, ServerTransaction._deliver),
        (CONFIRMED,  Timer.I):      (TERMINATED, ServerTransaction._end),
        (ACCEPTED,   SUCCESS):      (ACCEPTED,   ServerTransaction._send),
        (ACCEPTED,   Timer.L):      (TERMINATED, ServerTransaction._end),
    }
    RETRANSMIT = {PROCEEDING: Timer.TRYING, COMPLETED: Timer.G}
    LIFETIME   = {COMPLETED: Timer.H, CONFIRMED: Timer.I, ACCEPTED: Timer.L}
    # fmt: on
