"""Whose call a request begins, and where it goes.

1. A request whose From is at a domain that we serve (`senders.py`) is a call *out* of that account. The caller must
   authenticate as it, or as another of its owner's, and its *out* dialplan runs; without one it may call local
   accounts, nothing else.
2. Any other whose Request-URI is at a domain that we serve is a call *in* to that account: its *in* dialplan runs, or,
   where it has none, its phones ring. A call from one local account to another runs both.
3. All else is answered 404.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sipwright.services.authentication import Authenticator
from sipwright.services.ports import AccountView, Directory
from sipwright.services.refusals import account_disabled, not_served, unknown_user
from sipwright.sip import Reject, Uri
from sipwright.stack import Incoming

from .senders import Claim, Senders

__all__ = ["Decision", "Router"]


class Decision(NamedTuple):
    """On whose behalf a request runs, which way, and which dialplan decides (`None`: no script)."""

    direction: str
    account: AccountView
    dialplan_id: int | None
    dialled: Uri


class Router:
    """Decides by the From and the Request-URI alone; what a dialplan dials is `destinations.py`."""

    def __init__(
        self, accounts: Directory, authenticator: Authenticator, domain_at: Callable[[str], str | None] | None = None
    ) -> None:  # fmt: skip
        self.accounts = accounts
        self.senders = Senders(accounts, domain_at)
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
            raise Reject(
                416, why=f"{request.uri_text} is of a scheme that is not spoken here; dial a sip or sips URI"
            )
        claim = None if is_internal else self.senders.claim(incoming)
        if claim is not None:
            return self._outbound(incoming, dialled, claim)
        domain = self.accounts.served_domain(dialled.host, dialled.port)
        if domain is None:
            raise not_served(dialled.host)
        return self._inbound(dialled, domain)

    def _outbound(self, incoming: Incoming, dialled: Uri, claim: Claim) -> Decision | None:
        account = self.authenticator.authenticate(incoming, claim.domain)
        if account is None:
            return None
        identity = account if claim.user is None else self.accounts.account(claim.user, claim.domain)
        if identity is None or identity.user_id != account.user_id:
            raise Reject(
                403, "From Is Not Yours",
                why=f"{account.username}@{claim.domain} calls as {claim.user}@{claim.domain}, not of the same user; "
                "change the name in the phone",
            )  # fmt: skip
        if not identity.is_enabled:
            raise account_disabled(identity)
        return Decision("out", identity, identity.out_plan, dialled)

    def _inbound(self, dialled: Uri, domain: str) -> Decision:
        if not dialled.user:
            raise Reject(484, why="the Request-URI names nobody; the caller has to dial a user or a number")
        account = self.find(dialled.user, domain)
        if account is None:
            raise unknown_user(dialled.user, domain)
        if not account.is_enabled:
            raise Reject(404, why=account_disabled(account).why)
        return Decision("in", account, account.in_plan, dialled)

    def find(self, user: str, domain: str) -> AccountView | None:
        """Return the account that `user` names: exactly, or by what follows the last dot.

        Providers are told to call `provider.name`, so that a dialplan can see which trunk a call came by. No account
        can have such a name: `store/admin/collisions.py`.
        """
        account = self.accounts.account(user, domain)
        if account is None and "." in user:
            account = self.accounts.account(user.rpartition(".")[2], domain)
        return account
