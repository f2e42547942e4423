"""What calls ask of their surroundings: clocks, the database, the way to a peer, each other.

`switch.py` makes one `CallPorts` for all of its calls; nothing else knows the switch. The class of a call is a
parameter here, since a call is made on top of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Generic, Protocol, TypeVar

from sipwright.services.dialstring import DialLeg
from sipwright.services.policy import Policy
from sipwright.services.ports import Provider, Servers, Writer
from sipwright.sip import Request, Response, Uri
from sipwright.sip.telephone import HELP
from sipwright.transport import Flow, Target

from ..model.destination import Destination
from ..model.header_table import TOLD, TOLD_WITHOUT_TIMER
from ..model.outcome import Outcome
from ..model.relayed import SeenAt, nowhere
from .callee import Callee
from .entity import Timers
from .leg import Leg
from .leg_ports import LegPorts, LegRoutes
from .process import ReliableProvisionals

__all__ = [
    "RING_TIME",
    "CallListeners",
    "CallPorts",
    "CallStore",
    "CallWatch",
    "Calls",
    "Dialling",
    "NoOwnLimits",
    "OwnLimits",
    "Routes",
    "Sessions",
    "SwitchSettings",
]

CallT = TypeVar("CallT")
CallT_contra = TypeVar("CallT_contra", contravariant=True)

RING_TIME = 180.0
"""Timer C: how long a leg may ring, in seconds (RFC 3261 §16.6 step 11)."""


_VISUAL = dict.fromkeys(map(ord, "-.() "))
"""The visual separators of a number (RFC 3966 §5.1.1)."""


@dataclass(frozen=True, slots=True)
class SwitchSettings:
    """What can be set: `public_address` for phones beside the switch, legs per call, calls at once.

    `ring` is Timer C, `probe` how often the ends of a talking call are asked whether they are there, and `longest_call`
    when an answered call ends whatever its dialplan says, in seconds; 0 is never. No limit holds for calls to the
    `emergency` numbers. `session_expires` is the interval of session timers that is asked for, 0 for none, and `min_se`
    the shortest that is taken (RFC 4028). `seen_at` knows of media sockets that have shown themselves, and the `policy`
    says who may ask for what.
    """

    public_address: str | None = None
    max_legs: int = 40
    max_calls: int = 100_000
    calls_per_account: int = 500
    ring: float = RING_TIME
    probe: float = 900.0
    session_expires: int = 1800
    min_se: int = 90
    longest_call: float = 14_400.0
    emergency: frozenset[str] = frozenset()
    seen_at: SeenAt = nowhere
    policy: Policy = field(default_factory=Policy)

    @property
    def extensions(self) -> str:
        """What we do ourselves, as Supported says it."""
        return TOLD if self.session_expires else TOLD_WITHOUT_TIMER

    def is_emergency(self, direction: str, user: str) -> bool:
        """Return whether somebody of ours dials an emergency number; what is only to be seen in it does not count."""
        return direction != "in" and user.partition(";")[0].translate(_VISUAL) in self.emergency

    @property
    def help(self) -> str:
        """The number that a call for help goes to which names none (RFC 5031)."""
        return HELP if HELP in self.emergency else min(self.emergency, default=HELP)

    def admits(self, calls: int, direction: str, user: str | None) -> bool:
        """Return whether another call may begin beside so many."""
        return calls < self.max_calls or self.is_emergency(direction, user or "")


class OwnLimits(Protocol):
    """The limits that people have set for one user or provider; an account has its own with it."""

    def longest_call(self, user_id: int, providers: Iterable[Provider]) -> float:
        """Return for how many seconds a call of a user may last that goes by these providers; infinity for ever."""

    def most_carried(self, provider: Provider) -> float:
        """Return how many calls may go by a provider at once; infinity for any number."""


class NoOwnLimits:
    """Nobody has set any."""

    def longest_call(self, user_id: int, providers: Iterable[Provider]) -> float:
        """Return infinity."""
        return inf

    def most_carried(self, provider: Provider) -> float:
        """Return infinity."""
        return inf


class Sessions(Protocol[CallT_contra]):
    """The session timers of the legs of all calls (RFC 4028)."""

    def refusal(self, call: CallT_contra, request: Request) -> list[tuple[str, str]] | None:
        """Return the headers of the 422 that a request is to be answered with; None when its interval will do."""

    def accepted(self, leg: Leg, request: Request, body: bytes) -> list[tuple[str, str]]:
        """Accept a request of the peer with a 2xx that has this body; returns what else that is to say."""

    def settled(self, leg: Leg, response: Response, body: bytes = b"") -> None:
        """Take what the 2xx to a request of ours says, in which `body` was offered."""

    def headers(self, leg: Leg) -> list[tuple[str, str]]:
        """Return what a re-INVITE or UPDATE of ours says."""

    def is_raised(self, leg: Leg, response: Response) -> bool:
        """Return whether a request is to be sent again with a longer interval, since it was answered 422."""

    def described(self, leg: Leg, body: bytes) -> None:
        """Note the session description that a peer was sent in an ACK, or in a 2xx."""

    def rearm(self, call: CallT_contra) -> None:
        """Let the session timers run on whose time was called off with all others."""


class LegGuard(Protocol[CallT_contra]):
    """Who decides whether a leg may leave, by where it leads and what it may cost."""

    def ask(self, call: CallT_contra, leg: Callee) -> Outcome | None:
        """Let a leg leave, and set aside what it may use; or return why it may not."""

    def reached(self, call: CallT_contra, leg: Callee, host: str) -> Outcome | None:
        """Return why a leg may not leave that names no provider, and has led to an address."""

    def may_text(self, user_id: int, to: Destination) -> bool:
        """Return whether a text of a user's script may leave to where no phone of ours is."""

    def settle(self, legs: Iterable[Callee]) -> None:
        """Take note of legs that have ended; to be called where their records are stored."""

    def moved(self, leg: Leg, moved: Callee) -> None:
        """Take note that a leg goes on in another call, as another one: `moved` gets what it has `carried` along."""

    def recovered(self, call: CallT_contra) -> None:
        """Take note of a call of an earlier process."""

    def left(self, legs: Iterable[Callee]) -> None:
        """Take note of the legs of a call that goes on at another node, which sets aside what they use."""


