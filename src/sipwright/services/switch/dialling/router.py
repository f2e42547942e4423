"""Whose call a request begins, and where it goes.

1. A request to the contact that a provider was told is a call *in* that it brings (`origins.py`).
2. One whose From is at a domain that we serve (`senders.py`) is a call *out* of that account. The caller must
   authenticate as it, or as another of its owner's, and its *out* dialplan runs; without one it may call local
   accounts, nothing else. Only a trunk may write its callers as if they were of our domain: those that are not.
3. One from the address of a provider is a call *in* that it brings, to whoever takes it.
4. Any other whose Request-URI is at a domain that we serve is a call *in* to that account, if just anyone may call: its
   *in* dialplan runs, or, where it has none, its phones ring. A call from one local account to another runs both.
5. All else is answered 404.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sipwright.services.authentication import Authenticator
from sipwright.services.policy import Policy
from sipwright.services.ports import AccountView, Directory, ProviderView
from sipwright.services.refusals import account_disabled, not_served, unknown_scheme, unknown_user
from sipwright.sip import Reject, Uri
from sipwright.stack import Incoming

from .origins import Arrival, Origins
from .senders import Claim, Senders

__all__ = ["Decision", "Router"]


@dataclass(slots=True)
class Decision:
    """On whose behalf a request runs, which way, and which dialplan decides (`None`: no script).

    The account may be missing where a provider has brought the call, and a dialplan decides about it. `number` is whom
    it is for, if that is not the user of the Request-URI.
    """

    direction: str
    account: AccountView | None
    dialplan_id: int | None
    dialled: Uri
    provider: ProviderView | None = None
    number: str | None = None

    @property
    def user_id(self) -> int:
        """Whose call it is."""
        owner = self.account or self.provider
        assert owner is not None
        return owner.user_id

    def may(self, action: str, policy: Policy, domain: str | None = None) -> bool:
        """Return whether the policy lets the sender do something that concerns accounts of a domain, or of its own."""
        if domain is None:
            domain = "" if self.account is None else self.account.domain
        if self.direction == "out":
            return policy.allows(action, "phones", domain)
        if self.provider is not None:
            return policy.allows(action, "trunks", domain, self.provider.name)
        return policy.allows(action, "strangers", domain)


class Router:
    """Decides by the From, the Request-URI and the source alone; what a dialplan dials is `destinations.py`."""

    def __init__(
        self, accounts: Directory, authenticator: Authenticator, origins: Origins, *,
        domain_at: Callable[[str], str | None] | None = None,
    ) -> None:  # fmt: skip
        self.accounts = accounts
        self.senders = Senders(accounts, domain_at)
        self.authenticator = authenticator
        self.origins = origins

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
            raise unknown_scheme(request.uri_text)
        named = None if is_internal else self.origins.named(dialled.user)
        if not is_internal and named is None:
            claim = self.senders.claim(incoming)
            if claim is not None and not self._is_of_trunk(incoming, claim):
                return self._outbound(incoming, dialled, claim)
        domain = self.accounts.served_domain(dialled.host, dialled.port)
        account = None if domain is None else self.find(dialled.user or "", domain)
        if not is_internal:
            is_for_nobody = account is None and domain is not None
            arrival = self.origins.find(incoming, named, account, is_for_nobody=is_for_nobody)
            if arrival is not None:
                return _brought(arrival, dialled)
        return self._inbound(dialled, domain, account)

    def _is_of_trunk(self, incoming: Incoming, claim: Claim) -> bool:
        """Return whether a trunk has called for somebody who is at our domain by name only."""
        if claim.is_vague:
            return self.origins.is_provider(incoming)
        is_known = claim.user is None or self.accounts.account(claim.user, claim.domain) is not None
        return not is_known and self.origins.is_trunk(incoming)

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

    def _inbound(self, dialled: Uri, domain: str | None, account: AccountView | None) -> Decision:
        if domain is None:
            raise not_served(dialled.host)
        if not dialled.user:
            raise Reject(484, why="the Request-URI names nobody; the caller has to dial a user or a number")
        if account is None:
            raise unknown_user(dialled.user, domain)
        if not account.is_enabled:
            raise Reject(404, why=account_disabled(account).why)
        return Decision("in", account, account.in_plan, dialled)

    def find(self, user: str, domain: str) -> AccountView | None:
        """Return the account that `user` names."""
        return self.accounts.account(user, domain)


def _brought(arrival: Arrival, dialled: Uri) -> Decision:
    return Decision("in", arrival.account, arrival.plan, dialled, arrival.provider, arrival.number)
