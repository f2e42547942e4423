"""The INVITE client transaction (RFC 3261 §17.1.1 as RFC 6026 §8.4 has it).

                        |INVITE from TU
      Timer A fires     |INVITE sent      Timer B fires or Transport Err.
      INVITE sent +-----------+           inform TU
        +---------|  Calling  |-------------------------------------------+
        +-------->|           |------------+ 2xx                          |
                  +-----------+            | 2xx to TU                    |
       300-699       |  | 1xx              |                              |
       ACK sent      |  | 1xx to TU        |                              |
       resp. to TU   |  V                  |                              |
        +------------+ +-----------+ 2xx   |                              |
        |  1xx to TU +-| Proceeding|------>|     64*T1 after a CANCEL     |
        |            +>|           |-------+---------------------------->|
        |              +-----------+ 2xx to TU                            |
        | 300-699         |                |                              |
        V ACK sent, to TU V                V                              |
      +--------------------+         +-----------+                        |
      |     Completed      |-+       | Accepted  |-+ 2xx                  |
      |                    |<+       |           |<+ 2xx to TU            |
      +--------------------+         +-----------+                        |
       Timer D | 300-699, ACK sent    Timer M |                           |
               V                              V                           V
      +-------------------------------------------------------------------+
      |                            Terminated                             |
      +-------------------------------------------------------------------+

The TU sends the ACK for a 2xx itself (§13.2.2.4).
"""

from __future__ import annotations

from typing import Any

from sipwright.sip.build import HeaderPairs, Written, make_ack, make_cancel
from sipwright.sip.message import Request, Response
from sipwright.sip.transaction.base import (
    ACCEPTED,
    ACK,
    CALLING,
    CANCEL,
    COMPLETED,
    FAILURE,
    PROCEEDING,
    PROVISIONAL,
    SUCCESS,
    TERMINATED,
    TRANSPORT_ERROR,
    Begin,
    Deliver,
    Driver,
    Flow,
)
from sipwright.sip.transaction.sides import ClientTransaction, ClientUser
from sipwright.sip.transaction.timers import Timer


