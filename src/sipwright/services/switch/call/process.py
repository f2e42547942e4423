"""What may go on in a call besides talking: a hunt, requests on their way across, a transfer, a takeover.

A call carries these processes without knowing what they do: it hands them their timers, sets them going again after
a restart, and tells them when it is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from sipwright.sip import Response

from ..model.outcome import LegResult, Outcome
from ..model.stored_processes import StoredPicker, StoredProcess, StoredTarget, StoredThirdParty
from .callee import Callee
from .leg import Leg

__all__ = ["CallProcess", "Claim", "HuntProcess", "Impatient", "Originator", "ReliableProvisionals"]


class CallProcess(Protocol):
    """A process that goes on in a call until it ends by itself, or with the call."""

    @property
    def timers(self) -> tuple[str, ...]:
        """The names of its timers; what follows a space in the name of an armed one is its own."""

    @property
    def is_awaited(self) -> bool:
        """Whether a call that is over is not forgotten before this has ended."""

    def timer(self, name: str) -> None:
        """Take one of these timers that has run out."""

    def to_state(self) -> StoredProcess:
        """Return what another process needs to go on."""

    def resume(self) -> None:
        """Go on in a new process."""

    def abandon(self) -> None:
        """Stop: the call is over, or nobody has answered it."""


@runtime_checkable
class Impatient(Protocol):
    """A process whose peer hears something else when the database is away."""

    def store_is_away(self) -> None:
        """Take note that nothing is stored soon; may be called more than once."""


class HuntProcess(Protocol):
    """The hunt of a call: the legs that are tried until one of them answers."""

    @property
    def timers(self) -> tuple[str, ...]:
        """The names of its timers."""

    def timer(self, name: str) -> None:
        """Take one of these timers that has run out."""

    def responded(self, leg: Callee, response: Response) -> None:
        """Take a response other than 2xx of a leg that may still answer."""

    def answered(self, leg: Callee, response: Response) -> None:
        """Take the 2xx of a leg that may still answer; the call is told whether to join it."""

    def failed(self, leg: Callee, outcome: Outcome) -> None:
        """Note that a leg failed; the others of its group may still answer."""

    def left(self, leg: Callee) -> None:
        """Note that a leg has hung up while it rang; the others of its group may still answer."""

    def stop(self, outcome: Outcome) -> None:
        """Cancel whoever may still answer."""

    def results(self) -> Sequence[LegResult]:
        """Return what became of each leg."""


class ReliableProvisionals(Protocol):
    """The provisional responses of a call that are to be acknowledged (RFC 3262)."""

    def hear(self, leg: Callee, response: Response, rseq: int) -> bool:
        """Take one of a leg; False for one that is not to be looked at."""

    def is_untold(self, leg: Callee, response: Response, rseq: int) -> bool:
        """Return whether the caller was not told one reliably, and nobody has acknowledged it."""

    def acknowledge_untold(self, leg: Callee, response: Response, rseq: int) -> None:
        """Acknowledge one of a leg, unless the caller was told it reliably and does so."""

    def tell(
        self, status: int, reason: str | None, lines: Iterable[str], body: bytes, content_type: str | None,
        source: tuple[int, str, int] | None,
    ) -> bool:  # fmt: skip
        """Tell the caller something reliably; False when it need not be, or cannot."""

    def postpones(self, leg: Callee, response: Response) -> bool:
        """Return whether a 2xx has to wait until the caller has acknowledged a session description."""

    def answer_of(self, leg: Callee) -> bytes:
        """Return what a leg has answered before its 2xx, where the caller has not got it reliably."""

    def end(self) -> None:
        """Repeat nothing more, as there is a final response."""


class Originator(Protocol):
    """What stands in the place of the caller in a call that nobody has sent us an INVITE for.

    It hears what the caller would hear, and decides what an answer leads to.
    """

    @property
    def kind(self) -> str:
        """What kind of call it makes."""

    @property
    def timers(self) -> tuple[str, ...]:
        """The names of its timers."""

    def timer(self, name: str) -> None:
        """Take one of these timers that has run out."""

    def to_state(self) -> StoredThirdParty | StoredTarget | StoredPicker:
        """Return what another process needs to go on."""

    def resume(self) -> None:
        """Go on in a new process."""

    def progressed(self, status: int, reason: str) -> None:
        """Take a provisional response."""

    def rejected(self, outcome: Outcome) -> None:
        """Take the end of the setup: nobody answered, or the script does not want to."""

    def answered(self, leg: Callee, response: Response) -> None:
        """Take the first answer of a hunt."""

    def hung_up(self, by: str, already: Leg | None, status: int) -> bool:
        """Take the end of the call; False when it ends as any other, with BYE to both ends."""

    def ends(self) -> tuple[Leg, ...]:
        """Return the ends of the call as it stands."""

    def other(self, leg: Leg) -> Leg | None:
        """Return the end that `leg` is joined with, while no transfer has changed that."""

    def rejoined(self, remaining: Leg) -> None:
        """Take note of the end that is left, as the other one has made room for somebody else."""

    def adapted(self, body: bytes, receiver: Leg) -> bytes:
        """Return a body as its receiver can take it."""


class Claim(Protocol):
    """What is about to fetch one end of a call into another call."""

    def take_leave(self, leg: Leg, by: str) -> bool:
        """Take the BYE of an end whose leaving is part of it; False when the call is to end."""
