"""Traces: everything that is known of one call on one axis of time."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from sipwright.monitor.trace.audio import AudioOfLeg, audio_of
from sipwright.monitor.trace.known import known_names, known_rungs
from sipwright.monitor.trace.ladder import Rung, numbered_legs, rungs
from sipwright.monitor.trace.report import names_of, report
from sipwright.monitor.trace.why import why
from sipwright.monitor.trace.wording import came_of, told
from sipwright.services.switch.recovery.document import StoredCall, UnreadableError, read_document
from sipwright.store.history.calltraces import CallTrace, RunTrace, find_call
from sipwright.store.history.trace_messages import Message, unpack
from sipwright.store.schema import tables
from sipwright.usecases.actor import Actor
from sipwright.usecases.call_states import is_held, shown_state
from sipwright.usecases.errors import UseCaseError
from sipwright.usecases.ground import Ground
from sipwright.usecases.own_side import own_side
from sipwright.usecases.rights import needs

__all__ = [
    "EffectView",
    "LineView",
    "RunTraceView",
    "RungView",
    "TraceLeg",
    "TraceView",
    "Traces",
]

LOOK_AGAIN = 0.5
"""Seconds after which a call that goes on is looked at again."""


@dataclass(frozen=True, slots=True)
class RungView:
    """One SIP message of the ladder; `at` is in seconds from the beginning of the call.

    `text` is "" where the message was not kept, or leads to a phone of somebody else.
    """

    at: float
    leg: int
    to_switch: bool
    label: str
    flow: str
    text: str


@dataclass(frozen=True, slots=True)
class EffectView:
    """One thing that a script did, in words and as its journal has it; `at` is in seconds from the beginning."""

    at: float
    line: int | None
    function: str
    told: str
    came_of: str | None
    arguments: Any
    result: Any


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of a script, and when it was first reached."""

    line: int
    text: str
    at: float | None


@dataclass(frozen=True, slots=True)
class RunTraceView:
    """One run of a dialplan in a call; without `lines` that version is gone."""

    run: str
    dialplan: str | None
    version: int | None
    state: str
    outcome: str | None
    started_at: float
    ended_at: float | None
    lines: tuple[LineView, ...]
    effects: tuple[EffectView, ...]


@dataclass(frozen=True, slots=True)
class TraceLeg:
    """One leg of a call that is over, as its CDR has it; times are in seconds from the beginning of the call."""

    leg: int
    target: str | None
    direction: str
    started: float | None
    rang: float | None
    answered: float | None
    ended: float | None
    status: int | None
    reason: str | None
    hung_up_by: str | None
    sip_call_id: str | None


@dataclass(frozen=True, slots=True)
class AudioView:
    """Whether audio reaches a leg, and the caller from there: ``yes``, ``perhaps`` or ``no``, and why."""

    leg: int
    to_leg: str
    to_leg_why: str
    to_caller: str
    to_caller_why: str


@dataclass(frozen=True, slots=True)
class TraceView:
    """A whole call as it was; `text` is what ``sipwright trace`` prints.

    Where no message was kept (`messages_kept`) the ladder is drawn from what the records of the call say.
    """

    call: str
    user: str | None
    live: bool
    state: str
    held: bool
    direction: str | None
    from_: str | None
    to: str | None
    started_at: float
    why: str
    legs: tuple[TraceLeg, ...]
    names: dict[int, str]
    runs: tuple[RunTraceView, ...]
    ladder: tuple[RungView, ...]
    messages_kept: bool
    audio: tuple[AudioView, ...]
    restarts: tuple[float, ...]
    others: tuple[str, ...]
    callbacks: tuple[str, ...]
    text: str