class ClientInvite(ClientTransaction):
    """Sends an INVITE until something comes back, and acknowledges whatever is no 2xx.

    Attributes:
        ack: The bytes of the ACK, once there was a failure to acknowledge.
        cancel_headers: What a CANCEL is to carry, once the TU has asked for one.
        has_progress: A provisional response other than 100 has come. Nobody repeats such a one but for a copy of the
            INVITE (§17.2.1).
        holds_ack: The ACK for a failure waits for `acknowledge`.  Until it is sent the peer repeats its
            response, so a TU that may end at any moment first makes sure that it will not forget it.
    """

    __slots__ = ("ack", "cancel_headers", "has_progress", "holds_ack")

    def __init__(
        self,
        key: tuple[Any, ...],
        request: Request | Written,
        flow: Flow,
        user: ClientUser | None,
        driver: Driver,
    ) -> None:
        self._begin_client(key, request, flow, user, driver)
        self.ack = b""
        self.cancel_headers: HeaderPairs | None = None
        self.holds_ack = self.has_progress = False

    @property
    def is_unanswered(self) -> bool:
        """Whether nothing has come back, or nothing but a 100, and it is not cancelled."""
        if self.state == PROCEEDING:
            return not self.has_progress and self.expires_at is None
        return self.state == CALLING

    def restore(self, state: str, now: float) -> None:
        """Begin where a transaction stood that another process began: in CALLING or in PROCEEDING."""
        if state == CALLING:
            # It may be that the request never left.  A peer that has it sees a retransmission.
            self.start(now)
        else:
            self._enter(PROCEEDING, now)
            self.has_progress = True

    def cancel(self, now: float, headers: HeaderPairs = ()) -> None:
        """Send a CANCEL, as soon as there was a provisional response (§9.1).

        Does nothing once there was a final response.  If 64*T1 pass after the CANCEL without one, the TU
        gets a local 487.
        """
        self.handle(CANCEL, headers, now)
        self._driver.perform(self, now)

    def give_up(self, now: float, headers: HeaderPairs = ()) -> None:
        """Repeat the INVITE no more; whatever comes after all is met as after `cancel`.

        Without a provisional response there must not be a CANCEL (§9.1), and a server that says nothing is not there.
        """
        self.cancel(now, headers)
        if self.state == CALLING:
            self.retransmit_at = None

    def fail(self, now: float) -> None:
        """End where nothing has come back yet, as no way leads to the peer any more."""
        self.handle(TRANSPORT_ERROR, None, now)
        self._driver.perform(self, now)

    def acknowledge(self, now: float) -> None:
        """Send the ACK that was held back, if there is one to be sent."""
        self.handle(ACK, None, now)
        self._driver.perform(self, now)

    def _resend(self, _: None, now: float) -> None:
        self.flow = self._driver.way_again(self.wire, self.flow)
        self.outbox += (self.wire,)
        self._retransmit_after(2 * self.interval, now)

    def _proceed(self, response: Response, now: float) -> None:
        self.has_progress = response.status > 100
        self.outbox += (Deliver(response),)
        if self.cancel_headers is not None:
            self._cancel(self.cancel_headers, now)

    def _hear(self, response: Response, now: float) -> None:
        self.has_progress = self.has_progress or response.status > 100
        self._deliver(response, now)

    def _cancel_later(self, headers: HeaderPairs, now: float) -> None:
        self.cancel_headers = headers

    def _cancel(self, headers: HeaderPairs, now: float) -> None:
        if self.expires_at is None:
            self.outbox += (Begin(make_cancel(self.request, headers)),)
            self.expires_at = self._driver.timers.start(self._driver.values.timeout, self, now)

    def _deliver_487(self, _: None, now: float) -> None:
        self._deliver_local(487)

    def _ack_and_deliver(self, response: Response, now: float) -> None:
        self.ack = bytes(make_ack(self.request, response))
        self._ack_again(response, now)
        self._deliver(response, now)

    def _ack_again(self, _: Response, now: float) -> None:
        if not self.holds_ack:
            self.outbox += (self.ack,)

    def _release_ack(self, _: None, now: float) -> None:
        if self.holds_ack and self.ack:
            self.holds_ack = False
            self.outbox += (self.ack,)

    # The machine.  A (state, event) pair that is not listed is ignored.
    # fmt: off
    INITIAL = CALLING
    RULES = {
        (CALLING,    Timer.A):         (CALLING,    _resend),
        (CALLING,    Timer.B):         (TERMINATED, ClientTransaction._deliver_408),
        (CALLING,    TRANSPORT_ERROR): (TERMINATED, ClientTransaction._deliver_503),
        (CALLING,    CANCEL):          (CALLING,    _cancel_later),
        (CALLING,    PROVISIONAL):     (PROCEEDING, _proceed),
        (CALLING,    SUCCESS):         (ACCEPTED,   ClientTransaction._deliver),
        (CALLING,    FAILURE):         (COMPLETED,  _ack_and_deliver),
        (PROCEEDING, CANCEL):          (PROCEEDING, _cancel),
        (PROCEEDING, Timer.CANCEL):    (TERMINATED, _deliver_487),
        (PROCEEDING, PROVISIONAL):     (PROCEEDING, _hear),
        (PROCEEDING, SUCCESS):         (ACCEPTED,   ClientTransaction._deliver),
        (PROCEEDING, FAILURE):         (COMPLETED,  _ack_and_deliver),
        (COMPLETED,  FAILURE):         (COMPLETED,  _ack_again),
        (COMPLETED,  ACK):             (COMPLETED,  _release_ack),
        # Over a reliable transport Timer D is over at once.
        (TERMINATED, ACK):             (TERMINATED, _release_ack),
        # The figure informs the TU, but it has its final response, and its peer will repeat that no more.
        (COMPLETED,  TRANSPORT_ERROR): (TERMINATED, ClientTransaction._end),
        (COMPLETED,  Timer.D):         (TERMINATED, ClientTransaction._end),
        (ACCEPTED,   SUCCESS):         (ACCEPTED,   ClientTransaction._deliver),
        (ACCEPTED,   Timer.M):         (TERMINATED, ClientTransaction._end),
    }
    RETRANSMIT = {CALLING: Timer.A}
    # Timer.CANCEL has no length of its own, so that PROCEEDING is bounded only once _cancel says so.
    LIFETIME   = {CALLING: Timer.B, PROCEEDING: Timer.CANCEL, COMPLETED: Timer.D, ACCEPTED: Timer.M}
    # fmt: on
