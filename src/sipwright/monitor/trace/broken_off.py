"""Why the switch has ended a call that was answered: which end has fallen silent, and what to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sipwright.sip import Message, ParseError, Request, Response, parse
from sipwright.store.history.calltraces import CallTrace

from .ladder import Rung, rungs

__all__ = ["broken_off"]

_OUTSIDE = ("ACK", "BYE", "CANCEL", "PRACK")
"""What tells nothing of whether an end is still there."""

_NO_ACK = (
    "{who} never acknowledged the answer (no ACK came within 32 s): it has not heard our 200 OK, or its ACK goes "
    "elsewhere; look at the SIP ALG of its router, and at [sip] public_address"
)
_SILENT = (
    "{who} did not answer our {method} any more: it has lost its network or its power, or a NAT on the way has "
    "forgotten it ([sip] keep_alive)"
)
_UNKNOWN = "{who} said to our {method} that it does not know the call any more (481): it has ended or restarted there"
_UNREFRESHED = (
    "the session timer has run out (RFC 4028): the end that was to refresh the call has sent neither a re-INVITE nor "
    "an UPDATE in time"
)
_LIMIT = "time limit reached, of [sip] longest_call, the user, the provider or the dialplan"
_GONE = ("no longer there", "session expired", "failed")


@dataclass(slots=True)
class _Asked:
    """A request of ours inside a dialog, and the final status that it got."""

    leg: int
    method: str
    status: int | None = None


def broken_off(trace: CallTrace, reason: str | None) -> str | None:
    """Say why a call ended; `reason` is what our BYE or the records say, in a few words, which is returned if all else
    is unknown."""
    said = (reason or "").lower()
    if said == "no ack":
        return _NO_ACK.format(who=_who(trace, _never_acknowledged(trace)))
    if said == "time limit reached":
        return _LIMIT
    if said.endswith(_GONE):
        asked = _asked_in_vain(trace)
        if asked is not None:
            sentence = _UNKNOWN if asked.status == 481 else _SILENT
            return sentence.format(who=_who(trace, asked.leg), method=asked.method)
        if said == "session expired":
            return _UNREFRESHED
    return None if reason is None else reason[:1].lower() + reason[1:]


def _who(trace: CallTrace, leg: int | None) -> str:
    if leg is None:
        return "an end"
    if leg == 0:
        return "the caller"
    target = next((one["target"] for one in trace.legs if one["leg"] == leg), None)
    return target or "the other end"


def _messages(trace: CallTrace) -> Iterator[tuple[Rung, Message]]:
    for rung in rungs(trace):
        try:
            yield rung, parse(rung.data)
        except ParseError:
            continue


def _asked_in_vain(trace: CallTrace) -> _Asked | None:
    """Return the request of ours that has shown that an end is gone: of those unanswered the one that waits longest.

    The other end is asked at the same time, and answers.
    """
    asked: dict[tuple[int, int], _Asked] = {}
    for rung, message in _messages(trace):
        key = rung.leg, message.cseq.number
        if isinstance(message, Request):
            if not rung.is_to_switch and message.method not in _OUTSIDE and message.to_tag is not None:
                asked.setdefault(key, _Asked(rung.leg, message.method))
        elif rung.is_to_switch and key in asked and isinstance(message, Response) and message.is_final:
            asked[key].status = message.status
    in_vain = [one for one in asked.values() if one.status in (408, 481)]
    silent = [one for one in asked.values() if one.status is None]
    return in_vain[-1] if in_vain else next(iter(silent), None)


def _never_acknowledged(trace: CallTrace) -> int | None:
    """Return the leg whose INVITE we have answered, and that has not acknowledged it."""
    open_: dict[tuple[int, int], int] = {}
    for rung, message in _messages(trace):
        key = rung.leg, message.cseq.number
        if isinstance(message, Response):
            if not rung.is_to_switch and message.is_success and message.cseq.method == "INVITE":
                open_[key] = rung.leg
        elif rung.is_to_switch and isinstance(message, Request) and message.method == "ACK":
            open_.pop(key, None)
    return next(iter(open_.values()), None)
