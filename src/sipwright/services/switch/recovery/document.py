"""A call written down, so that another process can go on with it: what stands in `calls.document`, and back.

The document is a JSON object. It has what the peers have been told and what they are still to be told, and nothing that
can be derived; what is as usual is left out. Message bytes stand in it as Latin-1 text, so that every byte survives.
Every value has a name, and the names are those of `StoredCall` and `StoredLeg`; whoever changes what a name means, or
takes one away, raises `FORMAT` and writes the step from the format before into `upgrade.py`. A new name with a default
needs neither. `recover.py` makes a live call of it.

=================  ==================================================================================================
name               what it is
=================  ==================================================================================================
format             4
kind               `call`, `third_party` (RFC 3725), `target` (of a transfer) or `picker`; all but the first have an
                   object of that name with what is theirs
direction ...      on whose behalf it runs, by the names of `Identity`
caller, legs       one object each, by the names of `StoredLeg`; legs are numbered from 1, the caller is 0;
                   the options of a leg stand in its destination, by the names of `LegOptions`
peer, near         the legs that are joined, where `near` is not the caller
held               the legs that hold the other end
linked_id          the part that began the call which this is a part of, if it is not that one itself
timers             when each runs out, by its name
hunt               the groups that are left to be rung, and the first leg that this hunt has rung
processes          what goes on in it besides, each with its `kind`: `relay`, `transfer`, `takeover`,
                   `renegotiation`, `unwanted_answer`, `session` (the session timer of a leg), `provisionals` (the
                   reliable ones), `refer_names` (the CSeq numbers of REFERs that have crossed)
=================  ==================================================================================================
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from sipwright.own_code import own_code
from sipwright.services.leg_options import PLAIN

from ..call.call import Call
from ..call.callee import Callee
from ..call.caller import Caller
from ..dialling.hunt import Hunt
from ..model.destination import Destination
from ..model.leg_state import LegState
from ..model.stored_processes import (
    StoredPicker,
    StoredProcess,
    StoredTarget,
    StoredThirdParty,
    read_picker,
    read_process,
)
from .upgrade import upgraded

__all__ = [
    "FORMAT",
    "MEMORY",
    "NONSENSE",
    "StoredCall",
    "StoredLeg",
    "UnreadableError",
    "damaged",
    "read_document",
    "write_document",
]

FORMAT = 4
"""The version of the document."""

MEMORY = 32.0
"""For how many seconds a request is repeated that was not answered (64*T1, RFC 3261 §17)."""


_encode_any = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=True, check_circular=False, default=asdict
).encode

_WITH_INVITE = (LegState.CALLING, LegState.RINGING, LegState.CANCELLED, LegState.REFUSED)


NONSENSE = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, AssertionError
)  # fmt: skip
"""What goes wrong where what is written makes no sense; what a call asserts of itself holds of all that it writes."""


class UnreadableError(ValueError):
    """A document that this version cannot go on with; it says why, and what can be done."""


@dataclass(frozen=True, slots=True)
class StoredLeg:
    """What is kept of a leg; `progress`, `tags`, `provider` are the caller's, `destination`, `carried` a callee's.

    `early` has the early dialogs by the tag that tells them apart, which is ours in the caller's.
    """

    state: str
    call_id: str
    tag: str
    source: str
    started_at: float
    flow: str | None = None
    is_phone: bool = False
    instance: str | None = None
    left: str | None = None
    dialog: dict[str, Any] | None = None
    early: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags: list[list[Any]] = field(default_factory=list)
    invite: str | None = None
    invite_cseq: int = 1
    ack: str | None = None
    unacked_response: str | None = None
    unacked_at: float = 0.0
    pending_request: str | None = None
    last_final: str | None = None
    last_final_at: float = 0.0
    rang_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    outcome: dict[str, Any] | None = None
    hung_up_by: str | None = None
    progress: int = 0
    destination: dict[str, Any] | None = None
    provider: tuple[int, str] | None = None
    auth: dict[str, Any] | None = None
    rounds: int = 0
    is_neighbour: bool = False
    carried: tuple[int, int, float] | None = None


@dataclass(frozen=True, slots=True)
class StoredCall:
    """What is kept of a call."""

    kind: str
    state: str
    direction: str
    account_id: int | None
    user_id: int
    domain: str
    started_at: float
    from_text: str
    to_text: str
    dialled_user: str
    timers: dict[str, float]
    caller: StoredLeg
    legs: tuple[StoredLeg, ...]
    dialplan_id: int | None = None
    dialplan: str | None = None
    version: int | None = None
    execution_id: str | None = None
    answered_at: float | None = None
    shown_from: str | None = None
    max_forwards: int = 70
    loops: int = 0
    passes: int = 0
    linked_id: str | None = None
    is_part: bool = False
    limit: float | None = None
    peer: int | None = None
    near: int | None = None
    held: tuple[int, ...] = ()
    early_leg: int | None = None
    early_tag: str | None = None
    hunt: dict[str, Any] | None = None
    processes: list[StoredProcess] = field(default_factory=list)
    third_party: StoredThirdParty | None = None
    target: StoredTarget | None = None
    picker: StoredPicker | None = None


# Reading.


def read_document(document: bytes) -> StoredCall:
    """Read a document of this format, or of one before.

    Raises:
        UnreadableError: It is of a newer format, or damaged.
    """
    try:
        parts = _parsed(document)
        number = parts["format"] if isinstance(parts, dict) else parts[0]
        if number > FORMAT:
            raise UnreadableError(
                f"a newer version of Sipwright has written it (format {number}; this one knows {FORMAT}): "
                "start that version, or a later one, and the call goes on"
            )
        known = upgraded(parts, number, FORMAT)
        del known["format"]
        known["processes"] = [read_process(process) for process in known.get("processes", ())]
        for name, kind in (("third_party", StoredThirdParty), ("target", StoredTarget)):
            if known.get(name) is not None:
                known[name] = kind(**known[name])
        if known.get("picker") is not None:
            known["picker"] = read_picker(known["picker"])
        legs = tuple(StoredLeg(**leg) for leg in known.pop("legs"))
        return StoredCall(caller=StoredLeg(**known.pop("caller")), legs=legs, **known)
    except UnreadableError:
        raise
    except NONSENSE as error:
        raise damaged(error) from error


def _parsed(document: bytes) -> Any:
    try:
        return orjson.loads(document)
    except ValueError:  # lone surrogates stand for bytes of the wire that are no UTF-8
        return json.loads(document)


def damaged(error: Exception) -> UnreadableError:
    """Say that what is written of a call makes no sense, and what to do."""
    return UnreadableError(
        f"what is written of it makes no sense here ({type(error).__name__}: {error}): "
        "report that, with its row of the table calls; deleting the row forgets the call"
    )


# Writing. This is done about four times for every call, so the objects are made as they are to be written.


def write_document(call: Call) -> bytes:  # noqa: C901 - a line for each name
    """Return the whole state of a call."""
    identity, hunt, originator = call.identity, call.hunt, call.originator
    state: dict[str, Any] = {
        "format": FORMAT,
        "kind": "call" if originator is None else originator.kind,
        "state": call.state,
        "direction": identity.direction,
        "account_id": identity.account_id,
        "user_id": identity.user_id,
        "domain": identity.domain,
        "started_at": call.started_at,
        "from_text": call.from_text,
        "to_text": call.to_text,
        "dialled_user": call.dialled_user,
        "timers": call.timers,
        "caller": _caller(call.caller),
        "legs": list(map(_callee, call.legs)),
    }
    if identity.dialplan_id is not None:
        state["dialplan_id"] = identity.dialplan_id
        state["dialplan"] = identity.dialplan
        state["version"] = identity.version
    if call.execution_id is not None:
        state["execution_id"] = call.execution_id
    if call.answered_at is not None:
        state["answered_at"] = call.answered_at
    if call.shown_from is not None:
        state["shown_from"] = call.shown_from
    if call.max_forwards != 70:
        state["max_forwards"] = call.max_forwards
    if call.loops:
        state["loops"] = call.loops
    if call.passes:
        state["passes"] = call.passes
    if call.linked_id is not None:
        state["linked_id"] = call.linked_id
        if call.is_part:
            state["is_part"] = True
    if call.limit is not None:
        state["limit"] = call.limit
    if call.peer is not None:
        state["peer"] = call.peer.index
    if call.early_leg is not None:
        state["early_leg"] = call.early_leg
        state["early_tag"] = call.early_tag
    if isinstance(hunt, Hunt):
        state["hunt"] = hunt.to_state()
    if call.near is not None:
        state["near"] = call.near.index
    if call.held:
        state["held"] = call.held
    if call.processes:
        state["processes"] = [process.to_state() for process in call.processes]
    if originator is not None:
        state[originator.kind] = originator.to_state()
    try:
        return orjson.dumps(state)
    except TypeError:  # bytes of the wire that are no UTF-8 stand in it as lone surrogates
        return _encode_any(state).encode("ascii")


def _leg(leg: Caller | Callee) -> dict[str, Any]:  # noqa: C901 - a line for each name
    stored: dict[str, Any] = {
        "state": leg.state,
        "call_id": leg.sip_call_id,
        "tag": leg.local_tag,
        "source": leg.source,
        "started_at": leg.started_at,
        "flow": None if leg.flow is None else leg.flow.key,
    }
    if isinstance(leg, Callee):
        stored["destination"] = _destination(leg.destination)
        if leg.carried is not None:
            stored["carried"] = list(leg.carried)
    else:
        stored["progress"] = leg.progress
        if leg.tags:
            stored["tags"] = [[*source, local] for source, local in leg.tags.items()]
        if leg.provider is not None:
            stored["provider"] = leg.provider
        if leg.is_neighbour:
            stored["is_neighbour"] = True
    if leg.auth is not None:
        stored["auth"] = leg.auth.to_state()
    if leg.rounds:
        stored["rounds"] = leg.rounds
    if leg.is_phone:
        stored["is_phone"] = True
    if leg.instance is not None:
        stored["instance"] = leg.instance
    if leg.left is not None:
        stored["left"] = leg.left
    if leg.dialog is not None:
        stored["dialog"] = leg.dialog.to_state()
    if leg.early:
        stored["early"] = {tag: dialog.to_state() for tag, dialog in leg.early.items()}
    if leg.invite is not None and leg.state in _WITH_INVITE:
        stored["invite"] = bytes(leg.invite).decode("latin-1")
    if leg.invite_cseq != 1:
        stored["invite_cseq"] = leg.invite_cseq
    if leg.ack is not None:
        stored["ack"] = leg.ack.decode("latin-1")
    if leg.unacked_response is not None:
        stored["unacked_response"] = leg.unacked_response.decode("latin-1")
        stored["unacked_at"] = leg.unacked_at
    if leg.pending_request is not None:
        stored["pending_request"] = leg.pending_request.decode("latin-1")
    if leg.last_final is not None and leg.owner.ports.wall_clock() < leg.last_final_at + MEMORY:
        # Its peer may still ask for it.
        stored["last_final"], stored["last_final_at"] = leg.last_final.decode("latin-1"), leg.last_final_at
    if leg.rang_at is not None:
        stored["rang_at"] = leg.rang_at
    if leg.answered_at is not None:
        stored["answered_at"] = leg.answered_at
    if leg.ended_at is not None:
        stored["ended_at"], stored["hung_up_by"] = leg.ended_at, leg.hung_up_by
        stored["outcome"] = None if leg.outcome is None else leg.outcome.to_state()
    return stored


_caller, _callee = own_code(_leg), own_code(_leg)


def _destination(to: Destination) -> dict[str, Any]:  # noqa: C901 - a line for each name
    stored: dict[str, Any] = {"target": to.target, "uri": to.uri, "to": to.to}
    if to.flow is not None:
        stored["flow"] = to.flow
    if to.route:
        stored["route"] = to.route
    if to.is_route_named:
        stored["is_route_named"] = True
    if to.account_id is not None:
        stored["account_id"] = to.account_id
    if to.provider is not None:
        stored["provider"] = to.provider
    if to.options is not PLAIN:
        stored |= to.options.to_state()
    if to.answer_within:
        stored["answer_within"] = to.answer_within
    if to.caller:
        stored["caller"], stored["number"] = to.caller, to.number
    if to.redirects:
        stored["redirects"] = to.redirects
        stored["redirected_by"] = to.redirected_by
        if to.diverted:
            stored["diverted"] = to.diverted
        if to.q != 1.0:
            stored["q"] = to.q
    if to.redirect_to:
        stored["redirect_to"] = to.redirect_to
    if to.instance is not None:
        stored["instance"] = to.instance
    if to.is_neighbour:
        stored["is_neighbour"] = True
    if to.parked is not None:
        stored["parked"] = to.parked
    return stored
