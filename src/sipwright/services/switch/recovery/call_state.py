"""A call written down, so that another process can go on with it (`recover.py` reads it).

The document is JSON: what the peers have been told and what they are still to be told, and nothing that can
be derived. Message bytes stand in it as Latin-1 text, so that every byte survives.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from ..call.call import Call
from ..call.callee import Callee
from ..call.caller import Caller
from ..call.leg import Leg
from ..dialling.hunt import Hunt
from ..midcall.relay import Crossing
from ..model.leg_state import LegState
from ..transfer.takeover import Replacement
from ..transfer.target_call import ReferredCall
from ..transfer.third_party_call import ThirdPartyCall
from ..transfer.transfer import Transfer

__all__ = ["FORMAT", "MEMORY", "write_document"]

FORMAT = 2
"""The version of the document; a node refuses to go on with a newer one than it knows."""

MEMORY = 32.0
"""For how many seconds a request is repeated that was not answered (64*T1, RFC 3261 §17)."""

_encode_any = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, check_circular=False).encode

_WITH_INVITE = (LegState.CALLING, LegState.RINGING, LegState.CANCELLED, LegState.REFUSED)


def write_document(call: Call) -> bytes:
    """Return the whole state of a call."""
    identity, hunt, peer, now = call.identity, call.hunt, call.peer, call.ports.wall_clock()
    assert hunt is None or isinstance(hunt, Hunt)
    parts = [
        FORMAT,
        call.state,
        [
            identity.direction,
            identity.account_id,
            identity.user_id,
            identity.domain,
            identity.dialplan_id,
            identity.dialplan,
            identity.version,
        ],
        [
            call.started_at,
            call.answered_at,
            call.from_text,
            call.to_text,
            call.dialled_user,
            call.max_forwards,
            call.loops,
            call.limit,
        ],
        call.timers,
        _caller(call.caller, now),
        [_callee(leg, now) for leg in call.legs],
        [process.to_state() for process in call.processes if isinstance(process, Crossing)],
        [
            None if peer is None else peer.index,
            call.early_leg,
            None if hunt is None else (hunt.groups, hunt.ring, hunt.headers, hunt.first),
            call.execution_id,
            *_more(call),
        ],
    ]
    try:
        return orjson.dumps(parts)
    except TypeError:  # bytes of the wire that are no UTF-8 stand in it as lone surrogates
        return _encode_any(parts).encode("ascii")


def _more(call: Call) -> list[Any]:
    """Return what there is of a special kind of call, or of one that was or is to be transferred."""
    if isinstance(call, ReferredCall):
        return [call.to_state()]
    if isinstance(call, ThirdPartyCall):
        return [call.to_state(), _transfers(call)]
    if call.near is None and not call.processes:
        return []
    transfers = _transfers(call)
    return [] if transfers == ["call", None, None, None] else [transfers]


def _transfers(call: Call) -> list[Any]:
    near, transfer, replacement = call.near, call.find(Transfer), call.find(Replacement)
    return [
        "call",
        None if near is None else near.index,
        None if transfer is None else transfer.to_state(),
        None if replacement is None else replacement.to_state(),
    ]


def _caller(leg: Caller, now: float) -> list[Any]:
    parts = _leg(leg, now)
    parts.append(leg.progress)
    return parts


def _callee(leg: Callee, now: float) -> list[Any]:
    parts, to = _leg(leg, now), leg.destination
    destination = (
        to.target, to.uri, to.to, to.flow, to.route, to.account_id, to.provider, to.delay, to.limit, to.mangle,
        to.from_name, to.from_user, to.from_host, to.headers, to.redirects,
        to.transfer, to.redirect, to.redirect_to, to.instance,
    )  # fmt: skip
    parts += (destination, leg.has_authenticated)
    return parts


def _leg(leg: Leg, now: float) -> list[Any]:
    state, flow, dialog, invite, outcome = leg.state, leg.flow, leg.dialog, leg.invite, leg.outcome
    ack, told, asking, last_answer = leg.ack, leg.told, leg.asking, leg.last_answer
    return [
        state,
        leg.sip_call_id,
        leg.local_tag,
        None if flow is None else flow.key,
        leg.source,
        leg.is_phone,
        None if dialog is None else dialog.to_state(),
        None if invite is None or state not in _WITH_INVITE else bytes(invite).decode("latin-1"),
        leg.invite_cseq,
        None if ack is None else ack.decode("latin-1"),
        leg.started_at,
        leg.rang_at,
        leg.answered_at,
        leg.ended_at,
        None if outcome is None else tuple(outcome),
        leg.hung_up_by,
        leg.instance,
        None if told is None else (told.decode("latin-1"), leg.told_at),
        None if asking is None else asking.decode("latin-1"),
        None if last_answer is None else _last_answer(leg, last_answer, now),
    ]


def _last_answer(leg: Leg, answer: bytes, now: float) -> tuple[str, float] | None:
    """Return the answer while its peer may still ask for it."""
    is_fresh = now < leg.last_answer_at + MEMORY
    return (answer.decode("latin-1"), leg.last_answer_at) if is_fresh else None
