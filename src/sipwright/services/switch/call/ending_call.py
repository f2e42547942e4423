"""What goes on in a call, for how long, how that ends, and when the call is forgotten.

How long it may last is said by its dialplan, its owner, its providers, the switch.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from math import inf
from typing import Any, TypeVar

from sipwright.sip import Request, Response, reason_for
from sipwright.sip.transaction import ClientTransaction
from sipwright.stack import ReconnectingFlow

from ..model.call_state import ENDING, SETTING_UP, TABLE, TALKING, CallEvent
from ..model.identity import Identity
from ..model.leg_state import ANSWERED, END, ENDED
from ..model.outcome import Outcome
from ..model.relayed import farewell_headers
from .bridge import Bridge
from .callee import Callee
from .leg import Leg, was_cut_off
from .ports import CallPorts
from .process import CallProcess
from .script_port import ScriptRun

__all__ = ["LIMIT", "EndingCall"]

LIMIT = "limit"
"""The timer that runs until a call has lasted for as long as it may."""

ProcessT = TypeVar("ProcessT")


class EndingCall(Bridge):
    """A call, as far as its end is concerned: its state, the processes that it carries, and its script hear of that.

    Its timer `LIMIT` ends it; `limit` is what its dialplan has allowed, and `dialled_user` whom its caller has dialled.
    """

    __slots__ = (
        "_are_records_due", "answered_at", "dialled_user", "identity", "is_part", "limit", "processes", "script",
        "state",
    )  # fmt: skip

    def __init__(self, ports: CallPorts[Any], call_id: str, identity: Identity) -> None:
        super().__init__(ports, call_id)
        self.identity = identity
        self.limit: float | None = None
        self.dialled_user = ""
        self.answered_at: float | None = None
        self.state = SETTING_UP
        self.processes: tuple[CallProcess, ...] = ()
        self.script: ScriptRun | None = None
        self.is_part = False
        self._are_records_due = False

    def transition(self, event: CallEvent) -> None:
        """Go on to the state that an event leads to; nothing else changes it."""
        self.state = TABLE.after(self.state, event, self.id)
        if event is CallEvent.JOIN:
            self.ports.table.answered(self)

    # What goes on in it.

    def carry(self, process: CallProcess) -> None:
        """Let a process go on in this call until it is dropped."""
        self.processes += (process,)

    def drop(self, process: CallProcess) -> None:
        """Carry a process no more."""
        self.processes = tuple(each for each in self.processes if each is not process)

    def find(self, kind: type[ProcessT]) -> ProcessT | None:
        """Return the process of a kind that goes on in this call."""
        for process in self.processes:
            if isinstance(process, kind):
                return process
        return None

    # How long it lasts.

    @property
    def is_emergency(self) -> bool:
        """Whether somebody of ours has dialled an emergency number."""
        return self.ports.settings.is_emergency(self.identity.direction, self.dialled_user)

    def limit_duration(self, leg: Callee) -> None:
        """Let the time run that a call with this leg may last; a dialplan can only make it shorter."""
        limit = min(leg.destination.options.limit or inf, self.limit or inf, self.longest)
        if limit < inf:
            self.arm(LIMIT, limit)

    @property
    def longest(self) -> float:
        """For how many seconds this call may last with the ends that it has, whatever its dialplan says."""
        ends, ports = (self.caller, *self.legs), self.ports
        if self.is_emergency:
            return ports.settings.longest_call or inf
        providers = [leg.provider for leg in ends if leg.provider is not None and leg.state is ANSWERED]
        own = ports.own_limits.longest_call(self.identity.user_id, providers)
        return min(own, ports.settings.longest_call or inf)

    def end_within(self, limits: Iterable[float | None]) -> None:
        """Let a call that talks end no later than each of these says, in seconds from now."""
        given = [limit for limit in limits if limit is not None]
        deadline = self.timers.get(LIMIT)
        if given and (deadline is None or self.ports.wall_clock() + min(given) < deadline):
            self.arm(LIMIT, min(given))

    @property
    def time_left(self) -> float | None:
        """For how many seconds the call may go on, if that is limited."""
        deadline = self.timers.get(LIMIT)
        return None if deadline is None else max(deadline - self.ports.wall_clock(), 0.001)

    # The end.

    def hang_up(
        self, by: str, reason: str | None, *, already: Leg | None = None, status: int = 200, why: str | None = None,
        more: tuple[tuple[str, str], ...] = (), has_left: bool = False,
    ) -> None:  # fmt: skip
        """End an answered call: BYE to both ends but `already`, which said it or `has_left` for another (RFC 3261 §15).

        `reason` is for them (RFC 3326), and so are the `more` headers; `why` is for the records.
        """
        if self.originator is not None and self.originator.hung_up(by, already, status):
            return
        if self.state is not TALKING:
            return
        now = self.ports.wall_clock()
        self.transition(CallEvent.END)
        self.disarm_all()
        self.changed()
        headers = (*(() if reason is None else (("Reason", reason),)), *more)
        for leg in self.ends():
            # One that has left for another call is acknowledged there; who has hung up itself may wait for it yet.
            other = None if leg is already and has_left else self.other(leg)
            if other is not None and other.unacked_response is not None:
                leg.acknowledge_unanswered(other.unacked_response)
        for process in self.processes:
            process.abandon()
        outcome = Outcome(status, why or reason_for(status))
        for leg in self.ends():
            leg.end(outcome, now, by)
            if leg is already or leg.is_finished:
                leg.acked()  # who says good-bye has heard our answer
                leg.transition(END)
            else:
                leg.say_goodbye(headers)
        self.close()
        if self.script is not None:
            self.script.call_ended(now - (self.answered_at or now))

    def close(self) -> None:
        """Have a record of each leg written, and the call forgotten when the last of them is over."""
        self._are_records_due = True
        self.changed()
        self.forget_if_finished()

    def farewell_answered(self, leg: Leg, transaction: ClientTransaction, response: Response) -> None:
        """Take the response to our BYE; but for a challenge, the leg is over (RFC 3261 §15.1.1).

        A connection that ended before the response came may have taken the BYE along: it is said once more, by another,
        and again by each that a phone has come back with.
        """
        if not response.is_final:
            return
        is_first = not leg.rounds or isinstance(transaction.flow, ReconnectingFlow)
        if is_first and was_cut_off(transaction, response):
            leg.say_goodbye(farewell_headers(transaction.request), rounds=max(leg.rounds, 1))
        elif response.status == 481 and leg.is_answer_repeated:
            # It has not heard the answer yet, and hears the BYE behind its ACK (RFC 3261 §15).
            leg.pending_request = None
            self.changed()
        elif leg.provider is None or not self._says_goodbye_again(leg, transaction.request, response):
            self.farewell_taken(leg)

    def farewell_taken(self, leg: Leg) -> None:
        """Let go of a leg whose peer knows that the call is over."""
        leg.transition(END)
        self.forget_if_finished()

    def _says_goodbye_again(self, leg: Leg, bye: Request, response: Response) -> bool:
        """Return whether the BYE was challenged, and is sent once more."""
        leg.note_credentials(response)
        if leg.dialog is None or not leg.is_challenged(bye, response, leg.rounds):
            return False
        leg.say_goodbye(farewell_headers(bye), rounds=leg.rounds + 1)
        return True

    def never_acknowledged(self, leg: Leg) -> None:
        """Hang up: our 2xx was never acknowledged (RFC 3261 §13.3.1.4)."""
        with self.event():
            leg.unacked_response = None
            if leg.has_refused_goodbye:
                self.farewell_taken(leg)
            self.hang_up("switch", 'SIP;cause=408;text="No ACK"', status=408, why="No ACK")

    def perhaps_acknowledged(self, leg: Leg) -> None:
        """Ask the ends: the ACK may have come to an earlier process, which stores none that carries nothing."""
        with self.event():
            leg.unacked_response = None
            if leg.has_refused_goodbye:
                self.farewell_taken(leg)
            self.ports.listeners.in_doubt(self)

    def forget_if_finished(self) -> None:
        """Drop the call when every leg is over; its CDRs are committed with it."""
        if self.state is not ENDING:
            return
        for leg in (self.caller, *self.legs):
            if leg.state is not ENDED:
                return
        for process in self.processes:
            if process.is_awaited:
                return
        self.is_gone = True
        self.changed()
        self.when_stored(partial(self.ports.table.forget, self))
