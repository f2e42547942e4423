"""What is left of a call when both its ends and the database have heard that it is over.

Its transactions linger for half a minute (RFC 3261 §17, RFC 6026 §7), and hand what comes late to the legs. Those
point here instead of at the call, so that a call and its legs do not hold each other: they are freed at once, and
not by a search through the whole memory that would hold up everybody else.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from sipwright.sip import Request, Response
from sipwright.sip.transaction import ClientTransaction, ServerTransaction

from .callee import Callee
from .leg import Leg
from .leg_ports import Arguments, LegPorts
from .process import CallProcess

__all__ = ["EndedCall"]

_NO_EVENT = nullcontext()


class EndedCall:
    """Answers for every call that is over, as the owner of its legs."""

    __slots__ = ("_further_answer", "ports")

    id = ""

    def __init__(
        self, ports: LegPorts[Leg], further_answer: Callable[[EndedCall, Callee, Response], None]
    ) -> None:
        self.ports = ports
        self._further_answer = further_answer

    def changed(self) -> None:
        """Note nothing: there is no row any more."""

    def event(self) -> AbstractContextManager[object]:
        """Return a context that does nothing: there is nothing to commit, and nobody to be told."""
        return _NO_EVENT

    def handle(self, handler: Callable[[*Arguments], object], *arguments: *Arguments) -> None:
        """Let `handler` handle it, which is all."""
        handler(*arguments)

    def disarm(self, name: str) -> None:
        """Do nothing: no timer is armed."""

    def when_stored(self, action: Callable[[], object], *, is_urgent: bool = False) -> None:
        """Do it now: nothing of the call is to be stored any more."""
        action()

    def caller_cancelled(self, cancel: ServerTransaction | None, bye: Request | None = None) -> None:
        """Answer a CANCEL that comes too late (RFC 3261 §9.2)."""
        if cancel is not None:
            cancel.accept(self.ports.clock())

    def refusal_arrived(self) -> None:
        """Take the ACK to the final response: nobody waits for it."""

    def callee_responded(self, leg: Callee, response: Response) -> None:
        """Acknowledge a 2xx that comes again; one of another phone behind a proxy is hung up (RFC 3261 §13.2.2.4)."""
        if response.is_success and not leg.acknowledge_copy(response):
            self._further_answer(self, leg, response)

    def carry(self, process: CallProcess) -> None:
        """Keep nothing: its transaction holds it until its sender has heard our BYE."""

    drop = carry

    def forget_if_finished(self) -> None:
        """Do nothing: it is forgotten."""

    def farewell_answered(self, leg: Leg, transaction: ClientTransaction, response: Response) -> None:
        """Take the response to a BYE that was answered before."""

    def farewell_taken(self, leg: Leg) -> None:
        """Take the 200 to one."""

    def never_acknowledged(self, leg: Leg) -> None:
        """Do nothing: whoever did not acknowledge our 2xx has said good-bye since, or was told it."""

    perhaps_acknowledged = never_acknowledged
