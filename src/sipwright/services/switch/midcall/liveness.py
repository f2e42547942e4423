"""Asking the ends of a talking call whether they are still there.

No media runs through the switch, so a phone that lost its power is never noticed by itself, and after a restart some
of the calls in the database may have ended without us. An OPTIONS inside the dialog tells: a peer that does not know
the call answers 481, one that is gone does not answer at all (RFC 3261 §12.2.1.2 says that either ends the dialog).
"""

from __future__ import annotations

from functools import partial

from sipwright.sip import Request, Response
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import ClientTransaction
from sipwright.stack import ReconnectingFlow
from sipwright.transport import Flow

from ..call.call import Call
from ..call.leg import Leg
from ..model.leg_state import LegEvent, LegState
from .session import session_of

__all__ = ["AFTER_RECOVERY", "PROBE", "probe_ends", "probe_later"]

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
