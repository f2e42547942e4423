"""A leg that goes on in another call, with its dialog: what a transfer and a takeover end with."""

from __future__ import annotations

from dataclasses import replace

from ..call.call import Call
from ..call.callee import Callee
from ..call.leg import Leg
from ..midcall.liveness import session_of
from ..model.destination import Destination
from ..model.leg_state import LegEvent
from .orbit import ring_back_later
from .replaces import account_of

__all__ = ["move"]


def move(leg: Leg, other: Call, call: Call) -> Callee:
    """Let a leg of another call go on in `call`, with its dialog; what is left of it there only has to end."""
    ports, now = call.ports, call.ports.wall_clock()
    moved = Callee(
        call,
        len(call.legs) + 1,
        leg.sip_call_id,
        leg.local_tag,
        now,
        replace(_destination(leg, other), redirect_to=""),
    )
    moved.transition(LegEvent.ANSWER)
    moved.answered_at, moved.is_phone = now, leg.is_phone
    moved.flow, moved.source, moved.dialog, moved.instance = leg.flow, leg.source, leg.dialog, leg.instance
    moved.left = leg.left
    moved.invite_cseq, moved.ack, moved.auth = leg.invite_cseq, leg.ack, leg.auth
    # The answer goes with the dialog: a new process that found it in both calls could bring back only one of them.
    moved.last_final, moved.last_final_at, leg.last_final = leg.last_final, leg.last_final_at, None
    if isinstance(leg, Callee):
        moved.unwanted = leg.unwanted
        if leg.transaction is not None:
            moved.transaction, moved.transaction.user = (
                leg.transaction,
                moved,
            )  # more copies of its 2xx may come
    ports.guard.moved(leg, moved)
    call.legs.append(moved)
    call.changed()
    ring_back_later(call, moved)
    session = session_of(leg)
    if session is not None:
        session.moved(call, moved)
    ports.table.remember(moved)
    ports.table.relink(moved, call)
    return moved


def _destination(leg: Leg, call: Call) -> Destination:
    if isinstance(leg, Callee):
        return leg.destination
    assert leg.dialog is not None
    account_id = account_of(call.ports, leg)
    return Destination(
        target=call.from_text, uri=leg.dialog.remote_target, to=call.from_text, account_id=account_id,
        provider=leg.provider,
    )  # fmt: skip
