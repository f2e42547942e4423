"""Whether the ends of a talking call are still there: they say so by session timers, or are asked.

No media runs through the switch, so a phone that lost its power is never noticed by itself, and after a restart some
of the calls in the database may have ended without us. A session timer (RFC 4028), which is in `session_timer.py`,
begins and goes on with each request, and its 2xx, that may refresh it. Who knows none is asked by an OPTIONS inside the
dialog: a peer that does not know the call answers 481, one that is gone does not answer at all (RFC 3261 §12.2.1.2 says
that either ends the dialog).
"""

from __future__ import annotations

from functools import partial

from sipwright.sip import Message, Request, Response
from sipwright.sip.dialog import Dialog
from sipwright.sip.session_timer import LEAST, accept, accept_headers, agreed, is_too_short, min_se
from sipwright.sip.transaction import ClientTransaction
from sipwright.stack import ReconnectingFlow
from sipwright.transport import Flow

from ..call.call import Call
from ..call.leg import Leg
from ..model.leg_state import ANSWERED, LegEvent, LegState
from .session_timer import SessionTimer

__all__ = ["AFTER_RECOVERY", "PROBE", "Sessions", "probe_ends", "probe_later", "session_of"]

PROBE = "probe"
"""The timer that runs until the ends of a call are asked."""

LONGEST_WAY_BACK = 300.0
"""How long a phone may take to connect again before it is taken for gone, in seconds."""

AFTER_RECOVERY = 60
"""Within how many seconds the calls of an earlier process are probed, spread evenly."""


def probe_later(call: Call, leg: Leg) -> None:
    """Have the ends of a call asked that talks from now on, if that is wanted."""
    if call.ports.settings.probe:
        call.arm(PROBE, call.ports.settings.probe)


def probe_ends(call: Call) -> None:
    """Send OPTIONS to both ends, but to those that change the call, or have a session timer, which tell as much."""
    ports = call.ports
    patience = ports.settings.probe
    for leg in call.ends():
        dialog, flow = leg.dialog, leg.flow
        if leg.state is not LegState.ANSWERED or leg.reinvite is not None or dialog is None or flow is None:
            continue
        session = session_of(leg)
        if session is not None and session.is_sure:
            continue
        if (
            isinstance(flow, ReconnectingFlow)
            and flow.is_lost
            and ports.wall_clock() < flow.since + LONGEST_WAY_BACK
        ):
            patience = AFTER_RECOVERY
            continue
        Probe(call, leg).ask(dialog, flow)
    call.arm(PROBE, patience)


