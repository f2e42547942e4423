"""What services ask of the world around them: who is known, where phones are, where rows go, when something is due.

One copy of each, for all of them; what only one service asks is in its own `ports.py`. The store, the registrar and
the event loop fit in here without knowing it, and so do the fakes of the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sipwright.sip import Response
from sipwright.stack import CallLater, Credentials, TimerHandle

__all__ = [
    "AccountView",
    "BindingTarget",
    "CallLater",
    "Clock",
    "Directory",
    "Locations",
    "Provider",
    "ProviderNumberView",
    "ProviderView",
    "Row",
    "Servers",
    "TimerHandle",
    "Writer",
]

Clock = Callable[[], float]
"""Seconds: of the monotonic clock, or of Unix time where it is called that."""

Provider = tuple[int, str]
"""Whose provider, and its name."""

Row = tuple[Any, ...]
"""The values of a row, in the order of the columns of its kind."""


class Writer(Protocol):
    """Stores rows, many to a transaction.

    While it `is_away` nothing that is put will be committed soon.
    """

    is_away: bool

    def put(
        self,
        kind: str,
        key: Hashable,
        row: Row | Callable[[], Row] | None,
        on_commit: Callable[[], None] | None = None,
    ) -> None:
        """Store a row, given as it is or as what makes it at the commit, or delete it (None).

        `on_commit` is called when that is safe.

        Raises:
            Reject: The database has been away for so long that nothing more can wait for it.
        """


class AccountView(Protocol):
    """An account, as services see it."""

    @property
    def id(self) -> int:
        """The number that bindings and dialplans are kept under."""

    @property
    def user_id(self) -> int:
        """Whose it is."""

    @property
    def username(self) -> str:
        """The user part of its address."""

    @property
    def domain(self) -> str:
        """The canonical name of its domain."""

    @property
    def out_plan(self) -> int | None:
        """The dialplan for calls that it makes."""

    @property
    def in_plan(self) -> int | None:
        """The dialplan for calls to it."""

    @property
    def algorithm(self) -> str:
        """The digest algorithm to challenge with: the account's own, or else its domain's."""

    @property
    def ha1(self) -> Mapping[str, str]:
        """The stored hashes, that of `algorithm` among them."""

    @property
    def is_enabled(self) -> bool:
        """Whether it may be used."""

    @property
    def most_calls(self) -> int | None:
        """How many calls it may have in each direction, if not as many as any."""

    @property
    def do_not_disturb(self) -> bool | None:
        """Whether no call rings its phones."""


class ProviderNumberView(Protocol):
    """Some of the numbers that a trunk brings, and who takes their calls."""

    @property
    def pattern(self) -> str:
        """The numbers (`numbers.py`)."""

    @property
    def account_id(self) -> int | None:
        """The account that takes their calls."""

    @property
    def in_plan(self) -> int | None:
        """The dialplan that decides about them, in place of an account."""


class ProviderView(Credentials, Protocol):
    """A provider of a user, as services see it: with `Credentials`, what calls to it and REGISTERs are made from."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def user_id(self) -> int:
        """Whose it is."""

    @property
    def server(self) -> str:
        """Its host, with a port and a transport where these are not the usual ones."""

    @property
    def register(self) -> bool:
        """Whether we are to register there."""

    @property
    def messages(self) -> bool:
        """Whether it is to be asked how many voice messages wait."""

    @property
    def from_template(self) -> str | None:
        """The From URI that it wants."""

    @property
    def answer_within(self) -> float | None:
        """For how many seconds it may say nothing to an INVITE, if not as long as any server."""

    @property
    def most_calls(self) -> int | None:
        """How many calls may go by it at once, if that is bounded."""

    @property
    def outbound_proxy(self) -> str | None:
        """Where requests to it are sent first."""

    @property
    def networks(self) -> Sequence[str]:
        """Where it may call from, beside its server and its proxy."""

    @property
    def contact_token(self) -> str:
        """What it is told to call us by: the user part of our Contact, which nobody can guess."""

    @property
    def number_in(self) -> str | None:
        """Where in a call it names the number, if that is not to be guessed: `uri`, `to`, `pcpid`."""

    @property
    def caller_out(self) -> str | None:
        """The headers that tell it who calls (`callers.py`), if it is told that in another way than it knows us."""

    @property
    def caller_in(self) -> str | None:
        """The header in which it tells us, if that is not From."""

    @property
    def number_format(self) -> str | None:
        """How numbers of callers are written there: `plus`, `digits`, or as they are."""

    @property
    def identity(self) -> str | None:
        """Whether what it says about the identity of a caller is believed: `pass`, or not."""

    @property
    def tls_verify(self) -> str | None:
        """How its certificate is looked at, if not as any: `wildcard` or `off`."""

    @property
    def certificate(self) -> str | None:
        """The file of the certificate that we show there, if it is a particular one."""

    @property
    def certificate_key(self) -> str | None:
        """The file of its key, if that is another one."""

    @property
    def numbers(self) -> Sequence[ProviderNumberView]:
        """Who takes the calls to some of its numbers."""

    @property
    def account_id(self) -> int | None:
        """The account that takes all other calls."""

    @property
    def is_account_chosen(self) -> bool:
        """Whether somebody has said that it is to be that one."""

    @property
    def in_plan(self) -> int | None:
        """The dialplan that decides about them, in place of an account."""

    @property
    def registration_settings(self) -> tuple[object, ...]:
        """All that a REGISTER is made from, to be compared."""

    @property
    def is_enabled(self) -> bool:
        """Whether it may be used."""


