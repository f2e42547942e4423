"""What the four transaction machines share: the driver of their tables.

A machine is fed events and speaks only through its outbox.  Its table says what it does, and here is how
a table is run.  What the two sides have of their own is in sides.py; who feeds a machine and who
empties the outbox is layer.py.  The machines are next door, one a file, in the order of RFC 3261 §17: client_invite,
client_non_invite, server_invite, server_non_invite.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Final, Protocol

from sipwright.own_code import OwnCode
from sipwright.sip.message import Message, Request
from sipwright.sip.transaction.timers import TimerQueue, TimerValues

# The states of all four figures.  IDLE is the dot that the first arrow comes from.
IDLE: Final = "idle"
CALLING: Final = "calling"
TRYING: Final = "trying"
PROCEEDING: Final = "proceeding"
COMPLETED: Final = "completed"
CONFIRMED: Final = "confirmed"
ACCEPTED: Final = "accepted"
TERMINATED: Final = "terminated"

# The events, besides the timers: a response by its class, a request that is fed again, and what befalls.
PROVISIONAL: Final = "1xx"
SUCCESS: Final = "2xx"
FAILURE: Final = "300-699"
REQUEST: Final = "request"
ACK: Final = "ACK"
CANCEL: Final = "CANCEL"
TRANSPORT_ERROR: Final = "transport error"

EVENTS: Final = (PROVISIONAL, PROVISIONAL, SUCCESS, *7 * (FAILURE,))
"""The event that a response is, by the first digit of its status."""


class Deliver:
    """Hand this message to the TU; to a server's TU, None says that the ACK never came."""

    __slots__ = ("message",)

    def __init__(self, message: Message | Transaction | None) -> None:
        self.message = message


class Begin:
    """Begin a client transaction of its own for this CANCEL."""

    __slots__ = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request


class Finish:
    """Forget the transaction."""

    __slots__ = ()


FINISH: Final = Finish()

Effect = bytes | Deliver | Begin | Finish
"""What a machine asks for; bytes are to be put on the wire, to where the transaction's peer is."""

Action = Callable[[Any, Any, float], None]
Rules = Mapping[tuple[str, str], tuple[str, Action]]

RUNS_ON: Final = -1.0
"""In the place of a length: the clock belongs to the state before too, and is not started again."""

Clocks = Mapping[tuple[str, str], tuple[float | None, float | None]]
"""For each step from one state to another the lengths of the clocks that retransmit and that bound the state, in
seconds; None where there is none."""


class Flow(Protocol):
    """Where a transaction's messages go; the core looks no further."""

    @property
    def is_reliable(self) -> bool:
        """Return whether the transport itself repeats what was lost."""

    def send(self, data: bytes) -> None:
        """Send one message; raises `OSError` when that cannot be done."""


class Driver(Protocol):
    """What a transaction needs from the layer that runs it."""

    @property
    def timers(self) -> TimerQueue:
        """The queue that clocks wait in."""

    @property
    def values(self) -> TimerValues:
        """T1, T2 and T4."""

    @property
    def clocks(self) -> Mapping[tuple[type[Transaction], bool], Clocks]:
        """The clocks of each machine, by whether the flow is reliable."""

    resent: int
    """Messages that were sent again since nobody had answered them, so far."""

    is_own: Callable[[str, int | None], bool]
    """Whether a host and a port are where we listen."""

    way_again: Callable[[bytes, Any], Any]
    """Says over which flow a request is repeated, which was sent over another one, or over this."""

    def perform(self, tx: Transaction, now: float) -> bool:
        """Empty the outbox; False when something could not be sent."""

    def send(self, data: bytes, flow: Flow) -> bool:
        """Put bytes on the wire; False when they could not be sent."""

    def forget(self, tx: Transaction) -> None:
        """Let go of a transaction that is over."""