class Probe:
    """One question to one end."""

    __slots__ = ("_call", "_leg", "_rounds")

    def __init__(self, call: Call, leg: Leg) -> None:
        self._call = call
        self._leg = leg
        self._rounds = 0

    def ask(self, dialog: Dialog, flow: Flow) -> None:
        """Send it."""
        call, leg, ports = self._call, self._leg, self._call.ports
        options = dialog.make_request("OPTIONS", via=ports.stack.new_via(flow))
        leg.sign(options)
        leg.pending_request = bytes(options)
        call.changed()
        call.when_stored(partial(ports.routes.send_request, leg, options, self))

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Hang up when the end is gone; any other answer means that it is there.

        But for a challenge: whoever asks that on the way to it does not know.
        """
        call, leg, status = self._call, self._leg, response.status
        with call.event():
            if response.is_final:
                leg.pending_request = None
                if self._ask_again(transaction.request, response):
                    return
            if status in (408, 481):
                leg.transition(LegEvent.END)
                reason = f'SIP;cause={status};text="No longer there"'
                call.hang_up("switch", reason, already=leg, status=status)

    def _ask_again(self, asked: Request, response: Response) -> bool:
        leg = self._leg
        dialog, flow = leg.dialog, leg.flow
        leg.note_credentials(response)
        if leg.state is not LegState.ANSWERED or dialog is None or flow is None:
            return False
        if not leg.is_challenged(asked, response, self._rounds):
            return False
        self._rounds += 1
        self.ask(dialog, flow)
        return True


Pairs = list[tuple[str, str]]

_ABOUT_TIMERS = ("session-expires", "supported", "require")


def session_of(leg: Leg) -> SessionTimer | None:
    """Return the session timer of a leg, if it has one."""
    owner = leg.owner
    if isinstance(owner, Call):
        for process in owner.processes:
            if isinstance(process, SessionTimer) and process.leg is leg:
                return process
    return None


class Sessions:
    """What calls do about session timers when a request, or a 2xx, that may refresh one goes either way."""

    __slots__ = ()

    def refusal(self, call: Call, request: Request) -> Pairs | None:
        """Return the headers of the 422 that a request is to be answered with; None when its interval will do (§9)."""
        settings = call.ports.settings
        is_refused = settings.session_expires and is_too_short(request, settings.min_se)
        return [("Min-SE", str(settings.min_se))] if is_refused else None

    def accepted(self, leg: Leg, request: Request, body: bytes) -> Pairs:
        """Accept a request of the peer with a 2xx that has this body; returns what else that is to say (§9)."""
        call, session, flow = leg.owner, session_of(leg), leg.flow
        if session is None and request.headers.index().keys().isdisjoint(_ABOUT_TIMERS):
            return []
        if not isinstance(call, Call) or leg.state is not ANSWERED:
            return []
        wish = call.ports.settings.session_expires
        is_wanted = wish and flow is not None and flow.protocol != "loop"
        agreement = accept(request, wish, None if session is None else session.kept) if is_wanted else None
        if agreement is None:
            if session is not None:
                session.turn_off()
            return []
        session = _begun(call, leg, session, request, body)
        asked = min_se(request)
        session.least = max(session.least, asked if asked > LEAST else 0)
        session.agree(agreement.interval, is_ours=agreement.refresher == "uas")
        return accept_headers(request, agreement)

    def settled(self, leg: Leg, response: Response, body: bytes = b"") -> None:
        """Take what the 2xx to a request of ours says, in which `body` was offered (§7.2)."""
        call, session, flow = leg.owner, session_of(leg), leg.flow
        if not isinstance(call, Call) or leg.state is not ANSWERED or flow is None:
            return
        is_wanted = call.ports.settings.session_expires and flow.protocol != "loop"
        agreement = agreed(response) if is_wanted else None
        if agreement is not None:
            session = _begun(call, leg, session, response, body)
            session.agree(agreement.interval, is_ours=agreement.refresher == "uac")
        elif session is not None:
            session.turn_off()

    def headers(self, leg: Leg) -> Pairs:
        """Return what a re-INVITE or UPDATE of ours says (§7.4)."""
        session = session_of(leg)
        return [] if session is None else session.headers()

    def is_raised(self, leg: Leg, response: Response) -> bool:
        """Return whether a request is to be sent again with a longer interval, since it was answered 422 (§7.3)."""
        session = session_of(leg) if response.status == 422 else None
        return session is not None and session.raise_to(response)

    def described(self, leg: Leg, body: bytes) -> None:
        """Note the session description that a peer was sent in an ACK, or in a 2xx."""
        session = session_of(leg)
        if session is not None and body:
            session.body = body

    def rearm(self, call: Call, leg: Leg | None = None) -> None:
        """Let the session timers run on whose time was called off with all others."""
        for process in call.processes:
            if isinstance(process, SessionTimer):
                process.arm()


def _begun(call: Call, leg: Leg, session: SessionTimer | None, message: Message, body: bytes) -> SessionTimer:
    """Return the session timer of a leg, and note what the peer takes for a refresh."""
    if session is None:
        session = SessionTimer(call, leg)
        call.carry(session)
    if "allow" in message.headers.index():
        session.takes_update = "UPDATE" in message.headers.get_list("allow")
    session.body = body or session.body
    return session
