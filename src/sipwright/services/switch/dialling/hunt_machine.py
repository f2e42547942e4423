"""The rules of one `dial()`: who rings when, whom the caller hears, who wins (`docs/dialplans.md`, dial strings).

Events and the time go in, effects come out, to be done in order by whoever drives the machine: `hunt.py` for real
calls, ``testing/pretended_call.py`` for pretended ones. It knows legs only by their numbers. A provisional
response of 100 comes from the next hop alone: it says no more than that this is there.

::

           Begin                          Found                      Success
    READY ---------> FINDING (Find) ----------------> RINGING (Arm) ---------> OVER (Join)
                       ^    | no group is left            |    |    Stop
                       |    +----------> OVER (GiveUp)    |    +-------------> OVER
                       +----------------------------------+
                    all of the group failed, or its ring time is over

One leg of the group:

::

            its delay is over, its turn has   Provisional
            come, or nobody else is left          (Progress, if it is news for the caller)
    WAITING ----------------> TRYING (Launch) ----------------> RINGING
       |                         |                                 |
       |                         +------------- Success -----------+--> ANSWERED
       |                         +------------- Failure -----------+--> OVER (Close)
       |                         +--- nothing heard for too long ---> OVER (Cancel)
       |                         +-------------- Leave ------------+--> OVER (Cancel)
       +-------------------------+---------- not wanted any more --+--> OVER (Cancel)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from ..model.outcome import ELSEWHERE, SILENT, LegResult, Outcome, best
from .hunt_events import (
    RING_TIME_OVER,
    Add,
    Arm,
    Begin,
    Cancel,
    Candidate,
    Close,
    Disarm,
    Effect,
    Event,
    Failure,
    Find,
    Follow,
    Found,
    GiveUp,
    Heard,
    Join,
    Launch,
    Leave,
    More,
    Progress,
    Provisional,
    Silence,
    Stop,
    Success,
    TimeIsUp,
)
from .hunt_leg import ANSWERED, NO_ANSWER, OPEN, OVER, RINGING, TRYING, WAITING, HuntLeg
from .redirect_order import in_order, less_preferred

__all__ = [
    "ANSWERED", "MAX_LEGS", "MAX_REDIRECTS", "OVER", "RINGING", "TRYING", "WAITING", "HuntLeg", "HuntMachine",
]  # fmt: skip

MAX_LEGS = 40
"""How many legs one call may try, unless the driver says otherwise."""

MAX_REDIRECTS = 5
"""How many times one leg is followed to another Contact, and to how many at once (RFC 3261 §8.1.3.4)."""

# The states of a hunt that its legs do not have.
READY: Final = "ready"
FINDING: Final = "finding"

Action = Callable[[Any, Any, Any, float], None]


class HuntMachine:
    """One hunt.

    Attributes:
        state: One of the names in the figure.
        groups: Those that have not rung yet; what they are is up to the driver.
        legs: Those that were tried, or wait for their turn; the first one has the number `first`.
        outbox: What is to be done, in order; `effects` empties it.
    """

    __slots__ = (
        "_first", "_heard", "_heard_leg", "_is_performing", "_most", "_ring", "groups", "legs", "outbox", "state",
    )  # fmt: skip

    def __init__(
        self, groups: Sequence[Any], ring: float, first: int = 1, most: int = MAX_LEGS,
        legs: Iterable[HuntLeg] = (), heard: int = 0, heard_leg: int | None = None,
    ) -> None:  # fmt: skip
        """Make a machine that waits for `Begin` or `Found`; with open `legs`, one that is in the middle of a group.

        Args:
            groups: What rings one after the other.
            ring: For how many seconds each group rings.
            first: The number of the first leg: one more than the call has tried so far.
            most: How many legs the call may try.
            legs: Those of an earlier process.
            heard: The status of the last provisional response that the caller has heard.
            heard_leg: The leg whose early media the caller hears.
        """
        self.groups = groups
        self.legs = list(legs)
        self.state = RINGING if self.legs and self._open() else READY
        self.outbox: list[Effect] = []
        self._ring = ring
        self._first = first
        self._most = most
        self._heard = heard
        self._heard_leg = heard_leg
        if heard_leg is not None and all(leg.number != heard_leg for leg in self._open()):
            self._falls_silent(heard_leg)  # it was of an earlier hunt
        self._is_performing = False

    def handle(self, event: Event, now: float) -> None:
        """Take an event; one that is not in the tables is ignored."""
        action = self.RULES.get((self.state, type(event)))
        if action is not None:
            action(self, event, now)

    def effects(self) -> Iterator[Effect]:
        """Empty the outbox, and what events bring that come meanwhile; nothing is left for a second loop inside."""
        if self._is_performing:
            return
        self._is_performing = True
        try:
            while self.outbox:
                effects, self.outbox = self.outbox, []
                yield from effects
        finally:
            self._is_performing = False

    def results(self) -> list[LegResult]:
        """Return what became of each leg."""
        return [leg.result for leg in self.legs]

    # The groups.

    def _begin(self, event: Begin, now: float) -> None:
        self._next_group()

    def _next_group(self) -> None:
        if self.groups:
            group, self.groups = self.groups[0], self.groups[1:]
            self.state = FINDING
            self.outbox.append(Find(group))
        else:
            self.state = OVER
            self.outbox.append(GiveUp(self._best()))

    def _best(self) -> Outcome:
        """Choose the response to report; redirects that were followed do not count (RFC 3261 §16.7 step 4)."""
        ended = [(leg, leg.outcome) for leg in self.legs if leg.outcome is not None]
        final = [it for leg, it in ended if not (leg.is_followed and 300 <= it.status < 400)]
        return best(final or [it for _, it in ended])

    def _found(self, event: Found[Any], now: float) -> None:
        candidates = event.candidates[: self._room()]
        if not candidates:
            self._next_group()
            return
        self.state = RINGING
        self._ring_too(candidates, now)

    def _more(self, event: More[Any], now: float) -> None:
        self._ring_too(event.candidates[: self._room()], now)

    def _ring_too(self, candidates: Sequence[Candidate[Any]], now: float) -> None:
        self.outbox.append(Arm(RING_TIME_OVER, self._ring))
        starts: list[Effect] = []
        is_alone = True
        for candidate in candidates:
            number, is_waiting = self._first + len(self.legs), candidate.delay > 0
            state = WAITING if is_waiting else TRYING
            leg = HuntLeg(number, candidate.target, now, state, candidate.is_followed)
            leg.within = candidate.answer_within
            self.legs.append(leg)
            self.outbox.append(Add(number, candidate.peer, is_waiting))
            starts += (Arm(number, candidate.delay),) if is_waiting else _start(leg)
            is_alone = is_alone and is_waiting
        self.outbox += starts
        if is_alone:
            self._launch_waiting(now)

    def _room(self) -> int:
        return max(self._most - (self._first - 1) - len(self.legs), 0)

    def _time_is_up(self, event: TimeIsUp, now: float) -> None:
        if event.timer == RING_TIME_OVER:
            self._cancel_open(NO_ANSWER, now)
            self._next_group()
        else:
            is_silence = event.timer < 0
            for leg in self.legs:
                if leg.number == abs(event.timer) and (leg.within or not is_silence):
                    self._to(leg, Silence() if is_silence else event, now)

    def _stop(self, event: Stop, now: float) -> None:
        self._cancel_open(event.outcome, now)
        if self.state == RINGING:
            self.outbox.append(Disarm(RING_TIME_OVER))
        self.state = OVER

    def _open(self) -> list[HuntLeg]:
        return [leg for leg in self.legs if leg.state in OPEN]

    def _cancel_open(self, outcome: Outcome, now: float) -> None:
        for leg in self._open():
            self._to(leg, Stop(outcome), now)

    def _go_on(self, now: float) -> None:
        """Go on after a leg has failed: with those that wait if nobody else is left, or with the next group."""
        still_open = self._open()
        self._hear_another(still_open, now)
        if not still_open:
            self.outbox.append(Disarm(RING_TIME_OVER))
            self._next_group()
        elif all(leg.state == WAITING for leg in still_open):
            self._launch_waiting(now)

    def _launch_waiting(self, now: float) -> None:
        for leg in self._open():
            self.outbox.append(Disarm(leg.number))
            self._to(leg, TimeIsUp(leg.number), now)

    # One leg.

    def _of_leg(self, event: Heard | Provisional[Any] | Leave | Failure | Success[Any], now: float) -> None:
        index = event.leg - self._first
        if 0 <= index < len(self.legs):
            self._to(self.legs[index], event, now)

    def _to(self, leg: HuntLeg, event: Event, now: float) -> None:
        rule = self.LEG_RULES.get((leg.state, type(event)))
        if rule is not None:
            leg.state, action = rule
            action(self, leg, event, now)

    def _launch(self, leg: HuntLeg, event: TimeIsUp, now: float) -> None:
        self.outbox += _start(leg)

    def _heard_of(self, leg: HuntLeg, event: Heard, now: float) -> None:
        self._is_there(leg)

    def _is_there(self, leg: HuntLeg) -> None:
        """Wait no longer for a leg to say anything at all."""
        if leg.within:
            leg.within = 0.0
            self.outbox.append(Disarm(-leg.number))

    def _silent(self, leg: HuntLeg, event: Silence, now: float) -> None:
        """Give up a server that has said nothing: the next one may be alive."""
        leg.within = 0.0
        self._leave(leg, Leave(leg.number, SILENT), now)

    def _leave(self, leg: HuntLeg, event: Leave, now: float) -> None:
        self._cancel(leg, Stop(event.outcome), now)
        self._try_less_preferred(leg, now)
        self._go_on(now)

    def _progress(self, leg: HuntLeg, event: Provisional[Any], now: float) -> None:
        """Let the caller hear it, unless it is nothing new or the caller hears the media of another leg already."""
        self._is_there(leg)
        if event.has_media or leg.said is None or not leg.said.has_media:
            leg.said = event
        is_heard = self._heard_leg in (None, leg.number)
        if is_heard and (event.has_media or event.status != self._heard):
            self._heard = event.status
            if event.has_media:
                self._heard_leg = leg.number
            self.outbox.append(Progress(leg.number, event.has_media, event.message))

    def _end(self, leg: HuntLeg, outcome: Outcome, now: float) -> None:
        leg.end(outcome, now)
        self._is_there(leg)
        self._falls_silent(leg.number)

    def _falls_silent(self, number: int) -> None:
        """Note that a leg is over: if it was the one whose media the caller hears, whatever comes next is news."""
        if self._heard_leg == number:
            self._heard_leg, self._heard = None, 0

    def _hear_another(self, still_open: list[HuntLeg], now: float) -> None:
        """Let the caller hear whoever else has said something, media before all, now that it hears nobody's.

        That is the early dialog of another leg (RFC 3261 §13.2.2.1, RFC 3960 §3); what was said before was kept back.
        """
        said = [leg for leg in still_open if leg.said is not None]
        if self._heard == 0 and said:
            latest = max(said, key=lambda leg: leg.said is not None and leg.said.has_media)
            assert latest.said is not None
            self._progress(latest, latest.said, now)

    def _fail(self, leg: HuntLeg, event: Failure, now: float) -> None:
        outcome = event.outcome
        if 300 <= outcome.status < 400 and event.ways and leg.redirects < MAX_REDIRECTS and self._room():
            if leg.is_followed:
                self._follow(leg, event, now)
                return
            leg.redirect = in_order(event.ways)[0].contact
        self._end(leg, outcome, now)
        self.outbox.append(Close(leg.number, outcome, event.by, leg.redirect))
        if outcome.status >= 600:  # nobody else is to ring either (RFC 3261 §16.7 step 5)
            self.groups = ()
            self._cancel_open(outcome, now)
        else:
            self._try_less_preferred(leg, now)
        self._go_on(now)

    def _follow(self, leg: HuntLeg, event: Failure, now: float) -> None:
        """Try the Contacts of a redirect in place of the leg, the preferred ones first (RFC 3261 §8.1.3.4)."""
        outcome = Outcome(event.outcome.status, event.outcome.reason)
        self._end(leg, outcome, now)
        self.outbox.append(Close(leg.number, outcome, event.by))
        ways = in_order(event.ways)[: min(MAX_REDIRECTS, self._room())]
        for way in ways:
            number, is_waiting = self._first + len(self.legs), way.q < ways[0].q
            state = WAITING if is_waiting else TRYING
            tried = HuntLeg(number, way.contact, now, state, redirects=leg.redirects + 1)
            tried.redirected_by, tried.q, tried.within = leg.number, way.q, way.answer_within
            self.legs.append(tried)
            self.outbox.append(Follow(number, leg.number, way.contact, way.peer, is_waiting))
            if not is_waiting:
                self.outbox += _start(tried)
        self._hear_another(self._open(), now)

    def _try_less_preferred(self, failed: HuntLeg, now: float) -> None:
        for leg in less_preferred(self.legs, self._first, failed):
            self._to(leg, TimeIsUp(leg.number), now)

    def _win(self, leg: HuntLeg, event: Success[Any], now: float) -> None:
        self._is_there(leg)
        self._cancel_open(ELSEWHERE, now)
        self.state = OVER
        self.outbox += (Disarm(RING_TIME_OVER), Join(leg.number, event.message))

    def _cancel(self, leg: HuntLeg, event: Stop, now: float) -> None:
        self._end(leg, event.outcome, now)
        self.outbox.append(Cancel(leg.number, event.outcome))

    def _call_off(self, leg: HuntLeg, event: Stop, now: float) -> None:
        self.outbox.append(Disarm(leg.number))
        self._cancel(leg, event, now)

    # The tables.  A (state, event) pair that is not listed is ignored.
    # fmt: off
    RULES: ClassVar[Mapping[tuple[str, type[Event]], Callable[[Any, Any, float], None]]] = {
        (READY,   Begin):       _begin,
        (READY,   Found):       _found,
        (READY,   Stop):        _stop,
        (FINDING, Found):       _found,
        (FINDING, Stop):        _stop,
        (RINGING, More):        _more,
        (RINGING, Heard):       _of_leg,
        (RINGING, Provisional): _of_leg,
        (RINGING, Leave):       _of_leg,
        (RINGING, Failure):     _of_leg,
        (RINGING, Success):     _of_leg,
        (RINGING, TimeIsUp):    _time_is_up,
        (RINGING, Stop):        _stop,
    }
    LEG_RULES: ClassVar[Mapping[tuple[str, type[Event]], tuple[str, Action]]] = {
        (WAITING, TimeIsUp):    (TRYING,   _launch),
        (WAITING, Stop):        (OVER,     _call_off),
        (TRYING,  Heard):       (TRYING,   _heard_of),
        (TRYING,  Silence):     (OVER,     _silent),
        (TRYING,  Provisional): (RINGING,  _progress),
        (TRYING,  Leave):       (OVER,     _leave),
        (TRYING,  Failure):     (OVER,     _fail),
        (TRYING,  Success):     (ANSWERED, _win),
        (TRYING,  Stop):        (OVER,     _cancel),
        (RINGING, Provisional): (RINGING,  _progress),
        (RINGING, Leave):       (OVER,     _leave),
        (RINGING, Failure):     (OVER,     _fail),
        (RINGING, Success):     (ANSWERED, _win),
        (RINGING, Stop):        (OVER,     _cancel),
    }
    # fmt: on


def _start(leg: HuntLeg) -> tuple[Effect, ...]:
    """Return what starts a leg, and what ends it again if that says nothing."""
    launch = Launch(leg.number)
    return (launch, Arm(-leg.number, leg.within)) if leg.within else (launch,)