class NoGuard:
    """Nobody asks what calls cost."""

    def ask(self, call: object, leg: Callee) -> Outcome | None:
        """Return None: it may leave."""
        return None

    def reached(self, call: object, leg: Callee, host: str) -> Outcome | None:
        """Return None: it may leave."""
        return None

    def may_text(self, user_id: int, to: Destination) -> bool:
        """Return True: it may leave."""
        return True

    def settle(self, legs: Iterable[Callee]) -> None:
        """Take no notice."""

    def moved(self, leg: Leg, moved: Callee) -> None:
        """Take no notice."""

    def recovered(self, call: object) -> None:
        """Take no notice."""

    def left(self, legs: Iterable[Callee]) -> None:
        """Take no notice."""


class Routes(LegRoutes[Leg], Protocol):
    """The ways to all peers, which may be looked up first or waited for."""

    def to_phone(self, destination: Destination) -> Flow | None:
        """Return the flow to a phone, if the destination is one and it is there now."""

    def reach(
        self,
        destination: Destination,
        then: Callable[[Target | None, Flow | None], None],
        *,
        is_emergency: bool = False,
    ) -> None:
        """Find the way to a destination; `then` gets `None` when there is none."""

    def larger(self, destination: Destination, target: Target | None, flow: Flow) -> Flow | None:
        """Return a flow for a new request that is too large for UDP; None where there is no other way."""

    def moves_on(self, destination: Destination, flow: Flow) -> bool:
        """Return whether another server of a destination is to be tried, as the one of a flow has failed."""

    def awaits(
        self,
        destination: Destination,
        response: Response,
        then: Callable[[Target | None, Flow | None], None],
        flow: Flow | None = None,
    ) -> bool:
        """Find the way once more to a phone whose flow at the edge of a node has failed, unless it is gone for good."""

    def as_before(
        self, request_uri: str, destination: Destination, flow: Flow, before: Flow | None = None
    ) -> Flow | None:
        """Return the way by which a phone that is back takes a request for the same as before; None if it cannot."""

    def expect(self, leg: Leg) -> None:
        """Wait for the phone of a leg whose connection has gone."""

    def returning(self, leg: Callee) -> Flow | None:
        """Return what stands for the connection that a phone was called by, if that has ended."""

    def returns_within(self) -> float:
        """Return for how many seconds a phone is waited for whose connection has ended just now."""

    def learn_flow(self, leg: Leg, flow: Flow) -> None:
        """Take the flow that a request inside the dialog came by, when the leg's own is gone."""