class Transaction(OwnCode):
    """The driver of one machine: its state, its two clocks and its outbox.

    Attributes:
        key: What messages are matched by (§17.1.3, §17.2.3).
        flow: Where its messages go.
        state: One of the names in the figure.
        outbox: What is to be done, in order.
        interval: The present length of the clock that retransmits.
        retransmit_at: The clock that retransmits, or None.
        expires_at: The clock that bounds the state, or None.
    """

    __slots__ = (
        "_clocks",
        "_driver",
        "expires_at",
        "flow",
        "interval",
        "key",
        "outbox",
        "retransmit_at",
        "state",
    )

    INITIAL: ClassVar[str]
    RULES: ClassVar[Rules] = {}
    RETRANSMIT: ClassVar[Mapping[str, str]]
    LIFETIME: ClassVar[Mapping[str, str]]
    FADES: ClassVar[Collection[str]] = ()
    """The states that end with their clock, and say nothing then: what nearly every transaction ends in."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        silent = [vars(base).get("_end") for base in cls.__mro__]
        cls.FADES = [
            state
            for state, timer in getattr(cls, "LIFETIME", {}).items()
            if cls.RULES[state, timer][0] == TERMINATED and cls.RULES[state, timer][1] in silent
        ]

    def __init__(self, key: tuple[Any, ...], flow: Flow, driver: Driver) -> None:
        self.key = key
        self.flow = flow
        self.state: str = IDLE
        self.outbox: tuple[Effect, ...] = ()
        self.interval = 0.0
        self.retransmit_at: float | None = None
        self.expires_at: float | None = None
        self._driver = driver
        self._clocks = driver.clocks[type(self), flow.is_reliable]

    # For all machines: what `super()` finds is of the class that they share, and so is its code.
    _begin = __init__

    @classmethod
    def clocks(cls, durations: Mapping[str, float]) -> Clocks:
        """Work out what each step between two states does to the clocks, given the length of every timer."""
        states = {IDLE, *cls.LIFETIME, *(state for state, _ in cls.RULES.values()), cls.INITIAL}

        def length(timers: Mapping[str, str], before: str, state: str) -> float | None:
            timer = timers.get(state)
            if timer is None:
                return None
            return RUNS_ON if timer == timers.get(before) else durations.get(timer)

        return {
            (before, state): (length(cls.RETRANSMIT, before, state), length(cls.LIFETIME, before, state))
            for before in states
            for state in states
        }

    def handle(self, event: str, message: Any, now: float) -> None:
        """Run one arrow of the figure; a (state, event) pair that is not in the table is ignored."""
        try:
            state, action = self.RULES[self.state, event]
        except KeyError:
            return
        if state != self.state:
            self._enter(state, now)
        action(self, message, now)
        if state == TERMINATED:
            self.outbox += (FINISH,)
        elif self.expires_at == now:
            self._expire(now)

    def on_deadline(self, deadline: float, now: float) -> None:
        """Take the arrow of the clock that has run out, and do what it says."""
        if self.expires_at == deadline:
            if self.state in self.FADES:
                self.state = TERMINATED
                self.retransmit_at = self.expires_at = None
                self._driver.forget(self)
                return
            self._expire(now)
        else:
            self.retransmit_at = None
            self._driver.resent += 1
            self.handle(self.RETRANSMIT[self.state], None, now)
        self._driver.perform(self, now)

    def _expire(self, now: float) -> None:
        self.expires_at = None
        self.handle(self.LIFETIME[self.state], None, now)

    def _enter(self, state: str, now: float) -> None:
        """Go to a state and arm its clocks; a timer that also belongs to the state before runs on."""
        interval, lifetime = self._clocks[self.state, state]
        self.state = state
        if interval is None:
            self.retransmit_at = None
        elif interval != RUNS_ON:
            self.interval = interval
            self.retransmit_at = self._driver.timers.start(interval, self, now)
        if lifetime is None:
            self.expires_at = None
        elif not lifetime:
            self.expires_at = now
        elif lifetime != RUNS_ON:
            self.expires_at = self._driver.timers.start(lifetime, self, now)

    def _retransmit_after(self, seconds: float, now: float) -> None:
        self.interval = seconds
        self.retransmit_at = self._driver.timers.start(seconds, self, now)

    def _end(self, _: Any, now: float) -> None:
        """Say nothing."""

    def deliver(self, message: Any) -> None:
        """Hand a message to the TU; each side knows the methods of its own."""

    def release(self) -> None:
        """Let go of everything, as an entry in the timer queue may keep this object for a while."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state} {self.key}>"
