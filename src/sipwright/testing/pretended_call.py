"""The call that a pretended run decides: it rings what the script dials as a hunt does, on the virtual clock.

The rules are those of ``services/switch/hunt.py``: the legs of a group ring together, the next group rings when all
of one have failed, a delayed leg starts at once when nobody else is left, the first answer wins, a 6xx ends it all.
A leg to an account here that has an in dialplan is a call of its own (``scene.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from sipwright.services.dialplan import Dial, Ending, Execution, Leg, LegResult, Respond, ToUri
from sipwright.services.switch import ELSEWHERE, Outcome, best, for_caller
from sipwright.sip import reason_for

from .answers import Asked, short_name
from .behaviour import SILENT, Behaviour
from .clock import Handle, VirtualClock
from .result import CallResult, TriedLeg

__all__ = ["Caller", "Nest", "PretendedCall"]

NO_ANSWER = Outcome(408, "No Answer")
CANCELLED = Outcome(487, "Request Terminated")
GONE = Outcome(487, "The Call Is Over")
MAX_REDIRECTS = 5


class Caller(Protocol):
    """Who hears what becomes of a pretended call: nobody, or the leg of the call that it was made for."""

    def progressed(self, status: int, reason: str) -> None:
        """A provisional response comes."""

    def ended(self, behaviour: Behaviour) -> float:
        """The final response comes; return for how long the two may talk, if it is an answer."""


Begin = Callable[[Caller], "PretendedCall"]
Nest = Callable[[Leg, Sequence[tuple[str, str]]], Begin | None]
"""Tells how to begin the call that a leg with these headers makes, if an in dialplan is to decide about it."""


class _Trial:
    """One leg that is tried; `begin` makes it a call of its own."""

    __slots__ = ("begin", "behaviour", "call", "handle", "inner", "leg", "redirects", "tried")

    def __init__(
        self,
        call: PretendedCall,
        leg: Leg,
        behaviour: Behaviour,
        tried: TriedLeg,
        redirects: int = 0,
        begin: Begin | None = None,
    ) -> None:
        self.call = call
        self.leg = leg
        self.behaviour = behaviour
        self.tried = tried
        self.redirects = redirects
        self.begin = begin
        self.inner: PretendedCall | None = None
        self.handle: Handle | None = None

    def progressed(self, status: int, reason: str) -> None:
        """Hear that the inner call rings."""
        if self.is_open:
            self.call.progressed(status, reason)

    def ended(self, behaviour: Behaviour) -> float:
        """Hear how the inner call came out."""
        if self.is_open:
            self.behaviour = behaviour
            self.call.responded(self)
        return self.call.talked

    @property
    def is_open(self) -> bool:
        return self.tried.ended is None


class PretendedCall:
    """What a script's orders come to when phones and providers do what was said of them."""

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
        self._groups: list[tuple[Leg, ...]] = []
        self._trials: list[_Trial] = []
        self._ring = 0.0
        self._timer: Handle | None = None
        self._waits = False
        self._limit: float | None = None
        self._patience = None if gives_up_after is None else clock.call_later(gives_up_after, self.give_up)

    # What the script orders.

    def keep(self) -> None:
        """Do nothing: there is no database."""

    def lose(self) -> None:
        """Do nothing: nothing is ever stored here."""

    def dial(self, order: Dial) -> None:
        """Ring what the script dialled; after the end of the call there is nobody to ring for."""
        if self.result.status:
            self.execution.nobody_answered(GONE, ())
            return
        self._dials += 1
        self._headers = order.headers
        self._groups = list(order.groups)
        self._trials = []
        self._ring, self._waits = order.ring, order.wait
        self._next_group()

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
            self._cancel(CANCELLED)
            self._disarm()
            self._end(CANCELLED)
            self.execution.caller_gone(CANCELLED)

    # One group.

    def _next_group(self) -> None:
        while self._groups:
            group = self._groups.pop(0)
            trials = [trial for leg in group if (trial := self._trial(leg)) is not None]
            if trials:
                self._start(trials)
                return
        self._over()

    def _trial(self, leg: Leg) -> _Trial | None:
        begin = self._nest(leg, self._headers_of(leg))
        behaviour = SILENT if begin is not None else self._asked.next_for(leg, self._user)
        return (
            _Trial(self, leg, behaviour, self._tried(leg), begin=begin) if behaviour.is_registered else None
        )

    def _tried(self, leg: Leg) -> TriedLeg:
        headers = dict(self._headers_of(leg))
        return TriedLeg(
            str(leg.target), short_name(leg, self._domain), self._elapsed(), dial=self._dials, headers=headers
        )

    def _headers_of(self, leg: Leg) -> list[tuple[str, str]]:
        """Return the headers that the INVITE of a leg carries: its own, and those of `dial()` that it has not."""
        own = {name.lower() for name, _ in leg.options.headers}
        return [*leg.options.headers, *(pair for pair in self._headers if pair[0].lower() not in own)]

    def _start(self, trials: list[_Trial]) -> None:
        self._timer = self._clock.call_later(self._ring, self._ring_time_over)
        self._trials += trials
        self.result.legs += [trial.tried for trial in trials]
        for trial in trials:
            delay = trial.leg.options.delay or 0.0
            if delay > 0:
                trial.handle = self._clock.call_later(delay, self._launch, trial)
            else:
                self._launch(trial)
        self._hurry()

    def _launch(self, trial: _Trial) -> None:
        behaviour = trial.behaviour
        if trial.handle is not None:
            trial.handle.cancel()
        trial.tried.was_called = True
        if trial.begin is not None:
            trial.inner = trial.begin(trial)
            trial.tried.inner = trial.inner.result
            return
        if behaviour.rings:
            self.progressed(180, "Ringing")
        if behaviour.status:
            trial.handle = self._clock.call_later(behaviour.after, self.responded, trial)

    def progressed(self, status: int, reason: str) -> None:
        """Let the caller hear that somebody rings, once."""
        if not any(status == known for known, _ in self.result.provisional):
            self._progress(status, reason)

    def _hurry(self) -> None:
        """Start the delayed legs at once when nobody else is left."""
        open_ones = [trial for trial in self._trials if trial.is_open]
        if not any(trial.tried.was_called for trial in open_ones):
            for trial in open_ones:
                self._launch(trial)

    def responded(self, trial: _Trial) -> None:
        """Go on after the final response of a leg."""
        behaviour = trial.behaviour
        outcome = Outcome(behaviour.status, behaviour.phrase)
        if outcome.status < 300:
            self._answered(trial, outcome)
            return
        self._close(trial, outcome)
        if outcome.status >= 600:
            self._cancel(outcome)
            self._groups.clear()
        elif behaviour.redirect and trial.redirects < MAX_REDIRECTS:
            if trial.leg.options.redirect in (None, "follow"):
                leg = Leg(ToUri(behaviour.redirect), trial.leg.options)
                tried = self._tried(leg)
                tried.target = behaviour.redirect
                follower = _Trial(
                    self, leg, self._asked.next_for(leg, self._user), tried, trial.redirects + 1
                )
                self._trials.append(follower)
                self.result.legs.append(follower.tried)
                self._launch(follower)
            else:
                trial.tried.redirect = behaviour.redirect
        if any(other.is_open for other in self._trials):
            self._hurry()
        else:
            self._group_failed()

    def _ring_time_over(self) -> None:
        self._cancel(NO_ANSWER)
        self._group_failed()

    def _group_failed(self) -> None:
        self._disarm()
        if self._groups:
            self._next_group()
        else:
            self._over()

    def _over(self) -> None:
        outcomes = [Outcome(trial.tried.status, trial.tried.reason) for trial in self._trials]
        legs = [
            LegResult(leg.target, leg.status, leg.reason, leg.duration, leg.redirect)
            for leg in (trial.tried for trial in self._trials)
        ]
        self.execution.nobody_answered(best(outcomes), legs)

    # The answer.

    def _answered(self, trial: _Trial, outcome: Outcome) -> None:
        self._disarm()
        self._close(trial, outcome)
        self._cancel(ELSEWHERE)
        limits = [limit for limit in (trial.leg.options.limit, self._limit) if limit]
        self.talked = min([trial.behaviour.talks, *limits])
        if self.result.status == 0:
            self.result.answered_by = trial.tried.name
            self._end(outcome)
        self.execution.answered(trial.tried.target)
        if self._waits:
            self._clock.call_later(self.talked, partial(self.execution.call_ended, self.talked))

    def _cancel(self, outcome: Outcome) -> None:
        for trial in self._trials:
            if trial.is_open:
                self._close(trial, outcome)

    def _close(self, trial: _Trial, outcome: Outcome) -> None:
        if trial.handle is not None:
            trial.handle.cancel()
        trial.tried.status, trial.tried.reason = outcome.status, outcome.reason
        trial.tried.ended = self._elapsed()
        if trial.inner is not None:
            trial.inner.give_up()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _elapsed(self) -> float:
        return round(self._clock.now - self._started, 6)
