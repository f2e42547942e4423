"""What a hunt is told and what it asks for: the events and effects of `hunt_machine.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, dataclass_transform

from ..model.outcome import Outcome

__all__ = [
    "RING_TIME_OVER", "Add", "Arm", "Begin", "Cancel", "Candidate", "Close", "Disarm", "Effect", "Event", "Failure",
    "Find", "Follow", "Found", "GiveUp", "Heard", "Join", "Launch", "Leave", "More", "Progress", "Provisional",
    "Silence", "Stop", "Success", "TimeIsUp", "Way",
]  # fmt: skip

Peer = TypeVar("Peer")
"""What the driver calls: the machine hands it back with the leg that is to ring it."""

Message = TypeVar("Message")
"""What the driver heard: the machine hands it back when the caller is to hear it too."""


Class = TypeVar("Class")


@dataclass_transform(frozen_default=True)
def value(class_: type[Class]) -> type[Class]:
    """Make a class of values that nobody changes: mypy sees to it, as to see to it here takes thrice the time."""
    return dataclass(slots=True)(class_)


# What happens.


@value
class Candidate(Generic[Peer]):
    """Whom a leg would ring, after how many seconds, and whether a redirect is followed without asking the script.

    It fails unless it says something within `answer_within` seconds, if that is not 0.
    """

    target: str
    peer: Peer
    delay: float = 0.0
    is_followed: bool = True
    answer_within: float = 0.0


@value
class Way:
    """Where a redirect leads: a Contact, whom it would ring, and how much that is preferred, from 0.0 to 1.0."""

    contact: str
    peer: Any = None
    q: float = 1.0
    answer_within: float = 0.0


@value
class Begin:
    """Ring the first group."""


@value
class Found(Generic[Peer]):
    """These are the candidates of the group that was to be found; maybe none."""

    candidates: Sequence[Candidate[Peer]]


@value
class More(Generic[Peer]):
    """These are to ring beside those that do, from now on for as long as a group does."""

    candidates: Sequence[Candidate[Peer]]


@value
class Heard:
    """A leg is there, and has said nothing else yet: a 100."""

    leg: int


@value
class Provisional(Generic[Message]):
    """A leg rings, or says something else before its answer."""

    leg: int
    status: int
    has_media: bool
    message: Message


@value
class Failure:
    """A leg will not be answered, `by` whose doing; `ways` are where it sends us instead."""

    leg: int
    outcome: Outcome
    ways: Sequence[Way] = ()
    by: str = "callee"


@value
class Success(Generic[Message]):
    """A leg was answered."""

    leg: int
    message: Message


@value
class TimeIsUp:
    """A timer ran out: that of the group (`RING_TIME_OVER`), or the delay of the leg of that number.

    The number below zero is that of the leg that ought to have said something by now.
    """

    timer: int


@value
class Stop:
    """Nobody is wanted any more: the caller gave up, or was answered otherwise."""

    outcome: Outcome


@value
class Leave:
    """A leg has hung up without having answered (RFC 3261 §15): its INVITE is to be called off."""

    leg: int
    outcome: Outcome


@value
class Silence:
    """A leg has said nothing for as long as it was given: what the machine makes of such a `TimeIsUp`."""


Event = (
    Begin
    | Found[Any]
    | More[Any]
    | Heard
    | Provisional[Any]
    | Leave
    | Silence
    | Failure
    | Success[Any]
    | TimeIsUp
    | Stop
)

RING_TIME_OVER: Final = 0
"""The timer of the group; another one has the number of the leg that it starts, or below zero of the one it ends."""


# What is to be done.


@value
class Find:
    """Find out whom the next group rings, and say it with `Found`."""

    group: Any


@value
class Add(Generic[Peer]):
    """Make a leg: it is tried now or later, and counts from now on."""

    leg: int
    peer: Peer
    is_waiting: bool


@value
class Follow:
    """Make a leg that is tried in place of `old`, at a Contact that it gave: now, or when others have failed."""

    leg: int
    old: int
    contact: str
    peer: Any = None
    is_waiting: bool = False


@value
class Launch:
    """Send the INVITE of a leg."""

    leg: int


@value
class Progress(Generic[Message]):
    """Let the caller hear what a leg said; with media, the caller hears that leg from now on."""

    leg: int
    has_media: bool
    message: Message


@value
class Close:
    """Note that a leg is over by itself; `redirect` is where the script may find it."""

    leg: int
    outcome: Outcome
    by: str
    redirect: str = ""


@value
class Cancel:
    """Stop trying a leg."""

    leg: int
    outcome: Outcome


@value
class Arm:
    """Say `TimeIsUp` after so many seconds."""

    timer: int
    delay: float


@value
class Disarm:
    """Say nothing of that timer."""

    timer: int


@value
class Join(Generic[Message]):
    """Join the caller with a leg: it has won, and the hunt is over."""

    leg: int
    message: Message


@value
class GiveUp:
    """Tell whoever dialled that nobody answered, and the best response: the hunt is over."""

    outcome: Outcome


Effect = (
    Find | Add[Any] | Follow | Launch | Progress[Any] | Close | Cancel | Arm | Disarm | Join[Any] | GiveUp
)
