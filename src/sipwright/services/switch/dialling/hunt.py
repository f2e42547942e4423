"""Trying legs until one answers: what one `dial()` does (dial strings: docs/dialplans.md).

The rules are in `hunt_machine.py`, and how a leg leaves in `launch.py`. Here responses and timers become events of the
machine, and its effects what is done to legs and told the call. All that it must know to go on in another process is
stored with the call anyway: the groups that have not rung yet, and the legs that have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from sipwright.sdp import is_sdp
from sipwright.services.dialstring import DialLeg, Groups, read_groups, write_groups
from sipwright.sip import Response
from sipwright.sip.provisional import is_reliable

from ..call.call import Call
from ..call.callee import Callee
from ..model.destination import Destination
from ..model.leg_state import DELAY, END, RING, LegState
from ..model.outcome import HUNG_UP, PHONE_GONE, SILENT, LegResult, Outcome, is_way_gone
from ..model.relayed import explaining_headers, relayed_lines
from . import hunt_events as events
from .audio import audio_with
from .hunt_machine import OVER, RINGING, TRYING, WAITING, HuntLeg, HuntMachine
from .launch import comes_again, is_dead, launch, moves_on, waits_for
from .redirects import NO_OTHER_PLACE, contacts_of, reason_of

__all__ = ["Hunt"]

EMERGENCY_WITHIN = 2.0
"""For how many seconds a server may say nothing to an emergency call; by then it has got the INVITE three times."""

LONGEST_SESSION = 4_096
"""Bytes of a session description in a refusal: it is stored with the call."""

ONCE_MORE = 1.0
"""Seconds until it is looked at again whether a server is silent, while the switch is behind with listening."""

_STATES = {LegState.WAITING: WAITING, LegState.CALLING: TRYING, LegState.RINGING: RINGING}


class Hunt:
    """One `dial()` in progress; `first` is the number of its first leg, `headers` are those of all its legs."""

    __slots__ = ("_machine", "call", "first", "headers", "ring")

    timers = ("ring", "delay", "answer")

    def __init__(
        self, call: Call, groups: Groups, ring: float, headers: Sequence[tuple[str, str]] = (), *,
        first: int | None = None,
    ) -> None:  # fmt: skip
        """Make a hunt that is still to be started, or, with `first`, one that goes on with the legs of a call."""
        self.call = call
        self.ring = ring
        self.headers = headers
        self.first = first or len(call.legs) + 1
        self._machine = HuntMachine(
            groups, ring, self.first, call.ports.settings.max_legs, map(_known, call.legs[self.first - 1 :]),
            call.caller.progress, call.early_leg,
        )  # fmt: skip

    def to_state(self) -> dict[str, Any]:
        """Return what another process needs to go on."""
        return {
            "groups": write_groups(self.groups) if self._machine.groups else [],
            "ring": self.ring,
            "headers": self.headers,
            "first": self.first,
        }

    @classmethod
    def from_state(cls, call: Call, state: dict[str, Any]) -> Hunt:
        """Make it again: its legs are in the call."""
        headers = [(name, value) for name, value in state["headers"]]
        return cls(call, read_groups(state["groups"]), state["ring"], headers, first=state["first"])

    @property
    def groups(self) -> Groups:
        """What has not rung yet."""
        return tuple(self._machine.groups)

    def start(self, destinations: list[Destination] | None = None) -> None:
        """Ring the first group: `destinations` when they are known already, else the first of `groups`."""
        self._tell(events.Begin() if destinations is None else _found(destinations))

    def add(self, destinations: list[Destination]) -> None:
        """Let others ring, too, beside those of the group that rings."""
        self._tell(events.More(_found(destinations).candidates))

    def results(self) -> list[LegResult]:
        """Return what became of each leg."""
        legs = self.call.legs[self.first - 1 :]
        found = self._machine.results()
        return [
            one._replace(audio=audio_with(self.call.caller, leg))
            for one, leg in zip(found, legs, strict=False)
        ]

    # What happens.

    def responded(self, leg: Callee, response: Response) -> None:
        """Take a response other than 2xx of a leg that may still answer."""
        status, to = response.status, leg.destination
        if is_way_gone(response, is_phone=leg.is_phone) and (
            moves_on(self, leg) or waits_for(self, leg, response)
        ):
            return
        if to.flow is None:
            self._tell_servers(to, response)
        if status < 200:
            if status == 199:
                self._one_is_over(leg, response)
            elif status > 100:  # which comes from the next hop alone
                self._rings(leg, response, is_reliable(response) if "rseq" in response.headers.index() else 0)
            elif to.answer_within:
                self._tell(events.Heard(leg.index))
        elif status not in (401, 407, 422) or not comes_again(self, leg, response):
            outcome = self._outcome_of(leg, response)
            policy, domain = self.call.ports.settings.policy, self.call.identity.domain
            is_followed = status < 400 and leg.may("redirect", policy, domain)
            ways = self._ways(leg, response) if is_followed else ()
            self._tell(events.Failure(leg.index, outcome, ways, "switch" if response.local else "callee"))

    def answered(self, leg: Callee, response: Response) -> None:
        """Take the 2xx of a leg that may still answer."""
        if leg.destination.flow is None:
            self._tell_servers(leg.destination, response)
        self._tell(events.Success(leg.index, response))

    def _tell_servers(self, to: Destination, response: Response) -> None:
        if to.is_server or not response.local:
            self.call.ports.servers.responded(to.provider, to.next_hop, "INVITE", response)

    def failed(self, leg: Callee, outcome: Outcome, by: str = "callee") -> None:
        """Take note that a leg failed, `by` whose doing; the others of its group may still answer."""
        self._tell(events.Failure(leg.index, outcome, (), by))

    def left(self, leg: Callee) -> None:
        """Take note that a leg has hung up while it rang; the others of its group may still answer."""
        leg.end(HUNG_UP, self.call.ports.wall_clock(), "callee")
        self._tell(events.Leave(leg.index, HUNG_UP))

    def timer(self, name: str) -> None:
        """Take the ring time, the delay of a leg, or the time that a server is given to say something."""
        kind, _, leg = name.partition(" ")
        if kind == "answer" and self.call.ports.stack.backlog:  # what the server has said may be in there
            self.call.arm(name, ONCE_MORE)
            return
        if kind == "answer" and moves_on(self, self._leg(int(leg))):
            self.call.arm(name, self._leg(int(leg)).destination.answer_within)
            return
        self._tell(
            events.TimeIsUp(int(leg) * (1 if kind == "delay" else -1) if leg else events.RING_TIME_OVER)
        )

    def stop(self, outcome: Outcome) -> None:
        """Cancel whoever may still answer."""
        self._tell(events.Stop(outcome))

    def _ways(self, leg: Callee, response: Response) -> list[events.Way]:
        """Return where a redirect leads: nowhere twice (RFC 3261 §8.1.3.4)."""
        contacts = contacts_of(response)
        if not leg.destination.options.follows_redirects:
            return [events.Way(str(uri), None, q) for uri, q in contacts]
        if response.status in NO_OTHER_PLACE:
            return []
        call, ways = self.call, []
        tried = {each.destination.place for each in call.legs[self.first - 1 :]}
        for uri, q in contacts:
            for found in call.ports.dialling.redirected(call, leg.destination, uri):
                if found.place not in tried:
                    tried.add(found.place)
                    found.redirected_by, found.q = leg.index, q
                    found.diverted = reason_of(response, uri)
                    ways.append(events.Way(found.target, found, q, found.answer_within))
        return ways

    def _outcome_of(self, leg: Callee, response: Response) -> Outcome:
        if response.local and response.status == 503 and leg.is_phone:
            return PHONE_GONE
        if response.local and leg.flow is not None and leg.flow.trouble is not None:
            return Outcome(response.status, leg.flow.trouble)
        headers = explaining_headers(response, leg.passage_to(self.call.caller))
        return Outcome(response.status, response.reason, headers, self._session_of(leg, response))

    def _session_of(self, leg: Callee, response: Response) -> str:
        """Return what a leg says that it could talk about instead (RFC 3261 §21.4.26, §21.6.4)."""
        is_said = response.status in (488, 606) and is_sdp(response.headers.get("content-type"))
        if not is_said or len(response.body) > LONGEST_SESSION:
            return ""
        return self.call.body_for(response, leg, self.call.caller).decode("latin-1")

    def _rings(self, leg: Callee, response: Response, rseq: int) -> None:
        call = self.call
        if rseq and not call.ports.provisionals(call).hear(leg, response, rseq):
            return
        if leg.rang_at is None:
            leg.rang_at = call.ports.wall_clock()
            leg.transition(RING)
        if response.to_tag is not None:
            leg.begin_early(response)
        is_silent = self._is_kept_silent(leg, response)
        status, has_media = (180, False) if is_silent else (response.status, bool(response.body))
        self._tell(events.Provisional(leg.index, status, has_media, response))
        if rseq:
            self._acknowledge(leg, response, rseq)

    def _one_is_over(self, leg: Callee, response: Response) -> None:
        """Take note that one of those who ring behind a leg has stopped, which the caller need not know (RFC 6228)."""
        rseq, provisionals = is_reliable(response), self.call.ports.provisionals
        self._tell(events.Heard(leg.index))
        if rseq and provisionals(self.call).hear(leg, response, rseq):
            leg.begin_early(response)
            provisionals(self.call).acknowledge_untold(leg, response, rseq)

    def _acknowledge(self, leg: Callee, response: Response, rseq: int) -> None:
        """Let a reliable response be acknowledged; an offer in it can only be answered by the caller."""
        call = self.call
        invite, provisionals = call.caller.invite, call.ports.provisionals(call)
        is_offer = response.body and invite is not None and not invite.body
        if is_offer and call.hunt is self and provisionals.is_untold(leg, response, rseq):
            self._pass_on(leg, response, has_media=True)
        provisionals.acknowledge_untold(leg, response, rseq)

    # What is done about it.

    def _tell(self, event: events.Event) -> None:
        machine = self._machine
        machine.handle(event, self.call.ports.wall_clock())
        for effect in machine.effects():
            self._EFFECTS[type(effect)](self, effect)

    def _find(self, effect: events.Find) -> None:
        self._tell(_found(self._destinations(effect.group)))

    def _destinations(self, group: Iterable[DialLeg]) -> list[Destination]:
        """Return what the legs of a group ring; an emergency call waits for none of them while there is another."""
        call = self.call
        found = [each for leg in group for each in call.ports.dialling.destinations(call, leg)]
        if call.is_emergency:
            is_last = not self.groups and len(found) < 2
            for each in found:
                if each.flow is None and (not is_last or is_dead(call, each)):
                    each.answer_within = min(each.answer_within or EMERGENCY_WITHIN, EMERGENCY_WITHIN)
        return found

    def _add(self, effect: events.Add[Destination]) -> None:
        destination = effect.peer
        if self.headers:
            destination.options = destination.options.with_headers(self.headers)
        leg = self._make(effect.leg, destination)
        if effect.is_waiting:
            leg.transition(DELAY)

    def _follow(self, effect: events.Follow) -> None:
        leg = self._make(effect.leg, effect.peer)
        if effect.is_waiting:
            leg.transition(DELAY)

    def _make(self, number: int, destination: Destination) -> Callee:
        call, ports = self.call, self.call.ports
        now = ports.wall_clock()
        # Both name the call, by which it is known should a provider bring it back (`invite.py`).
        leg = Callee(call, number, f"{call.id}-{number}", f"{call.id}.{number}", now, destination)
        leg.instance = destination.instance
        call.legs.append(leg)
        ports.table.remember(leg)
        call.changed()
        return leg

    def _arm(self, effect: events.Arm) -> None:
        self.call.arm(_timer_name(effect.timer), effect.delay)

    def _disarm(self, effect: events.Disarm) -> None:
        self.call.disarm(_timer_name(effect.timer))

    def _launch(self, effect: events.Launch) -> None:
        launch(self, self._leg(effect.leg))

    def _progress(self, effect: events.Progress[Response]) -> None:
        self._pass_on(self._leg(effect.leg), effect.message, has_media=effect.has_media)

    def _is_kept_silent(self, leg: Callee, response: Response) -> bool:
        """Return whether the caller is not to hear what a leg plays; an offer has to be heard, and answered."""
        invite = self.call.caller.invite
        return (
            leg.destination.options.early is False
            and bool(response.body)
            and (invite is None or bool(invite.body))
        )

    def _pass_on(self, leg: Callee, response: Response, *, has_media: bool) -> None:
        call = self.call
        if has_media or call.early_leg is not None:
            call.hear(leg, response.to_tag or "", has_media=has_media)
        status, reason, body = response.status, response.reason, b""
        if self._is_kept_silent(leg, response):
            status, reason = 180, "Ringing"  # a 183 without media would leave the caller in silence
        else:
            body = call.body_for(response, leg, call.caller)
        content_type = response.headers.get("content-type") if body else None
        lines = relayed_lines(response, leg.passage_to(call.caller), call.ports.settings.extensions)
        rseq = 0 if call.provisionals is None else is_reliable(response)
        source = (leg.index, response.to_tag or "", rseq) if rseq else None
        call.progress(status, reason, lines, body, content_type, source)

    def _close(self, effect: events.Close) -> None:
        leg = self._leg(effect.leg)
        leg.transition(END)
        leg.destination.redirect_to = effect.redirect
        leg.end(effect.outcome, self.call.ports.wall_clock(), effect.by)
        self.call.ports.guard.settle((leg,))
        self.call.changed()

    def _cancel(self, effect: events.Cancel) -> None:
        leg = self._leg(effect.leg)
        to = leg.destination
        if effect.outcome is SILENT and to.is_server:
            self.call.ports.servers.failed(to.provider, to.next_hop, "no answer to INVITE")
        leg.cancel(effect.outcome)
        self.call.ports.guard.settle((leg,))

    def _join(self, effect: events.Join[Response]) -> None:
        self.call.join(self._leg(effect.leg), effect.message)

    def _give_up(self, effect: events.GiveUp) -> None:
        self.call.nobody_answered(effect.outcome)

    _EFFECTS: ClassVar[Mapping[type[events.Effect], Callable[[Hunt, Any], None]]] = {
        events.Find: _find,
        events.Add: _add,
        events.Follow: _follow,
        events.Launch: _launch,
        events.Progress: _progress,
        events.Close: _close,
        events.Cancel: _cancel,
        events.Arm: _arm,
        events.Disarm: _disarm,
        events.Join: _join,
        events.GiveUp: _give_up,
    }

    def _leg(self, number: int) -> Callee:
        return self.call.legs[number - 1]


def _timer_name(timer: int) -> str:
    """Return the name that a timer of the machine is stored under."""
    if timer == events.RING_TIME_OVER:
        return "ring"
    return f"delay {timer}" if timer > 0 else f"answer {-timer}"


def _found(destinations: list[Destination]) -> events.Found[Destination]:
    return events.Found(
        [
            events.Candidate(
                each.target,
                each,
                each.options.delay or 0.0,
                each.options.follows_redirects,
                each.answer_within,
            )
            for each in destinations
        ]
    )


def _known(leg: Callee) -> HuntLeg:
    """Return what the machine knew of a leg in an earlier process."""
    destination = leg.destination
    known = HuntLeg(
        leg.index, destination.target, leg.started_at, state=_STATES.get(leg.state, OVER),
        is_followed=destination.options.follows_redirects, redirects=destination.redirects,
        redirected_by=destination.redirected_by, q=destination.q,
    )  # fmt: skip
    known.within = destination.answer_within
    known.redirect, known.outcome, known.ended_at = destination.redirect_to, leg.outcome, leg.ended_at
    return known
