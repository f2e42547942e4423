"""Recorded calls through another script: who was called then, what came of it, and where the call would go now.

What was recorded answers for the draft: each phone and provider does again what it did, the world outside says
again what it said, the caller is as patient as before. Of anything else nothing is known, and the result says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sipwright.services.dialplan import Entry, Inputs, Module, Plan
from sipwright.services.dialplan.sandbox.program import program
from sipwright.services.dialstring import MAX_WRITTEN, DialStringError, parse_dial_string
from sipwright.sip import ParseError, Request, parse

from .answers import Answers
from .behaviour import SILENT, Behaviour
from .effects import Pretence, World
from .plans import InPlans, PretendedPlan
from .result import CallResult
from .stage import Stage

__all__ = ["Recording", "Replayed", "Way", "replay"]

_TOGETHER = 0.05
"""Legs of one target that begin within so many seconds are the phones of one account, rung together."""

_OURS = frozenset({"start", "log", "respond", "dial", "sleep", "hangup", "failed", "now"})


@dataclass(frozen=True, slots=True)
class Recording:
    """One call as it was: the journal of its run, its CDRs, and the script that ran, where these are still known."""

    call_id: str
    started_at: float
    journal: Sequence[Entry]
    legs: Sequence[Mapping[str, Any]]
    source: str | None = None
    invite: bytes | None = None
    domain: str = "example.org"
    modules: Sequence[Module] = ()
    """What the script imported then."""
    inner: Sequence[Recording] = ()
    """What its legs to accounts here with an in dialplan became."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a call went: what was dialled, without options, who answered, and what the caller heard."""

    dialled: tuple[str, ...]
    answered_by: str | None
    status: int
    reason: str = field(compare=False, default="")
    legs: tuple[str, ...] = field(compare=False, default=())

    def __str__(self) -> str:
        path = " > ".join(self.legs or self.dialled) or "nobody dialled"
        return f"{path}; the caller heard {self.status} {self.reason}".rstrip()


@dataclass(frozen=True, slots=True)
class Replayed:
    """One recorded call and where it would go now; `unknown` is what the draft asked and nobody can know."""

    recording: Recording
    inputs: Inputs
    was: Way
    now: Way
    is_same: bool
    failure: str | None
    unknown: tuple[str, ...]


def replay(
    stage: Stage, draft: Plan, recording: Recording, in_plans: InPlans | None = None
) -> Replayed | None:
    """Let a draft decide about a recorded call; None when the journal does not say what it started from."""
    started = next((entry for entry in recording.journal if entry.function == "start"), None)
    if started is None:
        return None
    inputs = _inputs(started, recording)
    was = _way_recorded(recording)
    result, unknown = _run(stage, draft, recording, inputs, started, in_plans)
    now = _way_of(result)
    is_same = now == was
    is_then = recording.source == draft.source and _texts(recording.modules) == _texts(draft.modules)
    if not is_same and recording.source is not None and not is_then:
        # What differs although the script that ran then is run again is not the draft's doing.
        then = PretendedPlan(
            recording.source, draft.name, draft.id, draft.user_id, modules=tuple(recording.modules)
        )
        again, _ = _run(stage, then, recording, inputs, started, in_plans)
        is_same = _way_of(again) == now
    elif not is_same and is_then:
        is_same = True
    failure = None if result.failure is None else result.failure.message
    return Replayed(recording, inputs, was, now, is_same, failure, unknown)


def _texts(modules: Sequence[Module]) -> dict[str, str]:
    return {module.name: module.source for module in modules}


def _run(
    stage: Stage,
    plan: Plan,
    recording: Recording,
    inputs: Inputs,
    started: Entry,
    in_plans: InPlans | None,
) -> tuple[CallResult, tuple[str, ...]]:
    world = _world(recording, in_plans)
    text = program(plan.name, plan.source, plan.modules)
    if not inputs.raw_headers and text.has_headers:
        world.unknown.append("the headers of the INVITE")
    result = stage.run_inputs(
        plan,
        inputs,
        world,
        at=started.at,
        seed=started.execution_id,
        domain=recording.domain,
        gives_up_after=_patience(recording),
    )
    return result, tuple(dict.fromkeys([*result.unknown, *world.unknown]))


def _inputs(started: Entry, recording: Recording) -> Inputs:
    """Return what the run started from, with the headers of the INVITE that the messages of the call still have."""
    inputs = Inputs.from_json(json.loads(started.arguments))
    request = inputs.request
    headers, body = list(request.headers.items()), request.body.encode()
    if not headers and recording.invite is not None:
        try:
            invite = parse(recording.invite)
        except ParseError:
            invite = None
        if isinstance(invite, Request):
            headers, body = list(invite.headers.items()), invite.body
    return replace(inputs, raw_headers=headers, raw_body=body)


# What was.


def _way_recorded(recording: Recording) -> Way:
    dialled, answered = [], None
    for entry in recording.journal:
        if entry.function == "dial":
            dialled.append(_targets(json.loads(entry.arguments)["target"]))
            result = json.loads(entry.result) if entry.result else {}
            if result.get("answered"):
                answered = result.get("target") or answered
    caller: Mapping[str, Any] = recording.legs[0] if recording.legs else {}
    tried = [leg for leg in recording.legs if leg["leg"] > 0]
    answered = next((leg["target"] for leg in tried if leg["answered_at"] is not None), answered)
    status, reason = caller.get("status"), caller.get("reason")
    if answered is not None:
        status, reason = 200, "OK"
    elif status is None:
        status, reason = _last_response(recording)
    return Way(
        tuple(dialled), answered, status or 0, reason or "",
        tuple(f"{leg['target']} {200 if leg['answered_at'] is not None else leg['status']}" for leg in tried),
    )  # fmt: skip