class Traces:
    """Tells what a call does or did, and why it ended so."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("read")
    async def get(self, actor: Actor, call: str) -> TraceView:
        """Show a call by its id, the beginning or the end of it, or a SIP Call-ID; ``last`` is the newest."""
        return await self._read(actor, call)

    @needs("read")
    async def follow(self, actor: Actor, call: str) -> AsyncIterator[TraceView]:
        """Show a call, and again whenever there is more of it, until it has ended."""
        view = await self._read(actor, call)
        yield view
        while view.live:
            await asyncio.sleep(LOOK_AGAIN)
            newer = await self._read(actor, view.call)
            if newer != view:
                view = newer
                yield view

    async def _read(self, actor: Actor, call: str) -> TraceView:
        user_id = None if actor.is_admin else actor.user_id

        def work(connection: Connection) -> tuple[CallTrace, str | None, StoredCall | None]:
            found = find_call(connection, call, user_id)
            first = found.row or (found.legs[0] if found.legs else {})
            column = tables.users.c
            name = connection.scalar(select(column.name).where(column.id == first.get("user_id")))
            return found, name, None if found.row is None else _stored(connection, found.id)

        found, user, stored = await self._ground.read(work)
        for part in found.whole:
            if part.row is not None:
                part.messages.extend(await self._unwritten(part))
        ladder = await asyncio.to_thread(rungs, found)
        if not actor.is_admin:
            ladder = await self._ground.read(lambda connection: own_side(connection, actor, ladder))
        return await asyncio.to_thread(_view, found, ladder, user, stored)

    async def _unwritten(self, part: CallTrace) -> list[Message]:
        """Ask the switch for the messages that are not in the database yet: those of this second.

        What is written just between the two is missing until somebody looks again.
        """
        try:
            node = str((part.row or {}).get("node") or self._ground.settings.node)
            answer = await self._ground.ask_at(node, "calls.messages", call=part.id)
        except UseCaseError:  # nobody has the call any more
            return []
        known = {(message.at, message.direction, message.data) for message in part.messages}
        return [
            Message(one.at, one.direction, one.flow, one.data)
            for one in unpack(b64decode(answer["messages"]))
            if (one.at, one.direction, one.data) not in known
        ]


def _stored(connection: Connection, call_id: str) -> StoredCall | None:
    """Read how a call stands; None if another version has written it."""
    column = tables.calls.c
    document = connection.scalar(select(column.document).where(column.id == call_id))
    try:
        return None if document is None else read_document(document)
    except UnreadableError:
        return None


def _view(found: CallTrace, ladder: list[Rung], user: str | None, stored: StoredCall | None) -> TraceView:
    start = found.started_at
    first: dict[str, Any] = found.legs[0] if found.legs else found.row or {}
    row = found.row
    return TraceView(
        call=found.common_id or found.id,
        user=user,
        live=row is not None,
        state="over" if row is None else shown_state(str(row["state"]), stored),
        held=row is not None and is_held(stored),
        direction=first.get("direction"),
        from_=first.get("from_uri") or first.get("from_text"),
        to=first.get("to_uri") or first.get("to_text"),
        started_at=start,
        why=why(found),
        legs=tuple(_leg(leg, start) for leg in numbered_legs(found)),
        names=({} if ladder or stored is None else known_names(stored)) | names_of(found, ladder),
        runs=tuple(_run(run, start) for run in found.all_runs),
        ladder=tuple(map(_rung, ladder or known_rungs(found, stored))),
        messages_kept=bool(ladder),
        audio=tuple(map(_audio, audio_of(ladder))),
        restarts=tuple(round(one.at - start, 4) for one in found.messages if one.is_restart),
        others=tuple(found.others),
        callbacks=tuple(found.callbacks),
        text="\n".join(report(found, ladder)),
    )


def _audio(leg: AudioOfLeg) -> AudioView:
    there, back = leg.to_leg, leg.to_caller
    return AudioView(leg.leg, there.verdict.value, there.why, back.verdict.value, back.why)


def _rung(rung: Rung) -> RungView:
    text = rung.data.decode("utf-8", "replace")
    return RungView(round(rung.at, 4), rung.leg, rung.is_to_switch, rung.label, rung.flow, text)


def _leg(leg: dict[str, Any], start: float) -> TraceLeg:
    times: dict[str, Any] = {
        name: None if leg[f"{name}_at"] is None else round(leg[f"{name}_at"] - start, 4)
        for name in ("started", "rang", "answered", "ended")
    }
    same = ("leg", "target", "direction", "status", "reason", "hung_up_by", "sip_call_id")
    return TraceLeg(**times, **{name: leg[name] for name in same})


def _run(run: RunTrace, start: float) -> RunTraceView:
    effects = tuple(_effects(run, start))
    reached: dict[int, float] = {}
    for effect in effects:
        if effect.line is not None:
            reached.setdefault(effect.line, effect.at)
    lines = tuple(
        LineView(number, text, reached.get(number))
        for number, text in enumerate((run.source or "").splitlines(), 1)
    )
    return RunTraceView(
        run.id, run.dialplan, run.version, run.state, run.outcome, run.started_at, run.ended_at, lines, effects
    )  # fmt: skip


def _effects(run: RunTrace, start: float) -> Iterator[EffectView]:
    for entry in run.journal:
        at = round(max(entry.at - start, 0.0), 4)
        if entry.function == "log":
            for line, text in entry.arguments:
                yield EffectView(at, line, "log", f"log: {text}", None, {}, text)
        elif entry.function != "start":
            said = told(entry.function, entry.arguments)
            came = came_of(entry.function, entry.result)
            line = entry.arguments.get("line")
            yield EffectView(at, line, entry.function, said, came, entry.arguments, entry.result)
