"""Whose call is it, and where does it go? SYSTEM.md, "How a call is decided"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sipwright.sip import Reject, Uri
from sipwright.stack import Credentials, Incoming

__all__ = ["Accounts", "Decision", "LocalAccount", "Locations", "Router"]


class LocalAccount(Protocol):
    """What the switch needs to know of an account."""

    @property
    def id(self) -> int:
        """The number of the account."""

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
    def is_enabled(self) -> bool:
        """It may be used."""


class ProviderAccount(Credentials, Protocol):
    """What the switch needs to know of a provider."""

    @property
    def user_id(self) -> int:
        """Whose it is."""

    @property
    def server(self) -> str:
        """Its host, with a port where that is not 5060."""

    @property
    def from_template(self) -> str | None:
        """The From URI that it wants."""

    @property
    def outbound_proxy(self) -> str | None:
        """Where requests to it are sent first."""

    @property
    def is_enabled(self) -> bool:
        """It may be used."""


class Accounts(Protocol):
    """The directory of accounts, domains and providers."""

    def served_domain(self, host: str, port: int | None) -> str | None:
        """Return the canonical name of a served domain, or of the default one for our own addresses."""

    def account(self, username: str, domain: str) -> LocalAccount | None:
        """Return the account of that name."""

    def provider(self, user_id: int, name: str) -> ProviderAccount | None:
        """Return a provider of a user, by name without regard to case."""


class BindingTarget(Protocol):
    """Where a phone can be reached now."""

    @property
    def uri(self) -> str:
        """Its Contact."""

    @property
    def source(self) -> str:
        """The key of the flow that leads to it."""

    @property
    def path(self) -> list[str]:
        """The proxies on the way (RFC 3327)."""

    @property
    def instance(self) -> str | None:
        """What names the device (RFC 5626 §4.1)."""


class Locations(Protocol):
    """The location table of the registrar."""

    def targets(self, account_id: int, now: float) -> Sequence[BindingTarget]:
        """Return where the phones of an account are."""


class Authenticator(Protocol):
    """Digest authentication of callers."""

    def authenticate(self, incoming: Incoming, domain: str) -> LocalAccount | None:
        """Return the account whose credentials the request carries; `None` when it was challenged or refused."""


class Decision(NamedTuple):
    """On whose behalf a request runs, which way, and which dialplan decides (`None`: no script)."""

    direction: str
    account: LocalAccount
    dialplan_id: int | None
    dialled: Uri


class Router:
    """Decides by the From and the Request-URI alone; what a dialplan dials is `destinations.py`."""

    def __init__(self, accounts: Accounts, authenticator: Authenticator) -> None:
        self.accounts = accounts
        self.authenticator = authenticator

    def decide(self, incoming: Incoming, *, is_internal: bool) -> Decision | None:
        """Return the decision; `None` when the caller was challenged and will come back.

        A request on the loop between two calls of this switch (`is_internal`) is always an inbound one: its sender has
        authenticated already.

        Raises:
            Reject: The request cannot be served: 403, 404, 484.
        """
        request = incoming.request
        dialled = request.request_uri
        if not dialled.is_sip:
            raise Reject(416)
        sender = request.from_uri
        if not is_internal and sender.is_sip:
            domain = self.accounts.served_domain(sender.host, sender.port)
            if domain is not None:
                return self._outbound(incoming, dialled, sender, domain)
        domain = self.accounts.served_domain(dialled.host, dialled.port)
        if domain is None:
            raise Reject(404, "Domain Not Served Here")
        return self._inbound(dialled, domain)

    def _outbound(self, incoming: Incoming, dialled: Uri, sender: Uri, domain: str) -> Decision | None:
        account = self.authenticator.authenticate(incoming, domain)
        if account is None:
            return None
        identity = self.accounts.account(sender.user or "", domain)
        if identity is None or identity.user_id != account.user_id:
            raise Reject(403, "From Is Not Yours")
        if not identity.is_enabled:
            raise Reject(403, "Account Disabled")
        return Decision("out", identity, identity.out_plan, dialled)

    def _inbound(self, dialled: Uri, domain: str) -> Decision:
        if not dialled.user:
            raise Reject(484)
        account = self.find(dialled.user, domain)
        if account is None or not account.is_enabled:
            raise Reject(404)
        return Decision("in", account, account.in_plan, dialled)

    def find(self, user: str, domain: str) -> LocalAccount | None:
        """Return the account that `user` names: exactly, or by what follows the last dot.

        Providers are told to call `provider.name`, so that a dialplan can see which trunk a call came by. No account
        can have such a name: `store/admin/collisions.py`.
        """
        account = self.accounts.account(user, domain)
        if account is None and "." in user:
            account = self.accounts.account(user.rpartition(".")[2], domain)
        return account
