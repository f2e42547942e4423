"""What services and calls ask the directory of the store: which names are ours, and the limits that people have set.

Names are seen together with the addresses that the stack listens on.

Where not all accounts fit into memory, a step of the pipeline fetches those that a request names before it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from math import inf

from sipwright.config import DialplanSettings
from sipwright.services.dialplan import UserLimits
from sipwright.services.own_probes import PROBE_DOMAIN
from sipwright.services.ports import Provider as ProviderKey
from sipwright.services.ports import ProviderView
from sipwright.services.switch import Share, domain_of_number, named_beside
from sipwright.sip import NameAddr, ParseError, Request, Uri
from sipwright.sip.headers.auth import Credentials
from sipwright.sip.telephone import plain_subscriber
from sipwright.stack import Incoming, Stack
from sipwright.store import Account, Directory, Provider, Store

__all__ = ["AccountLoader", "DirectoryLimits", "ServedNames", "SourceShares"]

_NAMING = frozenset({"REGISTER", "INVITE", "MESSAGE", "SUBSCRIBE", "PUBLISH"})
"""Requests that begin something for the accounts that they name."""


class ServedNames:
    """What the services ask about accounts, domains and providers; our own addresses are the default domain."""

    def __init__(self, directory: Directory, stack: Stack) -> None:
        self._directory = directory
        self._stack = stack
        self._bound = stack.addresses.bound
        self.account = directory.account
        """Return the account of that name in a canonical domain: asked for each message, so the method itself."""

    def account_by_id(self, account_id: int) -> Account | None:
        """Return the account of that number."""
        return self._directory.account_by_id(account_id)

    def served_domain(self, host: str, port: int | None) -> str | None:
        """Return the canonical name of a served domain, or of the default one for an own address.

        A URI without a port names the host alone, so there any of our ports will do; with one, it has to be
        ours: a provider on the same machine is somebody else.
        """
        directory = self._directory
        if host in directory.domains or host == PROBE_DOMAIN:
            return host
        default = directory.default_domain
        if default is None:
            return None
        if (host, port) in self._bound:
            return default.name
        is_own = (
            self._stack.addresses.is_own_host(host)
            if port is None
            else self._stack.addresses.is_own(host, port)
        )
        return default.name if is_own else None

    def home_domain(self) -> str:
        """Return the canonical name of the default domain."""
        default = self._directory.default_domain
        return "" if default is None else default.name

    def digest_algorithm(self, domain: str) -> str:
        """Return the algorithm that users of a domain are challenged with, whether they exist or not."""
        found = self._directory.domains.get(domain)
        return "MD5" if found is None else found.digest_algorithm

    def provider(self, user_id: int, name: str) -> Provider | None:
        """Return a provider of a user."""
        return self._directory.provider(user_id, name.lower())

    def provider_by_id(self, provider_id: int) -> Provider | None:
        """Return the provider of that number."""
        return self._directory.provider_by_id(provider_id)

    def provider_by_token(self, token: str) -> Provider | None:
        """Return the provider that was told to call us by that."""
        return self._directory.provider_by_token(token)

    def providers(self) -> Iterable[Provider]:
        """Go through all providers."""
        return self._directory.providers()


class AccountLoader:
    """A step that lets a request wait until the accounts it names are in memory, where not all of them fit."""

    methods = (*_NAMING, "REFER")

    def __init__(
        self, store: Store, names: ServedNames, takers: Callable[[Incoming], list[int]],
        go_on: Callable[[Incoming], None], watching: Callable[[str], Sequence[int]] = lambda _tag: (),
    ) -> None:  # fmt: skip
        """Make it.

        Args:
            store: Where the accounts are.
            names: Which of them are in memory.
            takers: Gives the accounts that take the calls of the provider, or providers, that a request comes from.
            go_on: Takes a request when its accounts are there.
            watching: Gives the accounts that a subscription is about, by our tag of its dialog.
        """
        self._store = store
        self._names = names
        self._takers = takers
        self._go_on = go_on
        self._watching = watching

    def __call__(self, incoming: Incoming) -> bool | Coroutine[None, None, None]:
        """Leave the request to the next step, at once or after a look into the database."""
        if self._store.directory.is_complete:
            return False
        missing = [name for name in self._named(incoming) if self._names.account(*name) is None]
        takers = [one for one in self._takers_of(incoming) if self._names.account_by_id(one) is None]
        return self._load(incoming, missing, takers) if missing or takers else False

    async def _load(self, incoming: Incoming, missing: list[tuple[str, str]], takers: list[int]) -> None:
        for user, domain in missing:
            await self._store.load_account(user, domain)
        for account_id in takers:
            await self._store.load_account_by_id(account_id)
        self._go_on(incoming)

    def _named(self, incoming: Incoming) -> list[tuple[str, str]]:
        request = incoming.request
        if request.method == "REFER":
            return self._in_refer_to(request)
        if request.method not in _NAMING or request.to_tag is not None:
            return []
        found: list[tuple[str, str]] = []
        beside = [] if request.method == "REGISTER" else named_beside(request)
        for uri in (request.from_.uri, request.to.uri, request.request_uri, *beside):
            domain, user = self._domain(uri), _user(uri)
            if domain is not None and user:
                # What a provider was told by an older version has its name before the account.
                found += [(name, domain) for name in (user, user.partition(".")[2]) if name]
        for value in request.headers.get_all("authorization"):
            params = Credentials.parse(value).params
            found.append((params.get("username", ""), params.get("realm", "")))
        return list(dict.fromkeys(found))

    def _takers_of(self, incoming: Incoming) -> Sequence[int]:
        request = incoming.request
        if request.method == "SUBSCRIBE" and request.to_tag is not None:
            return self._watching(request.to_tag)
        is_brought = request.method in ("INVITE", "MESSAGE") and request.to_tag is None
        return self._takers(incoming) if is_brought and request.request_uri.is_sip else []

    def _in_refer_to(self, request: Request) -> list[tuple[str, str]]:
        """Return whom a transfer leads to, and who says that it is theirs."""
        found: list[tuple[str, str]] = []
        for name in ("refer-to", "referred-by", "from"):
            try:
                uri = NameAddr.parse(request.headers.get(name) or "", name).uri
            except ParseError:
                continue
            domain, user = self._domain(uri), _user(uri)
            if domain is not None and user:
                found.append((user, domain))
        return found

    def _domain(self, uri: Uri) -> str | None:
        if uri.is_sip:
            return self._names.served_domain(uri.host, uri.port)
        names = self._names
        return domain_of_number(uri, names) or names.home_domain() if uri.scheme == "tel" else None


def _user(uri: Uri) -> str:
    user = uri.user or ""
    return user if uri.is_sip else plain_subscriber(user)


PART = 10
"""What calls from one address leave of a user's runs to others: nine of ten."""


