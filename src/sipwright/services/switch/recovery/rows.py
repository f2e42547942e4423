"""What the database is told of a call: its row while it lasts, and a CDR for each leg."""

from __future__ import annotations

from typing import Any

from sipwright.services.rows import CdrRow

from ..call.call import Call
from ..call.callee import Callee
from ..call.leg import Leg
from .document import write_document

__all__ = ["call_row", "cdr_row"]


def call_row(call: Call) -> tuple[Any, ...]:
    """Return the row of `calls` (in the order of its columns)."""
    identity = call.identity
    sender, target = _parties(call)
    return (
        call.id,
        call.ports.node,
        identity.user_id,
        identity.account_id,
        identity.direction,
        str(call.state),
        sender,
        target,
        call.started_at,
        call.answered_at,
        write_document(call),
        call.linked_id,
    )


def _parties(call: Call) -> tuple[str, str]:
    """Return who talks to whom: after a transfer not those who called and were called, whom the records name."""
    if len(call.legs) < 2 or all(leg.hung_up_by != "transfer" for leg in (call.caller, *call.legs)):
        return call.from_text, call.to_text
    ends = call.ends()
    if len(ends) < 2:
        return call.from_text, call.to_text
    sender, target = (leg.destination.target if isinstance(leg, Callee) else call.from_text for leg in ends)
    return sender, target


def cdr_row(call: Call, leg: Leg) -> CdrRow:
    """Return the row of `cdrs` for one leg."""
    identity, outcome = call.identity, leg.outcome
    return CdrRow(  # by place: names would cost more than all the rest
        call.id,
        leg.index,
        identity.direction,
        identity.account_id,
        identity.user_id,
        call.from_text,
        call.to_text,
        leg.destination.target if isinstance(leg, Callee) else None,
        identity.dialplan,
        identity.version,
        leg.started_at,
        leg.rang_at,
        leg.answered_at,
        leg.ended_at,
        None if outcome is None else outcome.status,
        None if outcome is None else outcome.reason,
        leg.hung_up_by,
        leg.sip_call_id,
        call.execution_id,
        call.linked_id,
    )
