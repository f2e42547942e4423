"""The call that a pretended run decides: it rings what the script dials as a hunt does, on the virtual clock.

The rules are those of a real call, since the same machine keeps them (``dialling/hunt_machine.py``); what is
said of phones and providers stands in for their messages. A leg to an account here that has an in dialplan is a call
of its own (``scene.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

from sipwright.services.dialplan import Dial, Ending, Execution, Respond
from sipwright.services.dialstring import DialLeg, ToUri
from sipwright.services.switch import Outcome, for_caller
from sipwright.services.switch.dialling import hunt_events
from sipwright.services.switch.dialling.hunt_machine import HuntMachine
from sipwright.sip import reason_for

from .answers import Asked, short_name
from .behaviour import SILENT, Behaviour
from .clock import Handle, VirtualClock
from .result import CallResult, TriedLeg

__all__ = ["Caller", "Nest", "PretendedCall"]

CANCELLED = Outcome(487, "Request Terminated")
GONE = Outcome(487, "The Call Is Over")


class Caller(Protocol):
    """Who hears what becomes of a pretended call: nobody, or the leg of the call that it was made for."""

    def progressed(self, status: int, reason: str) -> None:
        """A provisional response comes."""

    def ended(self, behaviour: Behaviour) -> float:
        """The final response comes; return for how long the two may talk, if it is an answer."""


Begin = Callable[[Caller], "PretendedCall"]
Nest = Callable[[DialLeg, Sequence[tuple[str, str]]], Begin | None]
"""Tells how to begin the call that a leg with these headers makes, if an in dialplan is to decide about it."""


class _Trial:
    """One leg that is tried; `begin` makes it a call of its own."""

    __slots__ = ("begin", "behaviour", "call", "handle", "inner", "leg", "number", "tried")

    def __init__(
        self, call: PretendedCall, leg: DialLeg, behaviour: Behaviour, begin: Begin | None = None
    ) -> None:
        self.call = call
        self.number = 0
        self.leg = leg
        self.behaviour = behaviour
        self.begin = begin
        self.tried: TriedLeg
        self.inner: PretendedCall | None = None
        self.handle: Handle | None = None

    def progressed(self, status: int, reason: str) -> None:
        """Say that it rings, or that the inner call does; a leg that is kept silent plays nothing."""
        has_media = status == 183 and self.leg.options.early is not False
        heard = Outcome(180, "Ringing") if status == 183 and not has_media else Outcome(status, reason)
        self.call.tell(hunt_events.Provisional(self.number, heard.status, has_media, message=heard))

    def ended(self, behaviour: Behaviour) -> float:
        """Hear how the inner call came out."""
        self.behaviour = behaviour
        self.responded()
        return self.call.talked

    def responded(self) -> None:
        """Say its final response."""
        behaviour = self.behaviour
        outcome = Outcome(behaviour.status, behaviour.phrase)
        if outcome.status < 300:
            self.call.tell(hunt_events.Success(self.number, outcome))
        else:
            ways = (hunt_events.Way(behaviour.redirect),) if behaviour.redirect else ()
            self.call.tell(hunt_events.Failure(self.number, outcome, ways))

    def close(self, outcome: Outcome, at: float) -> None:
        """Note how it ended; nothing more comes of it."""
        if self.handle is not None:
            self.handle.cancel()
        self.tried.status, self.tried.reason, self.tried.ended = outcome.status, outcome.reason, at
        if self.inner is not None:
            self.inner.give_up()


class PretendedCall:
    """What a script's commands come to when phones and providers do what was said of them."""

    def __init__(
        self,
        clock: VirtualClock,
        asked: Asked,
        domain: str,
        gives_up_after: float | None = None,
        *,
        user: str = "",
        nest: Nest = lambda leg, headers: None,
        caller: Caller | None = None,
    ) -> None:
        self.talked = 0.0
        """For how long the two talk, once somebody has answered."""
        self.result = CallResult(unknown=asked.unknown, no_provider=asked.no_provider)
        self.execution: Execution
        self._clock = clock
        self._asked = asked
        self._domain = domain
        self._user = user
        self._started = clock.now
        self._nest = nest
        self._caller = caller
        self._dials = 0
        self._headers: Sequence[tuple[str, str]] = ()
        self._hunt: HuntMachine | None = None
        self._trials: dict[int, _Trial] = {}
        self._timers: dict[int, Handle] = {}
        self._waits = False
        self._limit: float | None = None
        self._patience = None if gives_up_after is None else clock.call_later(gives_up_after, self.give_up)

    # What the script commands.

    def persist(self) -> None:
        """Do nothing: there is no database."""

    def abandon(self) -> None:
        """Do nothing: nothing is ever stored here."""

    def dial(self, command: Dial) -> None:
        """Ring what the script dialled; after the end of the call there is nobody to ring for."""
        if self.result.status:
            self.execution.no_caller(GONE)
            return
        self._dials += 1
        self._headers, self._waits = command.headers, command.wait
        provisional = self.result.provisional
        self._hunt = HuntMachine(
            command.groups,
            command.ring,
            first=len(self._trials) + 1,
            heard=provisional[-1][0] if provisional else 0,
        )
        self.tell(hunt_events.Begin())

    def respond(self, response: Respond) -> None:
        """Let the caller hear a provisional response."""
        self._progress(response.status, response.reason or reason_for(response.status))

    def hang_up_after(self, seconds: float) -> None:
        """Let the call last no longer."""
        self._limit = seconds

    def finish(self, ending: Ending) -> None:
        """Give the caller the final response that the script ended with, if there was none before."""
        result = self.result
        result.failure = ending.failure
        if result.status == 0:
            self.tell(hunt_events.Stop(CANCELLED))
            outcome = Outcome(ending.status, ending.reason or reason_for(ending.status))
            if ending.is_relayed or ending.status in (401, 407):
                outcome = for_caller(outcome)
            result.headers = dict(ending.headers)
            self._end(outcome)

    # The caller.

    def _progress(self, status: int, reason: str) -> None:
        self.result.provisional.append((status, reason))
        if self._caller is not None:
            self._caller.progressed(status, reason)

    def _end(self, outcome: Outcome) -> None:
        self.result.status, self.result.reason = outcome.status, outcome.reason
        self.result.duration = self._elapsed()
        if self._patience is not None:
            self._patience.cancel()
        if self._caller is not None:
            contact = (
                self.result.headers.get("Contact", "").strip("<>") if 300 <= outcome.status < 400 else ""
            )
            behaviour = Behaviour(outcome.status, outcome.reason, talks=self.talked, redirect=contact)
            self.talked = self._caller.ended(behaviour)

    def give_up(self) -> None:
        """Let the caller hang up, unless there was a final response."""
        if self.result.status == 0:
            self.tell(hunt_events.Stop(CANCELLED))
            self._end(CANCELLED)
            self.execution.caller_gone(CANCELLED)

    # The hunt.

    def tell(self, event: hunt_events.Event) -> None:
        """Tell the hunt what happened, and do what it asks for."""
        hunt = self._hunt
        if hunt is not None:
            hunt.handle(event, self._elapsed())
            for effect in hunt.effects():
                self._perform(hunt, effect)

    def _perform(self, hunt: HuntMachine, effect: hunt_events.Effect) -> None:
        match effect:
            case hunt_events.Find(group):
                self.tell(hunt_events.Found([found for leg in group for found in self._candidates(leg)]))
            case hunt_events.Add(number, trial, _):
                self._add(number, trial)
            case hunt_events.Follow(number, old, contact):
                leg = DialLeg(ToUri(contact), self._trials[old].leg.options)
                self._add(number, _Trial(self, leg, self._asked.next_for(leg, self._user)), contact)
            case hunt_events.Launch(number):
                self._launch(self._trials[number])
            case hunt_events.Progress(_, _, heard):
                self._progress(heard.status, heard.reason)
            case hunt_events.Close(number, outcome, _, redirect):
                self._trials[number].tried.redirect = redirect
                self._trials[number].close(outcome, self._elapsed())
            case hunt_events.Cancel(number, outcome):
                self._trials[number].close(outcome, self._elapsed())
            case hunt_events.Arm(timer, delay):
                self._timers[timer] = self._clock.call_later(delay, self.tell, hunt_events.TimeIsUp(timer))
            case hunt_events.Disarm(timer):
                self._timers.pop(timer).cancel()
            case hunt_events.Join(number, outcome):
                self._join(self._trials[number], outcome)
            case hunt_events.GiveUp(outcome):
                self.execution.nobody_answered(outcome, hunt.results())

    def _candidates(self, leg: DialLeg) -> Iterator[hunt_events.Candidate[_Trial]]:
        """Give whom a leg rings: nobody, if that is a phone which is registered nowhere."""
        begin = self._nest(leg, self._headers_of(leg))
        behaviour = SILENT if begin is not None else self._asked.next_for(leg, self._user)
        if behaviour.is_registered:
            trial, options = _Trial(self, leg, behaviour, begin), leg.options
            yield hunt_events.Candidate(
                str(leg.target), trial, options.delay or 0.0, options.follows_redirects
            )

    def _headers_of(self, leg: DialLeg) -> tuple[tuple[str, str], ...]:
        """Return the headers that the INVITE of a leg carries: its own, and those of `dial()` that it has not."""
        return leg.options.with_headers(self._headers).headers

    def _add(self, number: int, trial: _Trial, contact: str | None = None) -> None:
        leg = trial.leg
        trial.number = number
        trial.tried = TriedLeg(
            str(leg.target) if contact is None else contact, short_name(leg, self._domain), self._elapsed(),
            dial=self._dials, headers=dict(self._headers_of(leg)),
        )  # fmt: skip
        self._trials[number] = trial
        self.result.legs.append(trial.tried)

    def _launch(self, trial: _Trial) -> None:
        behaviour = trial.behaviour
        trial.tried.was_called = True
        if trial.begin is not None:
            trial.inner = trial.begin(trial)
            trial.tried.inner = trial.inner.result
            return
        if behaviour.plays:
            trial.progressed(183, "Session Progress")
        elif behaviour.rings:
            trial.progressed(180, "Ringing")
        if behaviour.status:
            trial.handle = self._clock.call_later(behaviour.after, trial.responded)

    def _join(self, trial: _Trial, outcome: Outcome) -> None:
        trial.close(outcome, self._elapsed())
        limits = [limit for limit in (trial.leg.options.limit, self._limit) if limit]
        self.talked = min([trial.behaviour.talks, *limits])
        if self.result.status == 0:
            self.result.answered_by = trial.tried.name
            self._end(outcome)
        self.execution.answered(trial.tried.target)
        if self._waits:
            self._clock.call_later(self.talked, partial(self.execution.call_ended, self.talked))

    def _elapsed(self) -> float:
        return round(self._clock.now - self._started, 6)