class Directory(Protocol):
    """The accounts, domains and providers, in memory."""

    def account(self, username: str, domain: str) -> AccountView | None:
        """Return the account of that name."""

    def account_by_id(self, account_id: int) -> AccountView | None:
        """Return the account of that number."""

    def served_domain(self, host: str, port: int | None) -> str | None:
        """Return the canonical name of a served domain, or of the default one for our own addresses."""

    def home_domain(self) -> str:
        """Return the canonical name of the default domain."""

    def digest_algorithm(self, domain: str) -> str:
        """Return the algorithm of a served domain, for users who are not there."""

    def provider(self, user_id: int, name: str) -> ProviderView | None:
        """Return a provider of a user, by name without regard to case."""

    def provider_by_id(self, provider_id: int) -> ProviderView | None:
        """Return the provider of that number."""

    def provider_by_token(self, token: str) -> ProviderView | None:
        """Return the provider that was told to call us by that."""

    def providers(self) -> Iterable[ProviderView]:
        """Go through all providers."""


class BindingTarget(NamedTuple):
    """How to reach one phone.

    Attributes:
        uri: The Request-URI to use, which is what the phone gave as its Contact.
        source: The key of the flow to send over: behind a NAT only that one leads to the phone.
        path: The route set, of the proxies between us and the phone (RFC 3327 §5.4).
        q: The preference that the phone gave, from 0.0 to 1.0.
        instance: What names the device, if it gave that (RFC 5626 §4.1).
        has_flows: The device has numbered this flow, as it may have several (RFC 5626 §4.2).
    """

    uri: str
    source: str
    path: list[str]
    q: float
    instance: str | None
    has_flows: bool = False


class Locations(Protocol):
    """The location table: where phones are."""

    def targets(self, account_id: int, now: float) -> Sequence[BindingTarget]:
        """Return how to reach the phones of an account, the preferred and then the latest first."""

    def next_flow(
        self, account_id: int, instance: str, is_current: Callable[[BindingTarget], bool], now: float
    ) -> BindingTarget | None:
        """Return the flow of a device that is tried after the current one, as that has failed."""

    def is_at(self, account_id: int, source: str, now: float) -> bool:
        """Return whether a phone of an account is registered at a flow now."""


class Servers(Protocol):
    """The servers of providers, and which of them had better not be waited for."""

    def is_avoided(self, provider: Provider | None, next_hop: str) -> bool:
        """Return whether a server has failed so lately that another one is to be tried first."""

    def responded(self, provider: Provider | None, next_hop: str, method: str, response: Response) -> None:
        """Take a response of a server to a request, or the lack of one."""

    def failed(self, provider: Provider | None, next_hop: str, reason: str) -> None:
        """Take note that a server has said nothing."""
