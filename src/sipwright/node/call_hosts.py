"""What the commands of a script do to its call: they become hunts and responses, and it hears what became of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sipwright.services.dialplan import Dial, Ending, Execution, Respond
from sipwright.services.switch import Call, CallEvent, CallState, Hunt, Outcome, for_caller
from sipwright.sip import reason_for
from sipwright.sip.headers.collection import write_lines
from sipwright.store.schema.entities import Dialplan

__all__ = ["GONE", "AfterCall", "CallHost", "DivertedCallHost"]

GONE = Outcome(487, "The Call Is Over")


class CallHost:
    """One call, as its script gives it commands."""

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._call = call

    def persist(self) -> None:
        """Store the call with its run."""
        with self._call.event():
            self._call.changed()

    def abandon(self) -> None:
        """Refuse a call that the database does not take; whoever asks again is heard again."""
        call = self._call
        caller, ports = call.caller, call.ports
        call.transition(CallEvent.END)
        ports.table.forget(call)
        if caller.transaction is not None and caller.invite is not None:
            response = caller.reply(503, "Storage Unavailable", ("Retry-After: 10",))
            caller.transaction.answer(503, response, ports.clock())

    def dial(self, command: Dial) -> None:
        """Ring what the script dialled."""
        call = self._call
        if call.state is not CallState.SETTING_UP:
            if call.script is not None:
                call.script.no_caller(GONE)
            return
        call.hunt = hunt = Hunt(call, command.groups, command.ring, command.headers)
        with call.event():
            hunt.start()

    def respond(self, response: Respond) -> None:
        """Send the caller a provisional response."""
        with self._call.event():
            self._call.progress(response.status, response.reason, write_lines(response.headers))

    def hang_up_after(self, seconds: float) -> None:
        """Limit how long the call may last, once it is answered."""
        call = self._call
        if call.state in (CallState.SETTING_UP, CallState.TALKING):
            with call.event():
                call.limit = seconds
                call.changed()

    def finish(self, ending: Ending) -> None:
        """Give a caller who has no final response yet the one that the script ended with."""
        call = self._call
        if call.state is CallState.SETTING_UP:
            outcome = Outcome(ending.status, ending.reason or reason_for(ending.status))
            heard = call.failure
            if ending.is_relayed and heard is not None and heard.status == ending.status:
                outcome = heard._replace(reason=outcome.reason)  # it explains itself, as without a script
            is_forbidden = ending.is_relayed or ending.status in (401, 407)
            with call.event():
                told = for_caller(outcome) if is_forbidden else outcome
                call.reject(told, (*told.headers, *ending.headers))


class DivertedCallHost:
    """A call, as the script gives it commands that is to decide where it goes in place of what it does now.

    Until that script has come to its first wait, everything goes on as it was: should it not want to, nothing has
    happened, and should the process be killed, nothing was promised. From then on the call is this script's.
    """

    def __init__(
        self, call: Call, plan: Dialplan, take: Callable[[], object], then: Callable[[], object],
        refused: Callable[[str], object],
    ) -> None:  # fmt: skip
        self.execution: Execution | None = None
        self._call = call
        self._plan = plan
        self._take = take
        self._then = then
        self._refused = refused
        self._host: CallHost | None = None

    def _taken(self) -> CallHost | None:
        """Return the call, which is this script's from now on, unless it is too late for that."""
        call, execution, plan = self._call, self.execution, self._plan
        if self._host is None and execution is not None:
            if call.state is not CallState.SETTING_UP or call.hunt is None:
                # The run is in the middle of something; it hears in the next turn that it comes too late.
                call.ports.stack.call_later(0.0, partial(execution.dismissed, GONE))
                self._refused("the call was answered, or given up, before the dialplan had decided")
                return None
            with call.event():
                self._take()
                call.script, call.execution_id = execution, execution.execution_id
                identity = call.identity
                identity.dialplan_id, identity.dialplan, identity.version = plan.id, plan.name, plan.version
                call.when_stored(self._then)
            self._host = CallHost(call)
        return self._host

    def persist(self) -> None:
        """Take the call, and store it with the run."""
        if (host := self._taken()) is not None:
            host.persist()

    def abandon(self) -> None:
        """Leave the call as it is: the database does not take the run."""
        self._refused("nothing can be stored now")

    def dial(self, command: Dial) -> None:
        """Take the call, and ring what the script dialled."""
        if (host := self._taken()) is not None:
            host.dial(command)

    def respond(self, response: Respond) -> None:
        """Send the caller a provisional response, once the call is this script's."""
        if self._host is not None:
            self._host.respond(response)

    def hang_up_after(self, seconds: float) -> None:
        """Limit how long the call may last, once it is this script's."""
        if self._host is not None:
            self._host.hang_up_after(seconds)

    def finish(self, ending: Ending) -> None:
        """Give the caller the end of the script; one that ends before it has done anything refuses to."""
        if self._host is not None:
            self._host.finish(ending)
        else:
            reason = ending.reason or reason_for(ending.status)
            self._refused(f"the dialplan {self._plan.name} refuses that: {ending.status} {reason}")


class AfterCall:
    """What is left for a script whose call is over: it may look things up and send mails, and rings nobody."""

    __slots__ = ("execution",)

    def __init__(self) -> None:
        self.execution: Execution | None = None

    def persist(self) -> None:
        """Do nothing: there is no call to store."""

    def abandon(self) -> None:
        """Do nothing: the caller has gone."""

    def dial(self, command: Dial) -> None:
        """Say that there is nobody to ring for."""
        if self.execution is not None:
            self.execution.no_caller(GONE)

    def respond(self, response: Respond) -> None:
        """Drop it: the caller has gone."""

    def hang_up_after(self, seconds: float) -> None:
        """Drop it: the call is over."""

    def finish(self, ending: Ending) -> None:
        """Drop it: the caller has gone."""
