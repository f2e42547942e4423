"""The session timer of a leg: each leg of a call has its own (RFC 4028), whatever the other one has agreed on.

::

    caller               switch                callee
      |<== refreshed by the caller ==>|             |
      |                    |<== refreshed by us ===>|
      |--- UPDATE -------->|                        |
      |<-- 200 ------------|                        |     a refresh of one end is answered here; what changes
      |                    |--- UPDATE or re-INVITE |     the call crosses, and refreshes both
      |                    |<-- 200 ----------------|

Where the peer refreshes and does not, the call ends before the time is over; where we do, and the peer does not answer
or does not know the call any more, too (§10). Whoever refreshes is told by `sip/session_timer.py`.
"""

from __future__ import annotations

from functools import partial

from sipwright.sip import Request, Response, parse
from sipwright.sip.grammar import parse_seconds
from sipwright.sip.session_timer import MOST, MOST_RAISES, Agreement, min_se
from sipwright.sip.transaction import ClientTransaction
from sipwright.stack import ReconnectingFlow

from ..call.call import Call
from ..call.leg import Leg
from ..model.leg_state import ANSWERED
from ..model.stored_processes import StoredReInvite, StoredSession
from .refresh import NOT_ALLOWED
from .reinvite import ReInvite, after_glare

__all__ = ["SessionTimer"]

WAY_BACK = 300.0
"""How long a phone that refreshes nothing itself may take to connect again, in seconds."""

BUSY = 2.0
"""Seconds after which a refresh is tried again that something else has held up."""

PATIENCE = 32.0
"""Seconds in which a refresh must be answered: those of a transaction that nobody answers (64*T1)."""

MARGIN = 32.0
"""How many seconds before its end a session that was not refreshed ends, or a third of it (§10)."""

Pairs = list[tuple[str, str]]

_OVER = (408, 481)