class CallWatch(Protocol[CallT_contra]):
    """A watch over all calls."""

    def changed(self, call: CallT_contra) -> Callable[[], object] | None:
        """Look at a call whose row is about to be stored; returns what is to be done when it is, if anything."""

    def gone(self, call: CallT_contra) -> Callable[[], object] | None:
        """Look for the last time at a call that goes on at another node; returns what is to be done, if anything."""


class Calls(Protocol[CallT]):
    """The table of calls, as a call uses it."""

    def remember(self, leg: Leg, /) -> None:
        """Let requests find a leg by its tag."""

    def relink(self, leg: Leg, call: CallT, /) -> None:
        """Let what is behind a leg that has moved be part of its new call."""

    def forget(self, call: CallT, /) -> None:
        """Drop a call that is over."""

    def parts(self, common_id: str, /) -> list[CallT]:
        """Return those that are one call by the id that they have in common."""

    def active(self, user_id: int, /) -> int:
        """Return how many calls of a user are in progress."""

    def carried(self, provider: Provider, /) -> int:
        """Return how many calls go by a provider."""

    def answered(self, call: CallT, /) -> None:
        """Count a call that is answered."""

    def failed(self, call: CallT, status: int, /) -> None:
        """Count one that ends without an answer, by what its caller has heard."""


@dataclass(eq=False, slots=True, kw_only=True)
class CallStore(Generic[CallT]):
    """Where calls are written down: the row of one while it lasts, and a CDR for each leg.

    While it `is_away` nothing can be written.
    """

    writer: Writer
    call_row: Callable[[CallT], tuple[Any, ...]]
    cdr_row: Callable[[CallT, Leg], tuple[Any, ...]]
    is_away: Callable[[], bool] = bool


@dataclass(eq=False, slots=True, kw_only=True)
class Dialling(Generic[CallT]):
    """Who is rung.

    `destinations` finds what one leg of a dial string rings, `redirected` what the Contact of a redirect does that a
    destination has given, and `unreachable` says why no way leads to a leg. `decide` lets the dialplan of a call that
    the switch makes by itself say who rings. `may_pick_up` says whether an account may take the calls that ring at one
    of another owner.
    """

    destinations: Callable[[CallT, DialLeg], list[Destination]]
    redirected: Callable[[CallT, Destination, Uri], list[Destination]]
    unreachable: Callable[[CallT, Callee], Outcome]
    decide: Callable[[CallT], None]
    may_pick_up: Callable[[int | None, int], bool] = lambda rings, picks: False


@dataclass(eq=False, slots=True, kw_only=True)
class CallListeners(Generic[CallT]):
    """What a call tells whoever wants to know, without knowing them.

    `joined`, each in turn, that one talks from now on with a leg; `on_timer`, by the names of the timers that they have
    armed in it, that one has run out; `in_doubt`, that an end is perhaps not there any more; `further_answer`, that one
    more phone behind a proxy has answered.
    """

    joined: tuple[Callable[[CallT, Callee], None], ...]
    on_timer: Mapping[str, Callable[[CallT], None]]
    in_doubt: Callable[[CallT], None]
    further_answer: Callable[[CallT, Callee, Response], None]


@dataclass(eq=False, slots=True, kw_only=True)
class CallPorts(LegPorts[Leg], Generic[CallT]):
    """The surroundings of all calls of a node.

    `calls` are found by their ids, `legs` by the tags that they were given; the `table` keeps both. `sessions` are the
    session timers of legs, and `provisionals` gives the reliable provisional responses of a call. Nobody need `watch`.
    """

    node: str
    settings: SwitchSettings
    token: Callable[[], str]
    timers: Timers
    routes: Routes
    servers: Servers
    calls: dict[str, CallT]
    legs: dict[str, Leg]
    table: Calls[CallT]
    store: CallStore[CallT]
    dialling: Dialling[CallT]
    listeners: CallListeners[CallT]
    sessions: Sessions[CallT]
    provisionals: Callable[[CallT], ReliableProvisionals]
    own_limits: OwnLimits = field(default_factory=NoOwnLimits)
    guard: LegGuard[CallT] = field(default_factory=NoGuard)
    watch: CallWatch[CallT] | None = None
