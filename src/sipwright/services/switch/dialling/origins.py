"""Which provider a call has come from, and who takes it: the one place that says so, for all that trusts it.

A provider that we are registered with calls the Contact that it was told, a token which nobody can guess and which
names the provider; it counts only when the call really comes from an address of that provider (we sign with its
credentials what we send in this call, and whoever could pretend would have what he likes signed). A trunk is known by
its address, or by the certificate that it shows. Who takes the call: what is said of the number, else whom the provider
was given, else the account of that name.

Our Contact was `provider.account` once. For the rest of such a registration's life that finds the provider, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import NamedTuple

from sipwright.services.numbers import NumberTable
from sipwright.services.ports import AccountView, Directory, ProviderNumberView, ProviderView
from sipwright.services.refusals import account_disabled, outsider
from sipwright.sip import NameAddr, ParseError, Reject, Request
from sipwright.stack import Incoming, Stack

from .provider_addresses import ProviderAddresses

__all__ = ["Arrival", "Origins"]


class Arrival(NamedTuple):
    """A call that a provider has brought: the number, and the account or the dialplan that takes it."""

    provider: ProviderView
    number: str
    account: AccountView | None
    plan: int | None


class Origins:
    """Finds the providers that calls have come from."""

    __slots__ = ("_accepts_anyone", "_accounts", "_tables", "addresses")

    def __init__(self, accounts: Directory, stack: Stack, *, accepts_anyone: bool = True) -> None:
        """`accepts_anyone` says whether others than providers may call from outside."""
        self._accounts = accounts
        self._accepts_anyone = accepts_anyone
        self.addresses = ProviderAddresses(accounts, stack)
        self._tables: dict[int, NumberTable[ProviderNumberView]] = {}

    def changed(self, first_id: int, last_id: int) -> None:
        """Follow a change of the providers in a range of numbers."""
        self._tables = {one: table for one, table in self._tables.items() if not first_id <= one <= last_id}
        self.addresses.changed(first_id, last_id)

    def wait_for(self, incoming: Incoming) -> Coroutine[None, None, None] | None:
        """Return what waits until it is certain who has sent a request; `None` when it is."""
        return self.addresses.wait_for(incoming.source[0], incoming.flow.peer_names)

    def named(self, user: str | None) -> ProviderView | None:
        """Return the provider that was told to call us by a user part."""
        return self._accounts.provider_by_token(user) if user else None

    def find(
        self,
        incoming: Incoming,
        named: ProviderView | None,
        account: AccountView | None,
        *,
        is_for_nobody: bool,
    ) -> Arrival | None:
        """Return which provider a request has come from, and who takes it; `None` when it is somebody else's.

        `named` is the provider whose contact the Request-URI is, and `account` the one that it names, if any; with
        neither it may be a number of ours that `is_for_nobody`. A provider of another user does not take its calls.

        Raises:
            Reject: It comes from a provider, and nobody takes the call; or only providers may call.
        """
        host = incoming.flow.remote[0]
        there = self.addresses.at(host, incoming.flow.peer_names)
        if named is not None:
            return self._of_contact(named, incoming.request, there, host)
        arrival = self._found(incoming, there, account) if there else None
        if arrival is None:
            if there and is_for_nobody:
                raise _unknown_number(there[0], _number(there[0], incoming.request))
            if not self._accepts_anyone:
                raise outsider()
        return arrival

    def _found(
        self, incoming: Incoming, there: list[ProviderView], account: AccountView | None
    ) -> Arrival | None:
        """Return who takes a request from an address of some providers, if it is of one of these."""
        request = incoming.request
        old = self._of_old_contact(request.request_uri.user or "", there)
        if old is not None:
            provider, account = old
            return (
                self._taken(provider, request)
                or self._chosen(provider, request)
                or self._by(provider, request, account)
            )
        host = incoming.source[0]
        owner = (
            self._owner(request, there, host, incoming.flow.peer_names)
            if account is None
            else account.user_id
        )
        there = [provider for provider in there if provider.user_id == owner]
        return self._of_address(request, there, account) if there else None

    def is_trunk(self, incoming: Incoming) -> bool:
        """Return whether a request comes from a network that a provider was given, or with its certificate."""
        host, names = incoming.source[0], incoming.flow.peer_names
        there = self.addresses.at(host, names)
        return any(self.addresses.is_in_network(provider, host, names) for provider in there)

    def is_provider(self, incoming: Incoming) -> bool:
        """Return whether a request comes from where a provider is."""
        return bool(self.addresses.at(incoming.source[0], incoming.flow.peer_names))

    def takers(self, incoming: Incoming) -> list[int]:
        """Return the numbers of all accounts that may take a request."""
        found: list[int | None] = []
        for provider in self.addresses.at(incoming.source[0], incoming.flow.peer_names):
            number = self._table(provider).find(_number(provider, incoming.request))
            found += [provider.account_id, None if number is None else number.account_id]
        return [account_id for account_id in found if account_id is not None]

    def _of_contact(
        self, provider: ProviderView, request: Request, there: Iterable[ProviderView], host: str
    ) -> Arrival:
        if not provider.is_enabled:
            raise Reject(404, why=f"provider {provider.name} is switched off")
        if provider not in there:
            refusal = Reject(404) if self._accepts_anyone else outsider()
            raise Reject(
                refusal.status,
                refusal.reason,
                why=f"our contact at provider {provider.name} was called from {host}, which is no address of it; if it "
                f"is, say so: 'sipwright provider set {provider.name} --from {host}'",
            )
        arrival = self._taken(provider, request) or self._given(provider, request)
        if arrival is None:
            raise _nobody(provider)
        return arrival

    def _of_old_contact(
        self, user: str, there: Iterable[ProviderView]
    ) -> tuple[ProviderView, AccountView] | None:
        name, dot, callee = user.partition(".")
        if not dot:
            return None
        for provider in there:
            if provider.name == name:
                account = self._accounts.account(callee, self._accounts.home_domain())
                if account is not None and account.user_id == provider.user_id:
                    return provider, account
        return None

    def _owner(
        self, request: Request, there: list[ProviderView], host: str, names: Sequence[str]
    ) -> int | None:
        """Return whose call it is that comes from an address and names no account; `None` when nobody can say.

        Anybody may have a provider there. Sure are the one whose registration in the name of that number was accepted,
        the one whose trunk calls from that network, which is one user's, and the only one.
        """
        for provider in there:
            is_proven = self.addresses.is_registered_at(provider, host)
            if is_proven and provider.username == _number(provider, request):
                return provider.user_id
        for provider in there:
            if self.addresses.is_in_network(provider, host, names):
                return provider.user_id
        owners = {provider.user_id for provider in there}
        return owners.pop() if len(owners) == 1 else None

    def _of_address(
        self, request: Request, there: list[ProviderView], account: AccountView | None
    ) -> Arrival | None:
        """Return who takes a call that says by nothing but its address which provider of a user it comes from.

        What is said of a number goes first; then a provider that has a dialplan or an account of somebody's choice,
        then the account that is named. A number that is no account is for the one that we have that name at.
        """
        for provider in there:
            if (arrival := self._taken(provider, request)) is not None:
                return arrival
        named = [provider for provider in there if provider.username == _number(provider, request)]
        for provider in (*named, *there):
            how = self._given if account is None else self._chosen
            if (arrival := how(provider, request)) is not None:
                return arrival
        return None if account is None else self._by((named or there)[0], request, account)

    # --- who takes it ----------------------------------------------------------------------------------

    def _taken(self, provider: ProviderView, request: Request) -> Arrival | None:
        """Return who takes the calls to this number in particular."""
        if not provider.numbers:
            return None
        found = self._table(provider).find(_number(provider, request))
        return None if found is None else self._arrival(provider, request, found.account_id, found.in_plan)

    def _chosen(self, provider: ProviderView, request: Request) -> Arrival | None:
        is_chosen = provider.in_plan is not None or provider.is_account_chosen
        return self._given(provider, request) if is_chosen else None

    def _given(self, provider: ProviderView, request: Request) -> Arrival | None:
        """Return who takes all other calls of a provider."""
        if provider.account_id is None and provider.in_plan is None:
            return None
        return self._arrival(provider, request, provider.account_id, provider.in_plan)

    def _arrival(
        self, provider: ProviderView, request: Request, account_id: int | None, plan: int | None
    ) -> Arrival:
        if plan is not None:
            return Arrival(provider, _number(provider, request), None, plan)
        account = None if account_id is None else self._accounts.account_by_id(account_id)
        if account is None or account.user_id != provider.user_id:
            raise _nobody(provider)
        return self._by(provider, request, account)

    def _by(self, provider: ProviderView, request: Request, account: AccountView) -> Arrival:
        if not account.is_enabled:
            raise Reject(404, why=account_disabled(account).why)
        return Arrival(provider, _number(provider, request), account, account.in_plan)

    def _table(self, provider: ProviderView) -> NumberTable[ProviderNumberView]:
        table = self._tables.get(provider.id)
        if table is None:
            table = NumberTable((number.pattern, number) for number in provider.numbers)
            self._tables[provider.id] = table
        return table


def _nobody(provider: ProviderView) -> Reject:
    name = provider.name
    return Reject(
        404,
        why=f"nobody takes the calls of provider {name}; 'sipwright provider set {name} --account NAME' (or --in PLAN) "
        "says who does",
    )


def _unknown_number(provider: ProviderView, number: str) -> Reject:
    shown = number if _PLAIN.fullmatch(number) else "NUMBER"  # in a command that somebody may copy
    return Reject(
        404,
        why=f"provider {provider.name} has brought a call to {number}, which is nobody's; 'sipwright provider did add "
        f"{provider.name} {shown} --account NAME' (or --in PLAN) says whose it is",
    )


def _number(provider: ProviderView, request: Request) -> str:
    """Return the number that was dialled, from where the provider puts it; else our name there."""
    order = _PLACES if provider.number_in is None else (provider.number_in, *_PLACES)
    for place in order:
        user = (_READ[place](request) or "").partition(";")[0]
        if user and user != provider.contact_token and not user.startswith(f"{provider.name}."):
            return user
    return provider.username or request.request_uri.user or ""


def _called_party(request: Request) -> str | None:
    try:
        return NameAddr.parse(request.headers.get("P-Called-Party-ID") or "").uri.user
    except ParseError:
        return None


_READ: dict[str, Callable[[Request], str | None]] = {
    "uri": lambda request: request.request_uri.user,
    "pcpid": _called_party,
    "to": lambda request: request.to.uri.user,
}
_PLAIN = re.compile(r"\+?[0-9]+")

_PLACES = ("uri", "pcpid", "to")
"""Where a number may be, the most likely place first: To is what somebody dialled once, perhaps elsewhere."""
