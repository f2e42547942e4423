"""From what a dialplan dials to what rings: providers, local accounts and their phones, hosts outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sipwright.services.ports import AccountView, Directory, Locations, ProviderView
from sipwright.sip import ParseError, Uri

from ..model.destination import Destination
from ..model.identity import Identity

__all__ = ["LOOP_FLOW", "MOST_LOOPS", "Destinations", "DialLeg", "Dialler"]

LOOP_FLOW = "loop/127.0.0.1:0/127.0.0.1:0"
"""The flow that joins two calls of this switch: the caller's dialplan on one side, the callee's on the other."""

MOST_LOOPS = 10
"""How often a call may pass from one account's dialplan to the next; then the phones ring directly."""


class Dialler(Protocol):
    """Who dials: a call, or a script that sends a text."""

    @property
    def identity(self) -> Identity:
        """On whose behalf."""

    @property
    def dialled_user(self) -> str:
        """Whom a leg that only names a provider is for."""

    @property
    def loops(self) -> int:
        """How often the call has passed from one dialplan to the next."""


@dataclass(frozen=True, slots=True)
class DialLeg:
    """One leg of a dial string, read: `user` at `host`, or `user` empty for "the dialled user at this provider".

    `uri` is a whole SIP URI instead. Times are seconds.
    """

    text: str
    user: str = ""
    host: str = ""
    port: int | None = None
    params: str = ""
    uri: str | None = None
    delay: float = 0.0
    limit: float | None = None
    mangle: bool = True
    from_name: str | None = None
    from_user: str | None = None
    from_host: str | None = None
    transfer: str = ""
    redirect: str = "follow"
    headers: tuple[tuple[str, str], ...] = ()


class Destinations:
    """Resolves targets for the owner of a call: `user@X` is their provider X, else a served domain, else a host."""

    def __init__(
        self, accounts: Directory, locations: Locations, find: Callable[[str, str], AccountView | None],
        clock: Callable[[], float], read_leg: Callable[[str], DialLeg],
    ) -> None:  # fmt: skip
        self._accounts = accounts
        self.locations = locations
        self._find = find
        self._clock = clock
        self._read_leg = read_leg

    def of_text(self, call: Dialler, text: str) -> list[Destination]:
        """Return what one leg of a dial string rings; nothing when it leads nowhere."""
        leg = self._read_leg(text)
        found = self._of_leg(call, leg)
        for destination in found:
            destination.target = leg.text
            destination.delay, destination.limit, destination.mangle = leg.delay, leg.limit, leg.mangle
            destination.transfer, destination.redirect = leg.transfer, leg.redirect
            destination.headers = leg.headers
            destination.from_name = leg.from_name if leg.from_name is not None else destination.from_name
            destination.from_user = leg.from_user if leg.from_user is not None else destination.from_user
            destination.from_host = leg.from_host if leg.from_host is not None else destination.from_host
        return found

    def of_account(self, call: Dialler, account: AccountView) -> list[Destination]:
        """Return what a call to a local account rings: its in dialplan when it has one, else its phones."""
        runs_here = call.identity.dialplan_id == account.in_plan and call.identity.user_id == account.user_id
        if account.in_plan is None or runs_here or call.loops >= MOST_LOOPS:
            return self.phones(account)
        uri = f"sip:{account.username}@{account.domain}"
        return [Destination(target=uri, uri=uri, to=uri, flow=LOOP_FLOW, account_id=account.id)]

    def phones(self, account: AccountView) -> list[Destination]:
        """Return the phones of an account that are registered now."""
        aor = f"sip:{account.username}@{account.domain}"
        return [
            Destination(
                target=aor,
                uri=phone.uri,
                to=aor,
                flow=phone.source,
                route=tuple(phone.path),
                account_id=account.id,
                instance=phone.instance,
            )
            for phone in self.locations.targets(account.id, self._clock())
        ]

    def _of_leg(self, call: Dialler, leg: DialLeg) -> list[Destination]:
        if leg.uri is not None:
            try:
                uri = Uri.parse(leg.uri)
            except ParseError:
                return []
            return self._of_host(call, uri) if uri.is_sip else []
        provider = None
        if leg.port is None:
            provider = self._accounts.provider(call.identity.user_id, leg.host)
        if provider is not None:
            return (
                [self._of_provider(provider, leg.user or _escaped(call.dialled_user), leg.params)]
                if provider.is_enabled
                else []
            )
        if not leg.user:
            return []
        host = f"[{leg.host}]" if ":" in leg.host else leg.host
        if host == "local":
            account = self._find_local(call, leg.user)
            return [] if account is None else self.of_account(call, account)
        port = "" if leg.port is None else f":{leg.port}"
        try:
            return self._of_host(call, Uri.parse(f"sip:{leg.user}@{host}{port}{leg.params}"))
        except ParseError:
            return []

    def _find_local(self, call: Dialler, user: str) -> AccountView | None:
        return self._find(user, call.identity.domain)

    def _of_host(self, call: Dialler, uri: Uri) -> list[Destination]:
        domain = self._accounts.served_domain(uri.host, uri.port)
        if domain is not None:
            account = self._find(uri.user or "", domain)
            return [] if account is None else self.of_account(call, account)
        text = str(uri)
        return [Destination(target=text, uri=text, to=text)]

    @staticmethod
    def _of_provider(provider: ProviderView, user: str, params: str) -> Destination:
        uri = f"sip:{user}@{provider.server}{params}" if user else f"sip:{provider.server}{params}"
        destination = Destination(
            target=f"{user}@{provider.name}", uri=uri, to=uri, provider=(provider.user_id, provider.name)
        )
        host = provider.server.partition(";")[0]
        destination.from_user, destination.from_host = provider.username, host
        if provider.from_template:
            try:
                template = Uri.parse(provider.from_template.strip("<>"))
            except ParseError:
                return destination
            destination.from_user, destination.from_host = template.user, template.hostport
        if provider.outbound_proxy:
            proxy = provider.outbound_proxy
            destination.route = (f"<{proxy if proxy.startswith(('sip:', 'sips:')) else 'sip:' + proxy};lr>",)
        return destination


def _escaped(user: str) -> str:
    """Return whom a caller dialled as the user part of a URI.

    It was unescaped when it was read. A `%40` that came back as `@` would make what follows the host, and that
    would be rung, and told the provider's credentials, in place of the provider.
    """
    return Uri(host="", user=user).raw_user or ""
