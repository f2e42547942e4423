"""One plain sentence on why a call ended as it did, from its CDRs, the end of its script and its last messages."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any, NamedTuple

from sipwright.sip import ParseError, Request, parse, reason_for
from sipwright.store.history.calltraces import CallTrace, RunTrace
from sipwright.store.history.one_call import is_made_here

from .broken_off import broken_off
from .ladder import rungs
from .meaning import meanings

__all__ = ["why"]

_MOST_PARTS = 5
_CIRCLES = 3
"""How often a call comes to the same account before that is no coincidence any more."""

_TEXT = re.compile(r'text="([^"]*)"')


def why(trace: CallTrace) -> str:
    """Say why the call ended as it did, or how far it is; where nobody answered, also what the others decided."""
    said = _why(trace)
    if not trace.legs or not _is_unanswered(trace):
        return said
    decided = [part for part in trace.parts if part.legs and part.runs and _is_unanswered(part)]
    at_others = [f"At {_name(part.legs[0]['to_uri'])}: {_why(part)}" for part in decided[:_MOST_PARTS]]
    return " ".join([said, *(_circle(trace) or at_others), *meanings(trace)])


def _circle(trace: CallTrace) -> list[str]:
    """Say that dialplans dial each other, where they do so again and again."""
    called = Counter(_name(part.legs[0]["to_uri"]) for part in trace.parts if part.legs and part.runs)
    again = [name for name, times in called.items() if times >= _CIRCLES]
    if not again:
        return []
    whose = "its own account" if len(again) == 1 else "each other's accounts"
    return [
        f"It went round in a circle: the in dialplan{'s' * (len(again) > 1)} of {' and '.join(again)} dial"
        f"{'s' * (len(again) == 1)} {whose}; write {_name(again[0]).partition('@')[0]}@local for the phones."
    ]


def _is_unanswered(part: CallTrace) -> bool:
    caller = part.legs[0]
    return caller["answered_at"] is None and caller["hung_up_by"] not in ("caller", "transfer")


def _name(uri: str | None) -> str:
    return (uri or "").removeprefix("sip:").partition(";")[0]


def _why(trace: CallTrace) -> str:
    if trace.row is not None and not trace.legs:
        return _going_on(trace)
    if not trace.legs:
        return "The call left no records: the switch was stopped before its end was stored."
    caller = trace.legs[0]
    if caller["direction"] == "callback":
        return _called_back(trace)
    if caller["direction"] == "refused":
        return (
            f"The switch refused the call before anybody was called: {_heard(caller)}; the log says why, where it says "
            "that a request was refused."
        )
    if is_made_here(caller["direction"], trace.id, caller["sip_call_id"]):
        return _placed(trace, caller)
    return _decided(trace, caller, _Words("Nobody", f"so the caller heard {_heard(caller)}", ""))


class _Words(NamedTuple):
    """How some things are said: who did not answer, what came of that, and who was called and has hung up."""

    nobody: str
    so: str
    who: str


def _placed(trace: CallTrace, caller: dict[str, Any]) -> str:
    """Say how a call went that was placed for an account: a phone of its own has to answer first."""
    answered = [leg for leg in trace.legs[1:] if leg["answered_at"] is not None]
    if not answered:
        name, to = _name(caller["from_uri"]), _name(caller["to_uri"])
        if caller["hung_up_by"] == "control":
            return f"Somebody ended the call from outside before a phone of {name} had answered."
        return f"No phone of {name} answered first ({_tried(trace)}), so {to} was not called."
    first = min(answered, key=lambda leg: leg["answered_at"])
    begun = f"{first['target']} answered first, after {_span(caller['started_at'], first['answered_at'])}"
    if caller["answered_at"] is None and caller["hung_up_by"] == "callee" and caller["status"] == 487:
        return f"{begun}, and hung up {_span(first['answered_at'], caller['ended_at'])} later."
    others = [leg for leg in trace.legs[1:] if leg["started_at"] >= first["answered_at"]]
    rest = replace(trace, legs=[{**caller, "started_at": first["answered_at"]}, *others])
    who = _who_said_bye(trace) or "one of the two"
    words = _Words("Nobody else", f"so the call ended with {_heard(caller)}", f"{who} ")
    return f"{begun}. {_decided(rest, rest.legs[0], words)}"


def _decided(trace: CallTrace, caller: dict[str, Any], words: _Words) -> str:
    if caller["answered_at"] is not None:
        return _answered(trace, caller, words)
    if caller["hung_up_by"] == "caller":
        return _given_up(trace, caller)
    run = trace.runs[-1] if trace.runs else None
    if caller["hung_up_by"] == "control":
        return f"Somebody ended the call from outside before it was answered, {words.so}."
    if run is not None and run.state == "failed":
        return f"The dialplan {run.dialplan} failed ({_stripped(run.outcome)}), {words.so}."
    if run is not None and (line := _answering_line(run)) is not None:
        return f"Line {line} of the dialplan {run.dialplan} answered {_heard(caller)}{_after_trying(trace)}."
    return _nobody(trace, run, words)


def _going_on(trace: CallTrace) -> str:
    row = trace.row
    assert row is not None
    if row["state"] == "talking":
        return "The call is not over: the two ends are talking."
    waiting = next((run for run in trace.runs if run.state == "waiting"), None)
    if waiting is not None and waiting.journal:
        entry = waiting.journal[-1]
        line = entry.arguments.get("line") if isinstance(entry.arguments, dict) else None
        return f"The call is not over: line {line} of the dialplan {waiting.dialplan} waits in {entry.function}()."
    return f"The call is not over: it is {row['state']}."


def _answered(trace: CallTrace, caller: dict[str, Any], words: _Words) -> str:
    answered = [leg for leg in trace.legs[1:] if leg["answered_at"] is not None]
    who = (answered[0]["target"] if answered else None) or "the other end"
    waited = _span(caller["started_at"], caller["answered_at"])
    talked = _span(caller["answered_at"], caller["ended_at"])
    begun = f"{who} answered after {waited}"
    for leg in answered[1:]:
        since = _span(caller["answered_at"], leg["answered_at"])
        begun += f", {leg['target']} took over by a transfer after {since}"
    match caller["hung_up_by"]:
        case "transfer" if caller["direction"] == "transfer":
            return f"{begun}, and went on in the call that was transferred."
        case "transfer":
            return f"{begun}, and the caller left the others by a transfer after {talked}."
        case "caller":
            return f"{begun}, and the caller hung up after {talked}."
        case "callee":
            return f"{begun}, and {words.who}hung up after {talked}."
        case "control":
            return f"{begun}, and somebody ended the call from outside after {talked}."
    reason = broken_off(trace, _reason_of_bye(trace) or _reason_of_record(caller)) or _unusual(caller)
    return f"{begun}, and the switch ended the call after {talked}{f': {reason}' if reason else ''}."


def _called_back(trace: CallTrace) -> str:
    """Say how a call that the switch made itself went: one end first, then the other."""
    tried = trace.legs[1:]
    answered = [leg for leg in tried if leg["answered_at"] is not None]
    if not answered:
        return (
            f"The callback found nobody: {_tried(trace) or 'the first one has no phone that is registered'}."
        )
    ends = [
        f"{leg['target']} answered after {_span(leg['started_at'], leg['answered_at'])}" for leg in answered
    ]
    begun = f"This was a callback: {', and then '.join(ends)}"
    last = answered[-1]
    talked = _span(last["answered_at"], last["ended_at"])
    by = _who_said_bye(trace)
    ended = f"{by} hung up after {talked}" if by else f"the call ended after {talked}"
    if len(answered) > 1:
        return f"{begun}; {ended}."
    failed = ", ".join(
        f"{leg['target']} {leg['status']} {leg['reason']}" for leg in tried if leg not in answered
    )
    return f"{begun}, but nobody else did{f' ({failed})' if failed else ''}; {ended}."


def _who_said_bye(trace: CallTrace) -> str | None:
    for rung in rungs(trace):
        if rung.label.startswith("BYE"):
            leg = next((leg for leg in trace.legs if leg["leg"] == rung.leg), None)
            return "the switch" if not rung.is_to_switch else None if leg is None else leg["target"]
    return None


def _unusual(caller: dict[str, Any]) -> str:
    match caller["status"]:
        case 408:
            return "an end was silent, or never acknowledged the answer"
        case 481:
            return "an end did not know the call any more"
    return ""


def _reason_of_bye(trace: CallTrace) -> str | None:
    """Return the text of the Reason header of our own BYE (RFC 3326)."""
    for message in reversed(trace.messages):
        if message.direction != "out" or not message.data.startswith(b"BYE "):
            continue
        try:
            bye = parse(message.data)
        except ParseError:
            continue
        text = _TEXT.search((isinstance(bye, Request) and bye.headers.get("reason")) or "")
        if text is not None:
            return text[1]
    return None


def _reason_of_record(caller: dict[str, Any]) -> str | None:
    """Return what the record says of the end, where no messages were kept; what has its status alone says less."""
    status, reason = caller["status"], caller["reason"]
    return None if reason in (None, "", "OK", reason_for(status)) else str(reason).capitalize()


def _given_up(trace: CallTrace, caller: dict[str, Any]) -> str:
    ringing = [leg["target"] for leg in trace.legs[1:] if leg["rang_at"] is not None and leg["status"] == 487]
    meanwhile = f" while {' and '.join(dict.fromkeys(ringing))} rang" if ringing else ""
    return f"The caller gave up after {_span(caller['started_at'], caller['ended_at'])}{meanwhile}."


def _answering_line(run: RunTrace) -> int | None:
    for entry in reversed(run.journal):
        if entry.function == "respond" and entry.arguments["status"] >= 200:
            line = entry.arguments.get("line")
            return None if line is None else int(line)
    return None


def _after_trying(trace: CallTrace) -> str:
    tried = _tried(trace)
    return f" after nobody had answered: {tried}" if tried else ""


def _nobody(trace: CallTrace, run: RunTrace | None, words: _Words) -> str:
    tried = _tried(trace)
    if tried:
        return f"{words.nobody} answered ({tried}), {words.so}."
    if run is None:
        return f"{words.nobody} could be called, {words.so}."
    dial = next((entry for entry in reversed(run.journal) if entry.function == "dial"), None)
    if dial is None:
        return f"The dialplan {run.dialplan} came to its end without an answer, {words.so}."
    return (
        f"Line {dial.arguments.get('line')} of the dialplan {run.dialplan} dialled {dial.arguments.get('target')}, "
        f"where nobody can be reached now (no such provider or account, it is disabled, or no phone is registered), "
        f"{words.so}."
    )


def _tried(trace: CallTrace) -> str:
    return ", ".join(_came(trace, leg) for leg in trace.legs[1:])


def _came(trace: CallTrace, leg: dict[str, Any]) -> str:
    """Say how a leg ended; a 408 may be our own: of the ring time, or of Timer B (RFC 3261 §8.1.3.1)."""
    came = f"{leg['target']} {leg['status']} {leg['reason']}"
    if leg["status"] != 408:
        return came
    if leg["rang_at"] is not None:
        return f"{leg['target']} rang for {_span(leg['rang_at'], leg['ended_at'])}"
    known = [rung for rung in rungs(trace) if rung.leg == leg["leg"]]
    if known and not any(rung.is_to_switch for rung in known):
        return f"{came}, it never sent anything back"
    return came


def _heard(caller: dict[str, Any]) -> str:
    return f"{caller['status']} {caller['reason'] or ''}".rstrip()


def _stripped(text: str | None) -> str:
    return (text or "no reason known").rstrip(".")


def _span(start: float, end: float | None) -> str:
    if end is None:
        return "some time"
    seconds = end - start
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min"
