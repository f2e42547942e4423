"""What calls do about session timers (RFC 4028) when a request, or a 2xx, that may refresh one goes either way.

The timers themselves are in `session_timer.py`.
"""

from __future__ import annotations

from sipwright.sip import Message, Request, Response
from sipwright.sip.session_timer import LEAST, accept, accept_headers, agreed, is_too_short, min_se

from ..call.call import Call
from ..call.leg import Leg
from ..model.leg_state import ANSWERED
from .session_timer import SessionTimer

__all__ = ["Sessions", "session_of"]

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
