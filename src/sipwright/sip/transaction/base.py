"""What the four transaction machines share: the driver of their tables, and the two sides.

A machine is fed events and speaks only through its outbox.  Its table says what it does, and here is how
a table is run.  Who feeds it and who empties the outbox is layer.py; the machines are next door, one a
file, in the order of RFC 3261 §17: client_invite, client_non_invite, server_invite, server_non_invite.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Final, Protocol

from sipwright.own_code import OwnCode
from sipwright.sip.build import Written, make_response
from sipwright.sip.message import Message, Request, Response
from sipwright.sip.parser import parse
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


class Deliver:
    """Hand this message to the TU; to a server's TU, None says that the ACK never came."""

    __slots__ = ("message",)

    def __init__(self, message: Message | ServerTransaction | None) -> None:
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

    def send(self, data: bytes, flow: Any) -> bool:
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


class ClientUser(Protocol):
    """The TU of a client transaction."""

    def on_response(self, tx: ClientTransaction, response: Response) -> None:
        """Take a response; every 1xx, the final one, and every 2xx to an INVITE, repeated ones too.

        With `response.local` nobody sent it: 408 is a timeout, 503 a transport error (§8.1.3.1), 487 a
        cancelled INVITE whose final response never came (§9.1).
        """


class ClientTransaction(Transaction):
    """The side that sends the request (§17.1)."""

    __slots__ = ("_request", "user", "wire")

    def __init__(
        self,
        key: tuple[Any, ...],
        request: Request | Written,
        flow: Flow,
        user: ClientUser | None,
        driver: Driver,
    ) -> None:
        self._begin(key, flow, driver)
        self.user = user
        self._request: Request | None = None
        if type(request) is Written:
            self.wire = request.wire
        else:
            assert isinstance(request, Request)
            self.wire, self._request = bytes(request), request

    _begin_client = __init__

    @property
    def request(self) -> Request:
        """The request as it was sent."""
        if self._request is None:
            request = parse(self.wire)
            assert isinstance(request, Request)
            self._request = request
        return self._request

    def start(self, now: float) -> None:
        """Send the request."""
        self._enter(self.INITIAL, now)
        self.outbox += (self.wire,)

    def deliver(self, message: Response) -> None:
        """Hand a response to the TU."""
        if self.user is not None:
            self.user.on_response(self, message)
        if message.status >= 200:
            # What is left to come takes long and seldom asks for more than the bytes.
            self._request = None

    def release(self) -> None:
        """Let go of everything but the request."""
        self.user = None

    def _deliver(self, response: Response, now: float) -> None:
        self.outbox += (Deliver(response),)

    def _deliver_408(self, _: None, now: float) -> None:
        self._deliver_local(408)

    def _deliver_503(self, _: None, now: float) -> None:
        self._deliver_local(503)

    def _deliver_local(self, status: int) -> None:
        response = make_response(self.request, status)
        response.local = True
        self.outbox += (Deliver(response),)


class ServerUser(Protocol):
    """The TU of a server transaction."""

    def on_cancel(self, tx: ServerTransaction, cancel: ServerTransaction) -> None:
        """Take a CANCEL: `cancel.accept` answers it, and the INVITE is still to be answered, with a 487."""

    def on_ack(self, tx: ServerTransaction, request: Request) -> None:
        """Note that the final response, which was no 2xx, has arrived."""

    def on_timeout(self, tx: ServerTransaction) -> None:
        """Note that nobody acknowledged the final response, which was no 2xx."""


class ServerTransaction(Transaction):
    """The side that answers the request (§17.2).

    Attributes:
        method: The method of the request.
        request: The request, until the final response is sent.
        unread: What reads the request, where nobody has done so.
        last_response: The bytes of the last response.
        local_tag: The To tag of our responses, for the response to a CANCEL (§9.2); the TU may set it.
        merge_key: What a copy of the request that took another path has in common with it (§8.2.2.2).
    """

    __slots__ = ("last_response", "local_tag", "merge_key", "method", "request", "unread", "user")

    def __init__(
        self,
        key: tuple[Any, ...],
        method: str,
        request: Request | None,
        flow: Flow,
        user: ServerUser | None,
        driver: Driver,
    ) -> None:
        # As the one of `Transaction` does, which nearly every request would have to call.
        self.key = key
        self.flow = flow
        self.state = IDLE
        self.outbox = ()
        self.interval = 0.0
        self.retransmit_at = self.expires_at = None
        self._driver = driver
        self._clocks = driver.clocks[type(self), flow.is_reliable]
        self.user = user
        self.method = method
        self.request = request
        self.unread: Callable[[], Request] | None = None
        self.last_response: bytes | None = None
        self.local_tag: str | None = None
        self.merge_key: int | None = None

    def start(self, now: float) -> None:
        """Begin to wait for the TU's response."""
        self._enter(self.INITIAL, now)

    def restore(self, last_response: bytes | None, now: float) -> None:
        """Begin where a transaction stood that had sent `last_response` and that another process began."""
        self.start(now)
        if last_response is not None:
            self.handle(EVENTS[int(last_response[8:9])], last_response, now)

    def respond(self, response: Response, now: float) -> bool:
        """Send a response; False when it could not be sent, or is not for this state.

        The state is the same either way (RFC 6026 §8.8): a request that is repeated will try once more.
        """
        return self.answer(response.status, response, now)

    def answer(self, status: int, response: Response | bytes, now: float) -> bool:
        """Send a response as `respond` does, one that is perhaps written already."""
        self.handle(EVENTS[status // 100], response, now)
        return bool(self.outbox) and self._driver.perform(self, now)

    def accept(self, now: float) -> None:
        """Answer 200, which is all that a CANCEL can be told (RFC 3261 §9.2)."""
        if self.request is not None:
            self.respond(make_response(self.request, 200, to_tag=self.local_tag), now)

    def deliver(self, message: Request | ServerTransaction | None) -> None:
        """Hand a CANCEL, an ACK or the lack of one to the TU."""
        user = self.user
        if user is None:
            return
        if message is None:
            user.on_timeout(self)
        elif isinstance(message, ServerTransaction):
            user.on_cancel(self, message)
        else:
            user.on_ack(self, message)

    def release(self) -> None:
        """Let go of everything."""
        self.user = self.request = self.unread = self.last_response = None

    def _deliver(self, message: Request | ServerTransaction | None, now: float) -> None:
        self.outbox += (Deliver(message),)

    def _send(self, response: Response | bytes, now: float) -> None:
        self.last_response = data = bytes(response)
        self.outbox += (data,)

    def _send_final(self, response: Response | bytes, now: float) -> None:
        self.last_response = data = bytes(response)
        self.outbox += (data,)
        self.request = self.unread = None

    def _send_trying(self, _: Any, now: float) -> None:
        request = self.request if self.unread is None else self.unread()
        assert request is not None
        self._send(make_response(request, 100), now)

    def _repeat(self, _: Any, now: float) -> None:
        assert self.last_response is not None
        self.outbox += (self.last_response,)


EVENTS: Final = (PROVISIONAL, PROVISIONAL, SUCCESS, *7 * (FAILURE,))
"""The event that a response is, by the first digit of its status."""