class SessionTimer:
    """The session timer of one leg.

    `is_ours` says that we refresh, `least` is the largest Min-SE that was seen in the dialog (§7.4). `body` is the
    session description that the peer was sent last, for a re-INVITE; `wire` is an UPDATE that is not answered.
    It `is_sure` that the peer is there while it has agreed in the lifetime of this process.
    """

    __slots__ = (
        "_invite",
        "_raises",
        "_rounds",
        "_stored",
        "_tries",
        "body",
        "call",
        "due_at",
        "expires_at",
        "interval",
        "is_ours",
        "is_sure",
        "least",
        "leg",
        "takes_update",
        "wire",
    )

    timers = ("session",)
    is_awaited = False

    def __init__(self, call: Call, leg: Leg) -> None:
        self.call = call
        self.leg = leg
        self.takes_update = False
        self.interval = 0
        self.is_ours = self.is_sure = False
        self.least = 0
        self.due_at = self.expires_at = 0.0
        self.body = b""
        self.wire: bytes | None = None
        self._invite: ReInvite | None = None
        self._stored: StoredReInvite | None = None
        self._rounds = self._raises = self._tries = 0

    # Written down, and read again.

    def to_state(self) -> StoredSession:
        """Return what another process needs to go on."""
        return StoredSession(
            leg=self.leg.index,
            interval=self.interval,
            is_ours=self.is_ours,
            due_at=self.due_at,
            expires_at=self.expires_at,
            least=self.least,
            takes_update=self.takes_update,
            body=self.body.decode("latin-1"),
            wire=None if self.wire is None else self.wire.decode("latin-1"),
            rounds=self._rounds,
            invite=self._stored if self._invite is None else self._invite.to_state(),
        )

    @classmethod
    def from_state(cls, call: Call, state: StoredSession) -> SessionTimer:
        """Make it again; `resume` sets it going."""
        legs: list[Leg] = [call.caller, *call.legs]
        session = cls(call, legs[state.leg])
        session.takes_update = state.takes_update
        session.interval, session.is_ours, session.least = state.interval, state.is_ours, state.least
        session.due_at, session.expires_at = state.due_at, state.expires_at
        session.body = state.body.encode("latin-1")
        session.wire = None if state.wire is None else state.wire.encode("latin-1")
        session._rounds, session._stored = state.rounds, state.invite
        return session

    def resume(self) -> None:
        """Say once more what was under way: the peer takes it for a retransmission."""
        stored, self._stored = self._stored, None
        if stored is not None:
            self._invite = ReInvite(self.call, self.leg, self._reinvited)
            self._invite.resume(stored)
        elif self.wire is not None and (dialog := self.leg.dialog) is not None:
            if parse(self.wire).cseq.number == dialog.local_cseq:
                self.call.ports.routes.repeat_request(self.leg, self.wire, self)
            else:  # it was answered, or has lost its turn
                self.wire = None
        if self._invite is None and self.wire is None and self._name not in self.call.timers:
            self._wait(BUSY)

    def moved(self, call: Call, leg: Leg) -> None:
        """Go on in another call, with the leg."""
        with self.call.event():
            self._drop()
        self.call, self.leg = call, leg
        call.carry(self)
        self.arm()

    @property
    def is_idle(self) -> bool:
        """No refresh of ours is under way."""
        return self._invite is None and self.wire is None

    # What the two ends agree on.

    @property
    def kept(self) -> Agreement:
        """What is in force, as a request of the peer would have it."""
        return Agreement(self.interval, "uas" if self.is_ours else "uac")

    def agree(self, interval: int, *, is_ours: bool) -> None:
        """Begin anew, as a 2xx has said."""
        now = self.call.ports.wall_clock()
        self.interval, self.is_ours, self.is_sure = interval, is_ours, True
        self.expires_at = now + interval
        self.due_at = now + (interval / 2 if is_ours else interval - min(MARGIN, interval / 3))
        self._rounds = self._raises = self._tries = 0
        self.call.changed()
        self.arm()

    def arm(self) -> None:
        """Let its time run, as far as nothing else has stopped it."""
        self._wait(max(self.due_at - self.call.ports.wall_clock(), 0.0))

    def _wait(self, seconds: float) -> None:
        self.due_at = self.call.ports.wall_clock() + seconds
        self.call.arm(self._name, seconds)

    @property
    def _name(self) -> str:
        return f"session {self.leg.index}"

    def headers(self) -> list[tuple[str, str]]:
        """Return what a request that refreshes the session says of it (§7.4)."""
        interval = max(self.interval, self.least)
        headers = [("Session-Expires", f"{interval};refresher={'uac' if self.is_ours else 'uas'}")]
        return [*headers, ("Min-SE", str(self.least))] if self.least else headers

    def raise_to(self, response: Response) -> bool:
        """Take a 422: whether what it answers is to be sent again, with a longer interval (§7.3)."""
        asked = min_se(response)
        if not self.least < asked <= MOST or self._raises >= MOST_RAISES:
            return False
        self._raises += 1
        self.least = asked
        self.call.changed()
        return True

    # Refreshes of ours.

    def timer(self, name: str) -> None:
        """Refresh the session, or end it, since nobody has."""
        if name != self._name:
            return
        leg = self.leg
        if leg.state is not ANSWERED:
            self._drop()
        elif self._invite is not None:
            self._invite.cancel()
        elif not self.is_ours:
            self._end(408)
        elif self.wire is None:
            self._refresh()

    def _refresh(self) -> None:
        call, leg, flow = self.call, self.leg, self.leg.flow
        now = call.ports.wall_clock()
        is_away = isinstance(flow, ReconnectingFlow) and flow.is_lost and now < flow.since + WAY_BACK
        if is_away or (leg.reinvite is not None and now < self.expires_at):
            self._wait(BUSY)  # what changes the call refreshes it, too
        elif self.takes_update or not self._described():
            self._update()
        elif ReInvite.may_begin(leg):
            self._invite = ReInvite(call, leg, self._reinvited)
            self._wait(PATIENCE)
            self._invite.send(self._described(), "application/sdp")
        else:
            self._wait(BUSY)

    def _described(self) -> bytes:
        """Return the session description that the peer has of the other end."""
        if not self.body and self.leg.ack is not None:
            self.body = parse(self.leg.ack).body
        return self.body

    def _update(self) -> None:
        call, leg = self.call, self.leg
        dialog, flow = leg.dialog, leg.flow
        if dialog is None or flow is None:
            return
        told = ("Supported", call.ports.settings.extensions)
        update = dialog.make_request(
            "UPDATE",
            via=call.ports.stack.new_via(flow),
            contact=leg.contact_on(flow),
            headers=(told, *self.headers()),
        )
        leg.sign(update)
        self.wire = bytes(update)
        call.changed()
        call.when_stored(partial(call.ports.routes.send_request, leg, update, self))

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take what the peer says to our UPDATE."""
        if response.is_final and self.wire is not None:
            with self.call.event():
                self._updated(transaction.request, response)

    def _updated(self, update: Request, response: Response) -> None:
        call, leg = self.call, self.leg
        self.wire = None
        call.changed()
        if leg.is_challenged(update, response, self._rounds):
            self._rounds += 1
            self._update()
            return
        leg.note_credentials(response)
        if response.is_success:
            call.ports.routes.refreshed(leg, response)
            call.ports.sessions.settled(leg, response)
        elif response.status == 422 and self.raise_to(response):
            self._update()
        elif response.status in NOT_ALLOWED and self.takes_update:
            self.takes_update = False
            self._refresh()
        else:
            self._failed(response)

    def _reinvited(self, response: Response | None) -> None:
        self._invite = None
        if response is None:
            self._drop()
        elif response.is_success:
            self.leg.acknowledge()
        else:
            self._failed(response)

    def _failed(self, response: Response) -> None:
        """Go on after a refresh that has failed: the session has its old end (§10)."""
        left = self.expires_at - self.call.ports.wall_clock()
        if response.status in _OVER:
            self._end(response.status)
        elif left <= BUSY:
            self._drop()  # the peer is there, and will end the call if it does not want to go on like that
        elif response.status == 491:
            self._tries += 1
            self._wait(min(after_glare(self.leg, self._tries), left))
        else:
            self._tries += 1
            later = parse_seconds((response.headers.get("retry-after") or "").partition(";")[0].strip()) or 0
            self._wait(min(max(left / 2, later, BUSY), left))

    # The end.

    def _end(self, status: int) -> None:
        reason = f'SIP;cause={status};text="Session expired"'
        self.call.hang_up("switch", reason, status=status, why="Session Expired")

    def _drop(self) -> None:
        self.call.disarm(self._name)
        self.call.drop(self)
        self.call.changed()

    def turn_off(self) -> None:
        """End the timer, and not the call: the last 2xx says nothing of it (§7.2)."""
        self._drop()

    def abandon(self) -> None:
        """Stop: the call is over."""
        self.call.drop(self)
        self.wire = None
        if self._invite is not None:
            self._invite.give_up()
