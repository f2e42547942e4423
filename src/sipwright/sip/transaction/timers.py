"""The timers of RFC 3261 §17 and RFC 6026: their names, their lengths and the queue they wait in.

Nothing here knows what time it is: `now` is an argument, and whoever runs the layer asks for
`TimerQueue.next_deadline` and calls `TimerQueue.advance`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol


class Timer:
    """The timers by their letters (RFC 3261 table 4, RFC 6026 §8.11), and some that the RFCs left unnamed."""

    A: Final = "A"  # INVITE request retransmission
    B: Final = "B"  # INVITE transaction timeout
    D: Final = "D"  # wait for repeated final responses to an INVITE
    E: Final = "E"  # non-INVITE request retransmission
    F: Final = "F"  # non-INVITE transaction timeout
    G: Final = "G"  # INVITE response retransmission
    H: Final = "H"  # wait for the ACK
    I: Final = "I"  # wait for repeated ACKs  # noqa: E741
    J: Final = "J"  # wait for repeated non-INVITE requests
    K: Final = "K"  # wait for repeated non-INVITE responses
    L: Final = "L"  # wait for repeated INVITEs after a 2xx
    M: Final = "M"  # wait for repeated 2xx and those of other branches
    TRYING: Final = "Trying"  # how long an INVITE may stay unanswered before we send a 100 (§17.2.1)
    LATE_TRYING: Final = "LateTrying"  # the same for all other requests (RFC 4320 §4.1)
    OBLIVION: Final = "Oblivion"  # end of a request that nobody answered, without a 408 (RFC 4320 §4.2)
    CANCEL: Final = "Cancel"  # wait for the final response to a cancelled INVITE (§9.1)


@dataclass(frozen=True, slots=True)
class TimerValues:
    """What all timers are made from, in seconds (RFC 3261 §17.1.1.1).

    Attributes:
        t1: The estimate of a round trip.
        t2: The longest interval between two retransmissions of anything but an INVITE.
        t4: How long a message can be under way.
        d: Timer D, which may not be less than 32 s whatever T1 is: the server's T1 is not known here.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    d: float = 32.0

    @property
    def timeout(self) -> float:
        """64*T1, after which a transaction gives up."""
        return 64 * self.t1

    @property
    def late_trying(self) -> float:
        """How long until the peer's Timer E has reached T2: when a 100 is due, and not before (RFC 4320)."""
        seconds, interval = 0.0, self.t1
        while interval < self.t2:
            seconds += interval
            interval *= 2
        return seconds

    def durations(self, is_reliable: bool) -> dict[str, float]:
        """Give the length of every timer that a state starts.

        On a reliable transport nothing is retransmitted, so those timers are missing, and nothing is
        waited for that only a lost message would bring, so those are 0.
        """
        timeout = self.timeout
        durations = dict.fromkeys((Timer.B, Timer.F, Timer.H, Timer.L, Timer.M), timeout)
        # A loop looks for timers every 0.1 s, and the 100 is to leave within 0.2.
        durations[Timer.TRYING] = 0.1
        durations[Timer.LATE_TRYING] = self.late_trying
        durations[Timer.OBLIVION] = timeout - self.late_trying
        if is_reliable:
            return durations | dict.fromkeys((Timer.D, Timer.I, Timer.J, Timer.K), 0.0)
        durations |= dict.fromkeys((Timer.A, Timer.E, Timer.G), self.t1)
        durations |= dict.fromkeys((Timer.I, Timer.K), self.t4)
        return durations | {Timer.D: self.d, Timer.J: timeout}


class Clocked(Protocol):
    """A waiter for at most two instants.

    Attributes:
        retransmit_at: When to send again, or None.
        expires_at: When the state ends, or None.
    """

    retransmit_at: float | None
    expires_at: float | None

    def on_deadline(self, deadline: float, now: float) -> None:
        """Act; `deadline` is one of the two instants."""


class TimerQueue:
    """The queue of all that waits, in one lane per duration.

    Timers of one duration end in the order in which they began, so a lane is a plain deque and starting
    a timer is one append.  Nothing is ever taken out early: an entry counts only if its owner still waits
    for exactly that instant when it gets to the head.

    Attributes:
        on_earlier: Called when something waits for less long than all else, so that the clock is looked at in time.
    """

    __slots__ = ("_earliest", "_lanes", "_order", "on_earlier")

    def __init__(self) -> None:
        self.on_earlier: Callable[[], None] | None = None
        self._lanes: dict[float, deque[tuple[float, Clocked]]] = {}
        self._order: list[deque[tuple[float, Clocked]]] = []
        self._earliest = _NEVER

    def start(self, seconds: float, owner: Clocked, now: float) -> float:
        """Start a timer and return its deadline, which the owner must store in one of its two clocks.

        Nearly every timer waits for longer than some other, so that nobody has to be told of it.
        """
        deadline = now + seconds
        try:
            lane = self._lanes[seconds]
        except KeyError:
            lane = self._open_lane(seconds)
        lane.append((deadline, owner))
        if deadline < self._earliest:
            self._earliest = deadline
            if self.on_earlier is not None:
                self.on_earlier()
        return deadline

    def next_deadline(self) -> float | None:
        """Give the instant of the next `advance`; it can be early, and is never late."""
        return None if self._earliest == _NEVER else self._earliest

    def advance(self, now: float) -> None:
        """Wake every owner whose time has come."""
        if now < self._earliest:
            return
        # Long timers first: what gives up in this very moment must not be sent once more.
        for lane in list(self._order):
            while lane and lane[0][0] <= now:
                deadline, owner = lane.popleft()
                if owner.expires_at == deadline or owner.retransmit_at == deadline:
                    owner.on_deadline(deadline, now)
        self._earliest = min(map(_head, self._order), default=_NEVER)

    def __len__(self) -> int:
        """Count the timers that are really armed."""
        return sum(_is_armed(entry) for lane in self._order for entry in lane)

    def _open_lane(self, seconds: float) -> deque[tuple[float, Clocked]]:
        lane: deque[tuple[float, Clocked]] = deque()
        self._lanes[seconds] = lane
        self._order = [self._lanes[key] for key in sorted(self._lanes, reverse=True)]
        return lane


_NEVER = float("inf")


def _is_armed(entry: tuple[float, Clocked]) -> bool:
    deadline, owner = entry
    return owner.expires_at == deadline or owner.retransmit_at == deadline


def _head(lane: deque[tuple[float, Clocked]]) -> float:
    while lane:
        deadline, owner = lane[0]
        if owner.expires_at == deadline or owner.retransmit_at == deadline:
            return deadline
        lane.popleft()
    return _NEVER
