"""What has come in over UDP and waits, while more comes in than can be handled: after a restart, or in a rush.

Normally a message is handled where it is read, and there is nothing here.  When the socket is not empty after some
turns it is read to its end, and then it counts in which order messages are handled, and how often:

- What belongs to something goes first: responses, requests inside of dialogs, and whatever a transaction has taken
  already, such as a CANCEL.  It brings to an end what has begun, and whoever sent it repeats it until it is answered.
  What is new waits: its caller has heard nothing yet, and waits as well (RFC 3261 §17.1.1.2).
- Registrations and the pings of phones and trunks are worth one message in four, whatever waits: who has to wait long
  for these takes us for gone, and looks for another server with all of its calls.
- A copy of what waits is dropped, since it is the same message once more.  One of what a transaction has does not wait,
  as it would come after the end of that, which counts with messages that are under way for T4 at most (§17.2.1).
- When what is new has waited for too long, other calls wait no more: the switch tells them to try later. So it does
  when everything is late for as long, if only by half a second: a line that stands gets no shorter by waiting.
  Calls from outside are told so after half that time. What belongs to a call, and registrations, go on.
- While the calls of an earlier process are brought back, all waits but registrations and pings, which no call needs.

Timers of calls keep to this order, too: what came before one ran out counts, however late it is read (`unread_since`).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from math import inf

from sipwright.stack.timer_heap import CallLater
from sipwright.transport import UdpTransport
from sipwright.transport.base import OnMessage
from sipwright.transport.flow import Flow
from sipwright.transport.udp import DATAGRAMS_PER_WAKE

__all__ = ["LONGEST_WAIT", "MOST_NEW", "MOST_OTHERS", "MOST_PINGS", "SLOW", "Backlog", "is_ping"]

AT_ONCE = DATAGRAMS_PER_WAKE
"""Messages that are handled before others have a turn."""

SOON = 0.001
"""Seconds until what was found waiting is handled: it is to be read first, so that it can be put in order."""

PER_WAKE = 256
"""Datagrams that are read before others have a turn, while they are only put aside."""

A_TURN_OF_PINGS = 4
"""Of so many messages one is a registration or a ping, while any of these wait."""

MOST_NEW = 2_000
MOST_OTHERS = 8_000
MOST_PINGS = 8_000

LONGEST_WAIT = 8.0
"""Seconds: while the first of the new messages has waited for so long, other calls are refused; half for outsiders."""

SLOW = 0.5
"""Seconds that a message is late, from the kernel to its handler, when the switch counts as slow: T1, after which
whoever sent it sends it again."""

_MOST_OF_A_LOOK = 1.0
"""Seconds for which one look counts, so that a machine which stood still for a while is not taken for a busy one."""

_NEW = (b"INVITE ", b"CANCEL ", b"REGISTER ", b"OPTIONS ", b"MESSAGE ", b"SUBSCRIBE ", b"PUBLISH ")
_PINGS = (b"REGISTER ", b"OPTIONS ")
_TO_TAG = re.compile(rb"(?i)\n(?:to|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=")


def is_ping(data: bytes) -> bool:
    """Return whether a message is a registration, or a ping of a phone or trunk, and none that belongs to a call."""
    return data.startswith(_PINGS) and _TO_TAG.search(data) is None


class _Line:
    """Messages that wait, each of them once; what finds no room is repeated by whoever sent it."""

    __slots__ = ("_known", "_most", "waiting")

    def __init__(self, most: int) -> None:
        self._most = most
        self.waiting: deque[tuple[bytes, Flow, float]] = deque()
        self._known: set[tuple[bytes, Flow]] = set()

    def __len__(self) -> int:
        return len(self.waiting)

    def put(self, data: bytes, flow: Flow, now: float) -> None:
        key = (data, flow)
        if key not in self._known and len(self._known) < self._most:
            self._known.add(key)
            self.waiting.append((data, flow, now))

    def take(self) -> tuple[bytes, Flow]:
        data, flow, _ = self.waiting.popleft()
        self._known.discard((data, flow))
        return data, flow

    def has(self, data: bytes, flow: Flow) -> bool:
        return (data, flow) in self._known

    def since(self) -> float:
        return self.waiting[0][2] if self.waiting else inf

    def wait(self, now: float) -> float:
        return now - self.waiting[0][2] if self.waiting else 0.0

    def clear(self) -> None:
        self.waiting.clear()
        self._known.clear()


class Backlog:
    """The messages that wait, in the order in which they are to be handled."""

    def __init__(
        self,
        receive: OnMessage,
        transports: Iterable[UdpTransport],
        call_later: CallLater,
        clock: Callable[[], float],
        is_taken: Callable[[bytes], bool] = lambda data: False,
    ) -> None:
        """Be told by the transports when they are behind.

        Args:
            receive: Who handles messages.
            transports: The sockets.
            call_later: As of the event loop.
            clock: Monotonic time.
            is_taken: Whether a request belongs to a transaction that there is.
        """
        self._receive = receive
        self._transports = tuple(transports)
        self._call_later = call_later
        self._clock = clock
        self._is_taken = is_taken
        self._others, self._new, self._pings = _Line(MOST_OTHERS), _Line(MOST_NEW), _Line(MOST_PINGS)
        self._is_working = self._is_held = self._are_pings_held = self._is_due = False
        self._slow_for = 0.0
        self._looked_at: float | None = None
        self._unread_for = 0.0
        self.lag = 0.0
        """How late messages are, as it was seen last."""
        for transport in self._transports:
            transport.on_behind = self.begin

    def __len__(self) -> int:
        return len(self._others) + len(self._new) + len(self._pings)

    @property
    def is_too_long(self) -> bool:
        """Whether another call had better be refused."""
        return self._slow_for >= LONGEST_WAIT or (
            bool(self._new.waiting) and self._new.wait(self._clock()) > LONGEST_WAIT
        )

    @property
    def is_long(self) -> bool:
        """Whether another call from outside had better be refused."""
        return self._slow_for >= LONGEST_WAIT / 2 or (
            bool(self._new.waiting) and self._new.wait(self._clock()) > LONGEST_WAIT / 2
        )

    def look(self, late: float) -> None:
        """Take note of how late the loop is, which is to be measured several times a second, and how late messages are.

        From the kernel to its handler a message waits in a socket, and then perhaps in a line here.
        """
        now = self._clock()
        before, self._looked_at = self._looked_at, now
        unread = max((transport.unread_for for transport in self._transports), default=0.0)
        # The kernel's stamps are by a clock that may be set: nothing has got older than the time since allows.
        self._unread_for = max(0.0, min(unread, self._unread_for + now - (now if before is None else before)))
        self.lag = max(late, self._unread_for, self._new.wait(now), self._others.wait(now))
        if self.lag < SLOW or before is None:
            self._slow_for = 0.0
        else:
            self._slow_for += min(now - before, _MOST_OF_A_LOOK)

    @property
    def unread_since(self) -> float:
        """When the first message came that belongs to something and still waits; none does at infinity."""
        return self._others.since()

    def hand_to(self, receive: OnMessage) -> None:
        """Let messages be handled by another one from now on."""
        self._receive = receive

    def begin(self) -> None:
        """Put aside what comes in, and work it off when all that waits is read."""
        if not self._is_working and not self._is_held:
            self._is_working = True
            self._attach()
            self._go_on(SOON)

    def hold(self, *, but_pings: bool = False) -> None:
        """Put aside what comes in, and handle nothing until `release`, or nothing but registrations and pings."""
        self._is_held, self._are_pings_held = True, not but_pings
        self._attach()
        if but_pings and self._pings:
            self._go_on(0.0)

    def release(self) -> None:
        """Go on, with what has come in meanwhile; to be called when the transports hand over to the stack again."""
        self._is_held = self._are_pings_held = False
        if len(self):
            self._is_working = True
            self._attach()
            self._go_on(0.0)
        else:
            self._end()

    def clear(self) -> None:
        """Forget what waits."""
        self._others.clear()
        self._new.clear()
        self._pings.clear()

    def put(self, data: bytes, flow: Flow) -> None:
        """Put a message aside."""
        now = self._clock()
        if not data.startswith(_NEW) or _TO_TAG.search(data) is not None:
            self._others.put(data, flow, now)
        elif data.startswith(_PINGS):
            if not self._is_held:
                (self._others if self._is_taken(data) else self._pings).put(data, flow, now)
            else:
                self._pings.put(data, flow, now)
                if not self._are_pings_held:
                    self._go_on(0.0)
        elif not self._new.has(data, flow):
            # The copy of one that waits is never refused in its place, as the other will be taken.
            is_late = self._new.wait(now) > LONGEST_WAIT
            (self._others if is_late or self._is_taken(data) else self._new).put(data, flow, now)

    def _attach(self) -> None:
        for transport in self._transports:
            transport.on_message = self.put
            transport.datagrams_per_wake = PER_WAKE

    def _go_on(self, delay: float) -> None:
        if not self._is_due:
            self._is_due = True
            self._call_later(delay, self._work)

    def _work(self) -> None:
        """Handle some messages; when none are left all is as ever again."""
        self._is_due = False
        for number in range(AT_ONCE):
            if self._is_held:
                if self._are_pings_held or not self._pings:
                    return
                self._receive(*self._pings.take())
                continue
            is_for_pings = number % A_TURN_OF_PINGS == 0 and self._pings
            line = self._pings if is_for_pings else self._others or self._new or self._pings
            if not line:
                self._end()
                return
            self._receive(*line.take())
        self._go_on(0.0)

    def _end(self) -> None:
        self._is_working = False
        for transport in self._transports:
            if transport.on_message == self.put:  # nobody has stopped listening meanwhile
                transport.on_message = self._receive
            transport.datagrams_per_wake = DATAGRAMS_PER_WAKE