def _last_response(recording: Recording) -> tuple[int, str]:
    for entry in reversed(recording.journal):
        if entry.function == "respond":
            arguments = json.loads(entry.arguments)
            return arguments["status"], arguments["reason"] or ""
        if entry.function == "failed":
            return 500, ""
    return 480, ""


def _way_of(result: CallResult) -> Way:
    answered = next((leg.target for leg in result.legs if leg.status == 200), None)
    return Way(
        tuple(map(_targets, result.dialled)), answered, result.status, result.reason,
        tuple(f"{leg.target} {leg.status}" for leg in result.legs if leg.was_called),
    )  # fmt: skip


def _targets(text: str) -> str:
    """Write a dial string without its options: those change how long somebody rings, not who."""
    try:
        groups = parse_dial_string(text, most=MAX_WRITTEN)
    except DialStringError:
        return text
    return " | ".join(" & ".join(str(leg.target) for leg in group) for group in groups)


# What the world did, and does again.


def _world(recording: Recording, in_plans: InPlans | None) -> World:
    answers = Answers(domain=recording.domain)
    behaviours = _behaviours(recording) or _behaviours_of_journal(recording.journal)
    for target, done in behaviours.items():
        answers.set(target, done)
    journal = sorted((entry for one in _all(recording) for entry in one.journal), key=lambda entry: entry.at)
    return World(answers, _pretences(journal), in_plans)


def _all(recording: Recording) -> Iterator[Recording]:
    yield recording
    for inner in recording.inner:
        yield from _all(inner)


def _behaviours(recording: Recording) -> dict[str, list[Behaviour]]:
    """Return what each phone and provider did; a leg that another call went on from says nothing by itself."""
    heard = []
    for call in _all(recording):
        went_on = {inner.legs[0]["sip_call_id"] for inner in call.inner if inner.legs}
        tried = [leg for leg in call.legs if leg["leg"] > 0]
        heard += [
            (leg["started_at"], leg["target"] or "", _behaviour(leg, tried))
            for leg in tried
            if leg.get("sip_call_id") not in went_on
        ]
    found: dict[str, list[Behaviour]] = {}
    latest: dict[str, float] = {}
    for began, target, behaviour in sorted(heard, key=lambda one: one[0]):
        done = found.setdefault(target, [])
        if done and began - latest[target] < _TOGETHER:
            done[-1] = _livelier(done[-1], behaviour)
        else:
            done.append(behaviour)
        latest[target] = began
    return found


def _behaviour(leg: Mapping[str, Any], legs: Sequence[Mapping[str, Any]]) -> Behaviour:
    started, rang, ended = leg["started_at"], leg["rang_at"], leg["ended_at"] or leg["started_at"]
    begun = started if rang is None else rang  # a delayed leg was not called when it "began"
    if leg["answered_at"] is not None:
        talked = max(ended - leg["answered_at"], 0.0)
        return Behaviour(200, after=leg["answered_at"] - begun, rings=rang is not None, talks=talked)
    is_unreachable = leg["hung_up_by"] == "switch" and leg["status"] == 503
    if leg["status"] is None or (leg["hung_up_by"] != "callee" and not is_unreachable):
        return SILENT  # the switch stopped it before anything was heard
    redirect = _followed(leg, legs) if 300 <= leg["status"] < 400 else ""
    return Behaviour(leg["status"], leg["reason"] or "", ended - begun, rang is not None, redirect=redirect)


def _followed(leg: Mapping[str, Any], legs: Sequence[Mapping[str, Any]]) -> str:
    """Return where a redirected leg went on to: that leg began when this one ended."""
    for other in legs:
        is_next = (
            other["leg"] > leg["leg"] and abs(other["started_at"] - (leg["ended_at"] or 0.0)) < _TOGETHER
        )
        if is_next and (other["target"] or "").startswith(("sip:", "sips:")):
            return str(other["target"])
    return ""


def _livelier(one: Behaviour, other: Behaviour) -> Behaviour:
    """Of two phones of one account, return the one that decided."""
    return max(one, other, key=lambda behaviour: (behaviour.status == 200, behaviour.status != 0))


def _behaviours_of_journal(journal: Sequence[Entry]) -> dict[str, list[Behaviour]]:
    """Read what the results of `dial()` tell, for a call whose CDRs are gone."""
    found: dict[str, list[Behaviour]] = {}
    for entry in journal:
        result = json.loads(entry.result) if entry.function == "dial" and entry.result else {}
        for leg in result.get("legs", ()):
            silent = leg["status"] in (408, 487)
            behaviour = Behaviour(
                leg["status"], leg["reason"], leg["duration"], redirect=leg.get("redirect", "")
            )
            found.setdefault(leg["target"], []).append(SILENT if silent else behaviour)
        if result.get("answered") and result.get("target"):
            found.setdefault(result["target"], []).append(Behaviour(200))
    return found


def _pretences(journal: Sequence[Entry]) -> list[Pretence]:
    found: dict[tuple[str, str], Pretence] = {}
    for entry in journal:
        if entry.function in _OURS or entry.result is None:
            continue
        arguments = json.loads(entry.arguments)
        arguments.pop("line", None)
        argument = str(next(iter(arguments.values()), ""))
        pretence = found.setdefault(
            (entry.function, argument), Pretence(entry.function, argument, is_exact=True)
        )
        pretence.replies.append(json.loads(entry.result))
    return list(found.values())


def _patience(recording: Recording) -> float | None:
    """Return after how many seconds the caller gave up, if so."""
    if not recording.legs:
        return None
    caller = recording.legs[0]
    if caller["hung_up_by"] != "caller" or caller["answered_at"] is not None or caller["ended_at"] is None:
        return None
    return float(caller["ended_at"] - caller["started_at"])