class DirectoryLimits:
    """The limits of one user or provider, as calls ask for them: a change counts for the next call.

    The `settings` say what all runs of a user may use who has no limits of their own.
    """

    def __init__(self, directory: Directory, settings: DialplanSettings) -> None:
        self._directory = directory
        self._usual = UserLimits(
            settings.user_runs, settings.user_runs_per_minute, settings.user_seconds_per_minute
        )

    def of_runs(self, user_id: int) -> UserLimits:
        """Return what all runs of a user may use: their own limits, else the usual ones."""
        user, usual = self._directory.users.get(user_id), self._usual
        if user is None:
            return usual
        runs, per_minute, seconds = (
            user.script_runs, user.script_runs_per_minute, user.script_seconds_per_minute,
        )  # fmt: skip
        if not (runs or per_minute or seconds):
            return usual
        return UserLimits(
            runs or usual.runs, per_minute or usual.runs_per_minute, seconds or usual.seconds_per_minute
        )

    def longest_call(self, user_id: int, providers: Iterable[ProviderKey]) -> float:
        """Return for how many seconds a call of a user may last that goes by these providers; infinity for ever."""
        directory = self._directory
        user = directory.users.get(user_id)
        longest = inf if user is None else user.longest_call or inf
        for name in providers:
            provider = directory.provider(*name)
            if provider is not None and provider.longest_call:
                longest = min(longest, provider.longest_call)
        return longest

    def most_carried(self, provider: ProviderKey) -> float:
        """Return how many calls may go by a provider at once; infinity for any number."""
        found = self._directory.provider(*provider)
        return inf if found is None or not found.most_calls else found.most_calls


class SourceShares:
    """Says what calls from one address may have of a user's runs; a provider of the user may use all of them.

    Args:
        limits_of: Returns what all runs of a user may use.
        providers_at: Returns the providers at an address.
    """

    def __init__(
        self, limits_of: Callable[[int], UserLimits], providers_at: Callable[[str], Sequence[ProviderView]]
    ) -> None:
        self._limits_of = limits_of
        self._providers_at = providers_at

    def __call__(self, user_id: int, source: str) -> Share:
        """Return the share of an address."""
        limits = self._limits_of(user_id)
        for provider in self._providers_at(source):
            if provider.user_id == user_id:
                return Share(limits.runs, limits.runs_per_minute)
        return Share(max(1, limits.runs // PART), max(1, limits.runs_per_minute // PART))
