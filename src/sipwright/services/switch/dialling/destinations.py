"""From what a dialplan dials to what rings: providers, local accounts and their phones, hosts outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sipwright.services.callers import formatted, is_number
from sipwright.services.dialstring import DialLeg, Target, ToProvider, ToUri, ToUser
from sipwright.services.leg_options import PLAIN, LegOptions
from sipwright.services.ports import AccountView, BindingTarget, Directory, Locations, ProviderView
from sipwright.sip import ParseError, Uri
from sipwright.sip.telephone import dialled_uri

from ..model.destination import Destination
from ..model.identity import Identity
from .service_routes import ServiceRoutes

__all__ = ["LOOP_FLOW", "MOST_LOOPS", "Destinations", "Dialler", "sender_of"]

LOOP_FLOW = "loop/127.0.0.1:0/127.0.0.1:0"
"""The flow that joins two calls of this switch: the caller's dialplan on one side, the callee's on the other."""

MOST_LOOPS = 10
"""How often a call may pass from one account's dialplan to the next; then the phones ring directly."""


ANSWER_WITHIN = 4.0
"""How many seconds a server has for its first response; by then it has got an INVITE four times over UDP (Timer A)."""


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


class Destinations:
    """Resolves targets for the owner of a call: `user@X` is their provider X, else a served domain, else a host."""

    def __init__(
        self, accounts: Directory, locations: Locations, find: Callable[[str, str], AccountView | None],
        clock: Callable[[], float], answer_within: float = ANSWER_WITHIN,
        service_routes: ServiceRoutes | None = None,
    ) -> None:  # fmt: skip
        self._accounts = accounts
        self.locations = locations
        self._find = find
        self._clock = clock
        self._answer_within = answer_within
        self._service_routes = service_routes or ServiceRoutes()

    def of_leg(self, call: Dialler, leg: DialLeg) -> list[Destination]:
        """Return what one leg of a dial string rings; nothing when it leads nowhere."""
        found, target = self._of_target(call, leg.target), str(leg.target)
        for destination in found:
            destination.target = target
            if destination.caller and leg.options.from_user is not None:
                destination.number = leg.options.from_user
            destination.options = leg.options.with_defaults(destination.options)
        return found

    def of_host(self, call: Dialler, uri: Uri) -> list[Destination]:
        """Return what a SIP URI rings: an account where we serve its domain, else that host."""
        domain = self._accounts.served_domain(uri.host, uri.port)
        if domain is not None:
            meant = dialled_uri(uri, domain)
            account = None if meant is None else self._find(meant.user or "", domain)
            return [] if account is None or not account.is_enabled else self.of_account(call, account)
        text = str(uri)
        return [Destination(target=text, uri=text, to=text, answer_within=self._answer_within)]

    def patience_with(self, provider: ProviderView) -> float:
        """Return for how many seconds a provider may say nothing at all before it counts as dead."""
        own = provider.answer_within
        return self._answer_within if own is None else own

    def of_account(self, call: Dialler, account: AccountView) -> list[Destination]:
        """Return what a call to a local account rings: its in dialplan when it has one, else its phones."""
        runs_here = call.identity.dialplan_id == account.in_plan and call.identity.user_id == account.user_id
        if account.in_plan is None or runs_here or call.loops >= MOST_LOOPS:
            phones = self.rung(account)
            if account.user_id != call.identity.user_id:
                for phone in phones:
                    phone.is_neighbour = True
            return phones
        uri = f"sip:{account.username}@{account.domain}"
        return [Destination(target=uri, uri=uri, to=uri, flow=LOOP_FLOW, account_id=account.id)]

    def rung(self, account: AccountView) -> list[Destination]:
        """Return the phones that a call to an account rings: none that is not to be disturbed (RFC 3261 §21.4.18)."""
        return [] if account.do_not_disturb else self.phones(account)

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

    def next_flow(self, phone: Destination) -> bool:
        """Lead a phone's destination over its next flow, as the one that it had has failed (RFC 5626 §7).

        Returns whether there is one; never for a device that does not number its flows.
        """
        if phone.account_id is None or phone.instance is None:
            return False

        def is_current(target: BindingTarget) -> bool:
            return (target.source, target.uri) == (phone.flow, phone.uri) and (
                tuple(phone.route)[-len(target.path) :] == tuple(target.path) if target.path else True
            )

        found = self.locations.next_flow(phone.account_id, phone.instance, is_current, self._clock())
        if found is None:
            return False
        phone.uri, phone.flow, phone.route = found.uri, found.source, tuple(found.path)
        return True

    def _of_target(self, call: Dialler, target: Target) -> list[Destination]:
        match target:
            case ToUri(uri):
                return self._of_uri(call, uri)
            case ToProvider(name):
                provider = self._accounts.provider(call.identity.user_id, name)
                return (
                    []
                    if provider is None
                    else self._of_provider(provider, _escaped(call.dialled_user), "", call)
                )
            case ToUser(user, host, port, params):
                provider = self._accounts.provider(call.identity.user_id, host) if port is None else None
                if provider is not None:
                    return self._of_provider(provider, user, params, call)
                if host == "local":
                    account = self._find_local(call, user)
                    return [] if account is None else self.of_account(call, account)
                where = f"[{host}]" if ":" in host else host
                return self._of_uri(call, f"sip:{user}@{where}{'' if port is None else f':{port}'}{params}")

    def _of_uri(self, call: Dialler, text: str) -> list[Destination]:
        try:
            uri = Uri.parse(text)
        except ParseError:
            return []
        meant = uri if uri.is_sip else dialled_uri(uri, call.identity.domain)
        return [] if meant is None else self.of_host(call, meant)

    def _find_local(self, call: Dialler, user: str) -> AccountView | None:
        return self._find(user, call.identity.domain)

    def _of_provider(
        self, provider: ProviderView, user: str, params: str, call: Dialler | None = None
    ) -> list[Destination]:
        if not provider.is_enabled:
            return []
        uri = f"sip:{user}@{provider.server}" if user else f"sip:{provider.server}"
        uri += _without_way(params)
        caller = provider.caller_out or ""
        identity = None if call is None else call.identity
        number = self._number_of(identity, provider) if caller else ""
        route = self._service_routes.preloaded(provider)
        return [
            Destination(
                target=f"{user}@{provider.name}",
                uri=uri,
                to=uri,
                route=route,
                is_route_named=bool(route) and not provider.outbound_proxy,
                provider=(provider.user_id, provider.name),
                options=_shown_at(identity, provider, number),
                answer_within=self.patience_with(provider),
                caller=caller,
                number=number,
            )
        ]

    def _number_of(self, identity: Identity | None, provider: ProviderView) -> str:
        """Return the number of an account at a provider, as that wants it: its own, else its name, else ours there."""
        account_id = None if identity is None else identity.account_id
        account = None if account_id is None else self._accounts.account_by_id(account_id)
        names = [provider.username]
        if account is not None:
            own = [number.pattern for number in provider.numbers if number.account_id == account.id]
            names = [*own, account.username, *names]
        found = [name for name in names if is_number(name)]
        return formatted(found[0] if found else provider.username, provider.number_format)


def sender_of(provider: ProviderView) -> LegOptions:
    """Return how the caller looks to a provider, unless the leg says otherwise."""
    if provider.from_template:
        try:
            template = Uri.parse(provider.from_template.strip("<>"))
        except ParseError:
            pass
        else:
            return LegOptions(from_user=template.user, from_host=template.hostport)
    if not provider.username:
        return PLAIN  # a trunk that knows us by our address has no name for us
    return LegOptions(from_user=provider.username, from_host=provider.server.partition(";")[0])


def _shown_at(identity: Identity | None, provider: ProviderView, number: str) -> LegOptions:
    """Return how the caller looks to a provider, unless the leg says otherwise: by number, if it wants that in From.

    Of a call that is forwarded From has the one who calls, where another header has the number that forwards it.
    """
    wanted = (provider.caller_out or "").split()
    if "from" not in wanted:
        return sender_of(provider)
    is_caller_shown = identity is not None and identity.direction == "in" and len(wanted) > 1
    host = provider.server.partition(";")[0]
    return (
        LegOptions(from_host=host)
        if is_caller_shown
        else LegOptions(from_user=number or None, from_host=host)
    )


def _without_way(params: str) -> str:
    """Return the parameters of a leg to a provider but for `maddr`: it is where its settings say, and nowhere else.

    Wherever else it were, that would be trusted as the provider is, and told its credentials.
    """
    if not params:
        return ""
    try:
        uri = Uri.parse(f"sip:provider.invalid{params}")
    except ParseError:
        return params
    kept = {name: value for name, value in uri.params.items() if name != "maddr"}
    if len(kept) == len(uri.params):
        return params
    return str(uri.replace(params=kept)).removeprefix("sip:provider.invalid")


def _escaped(user: str) -> str:
    """Return whom a caller dialled as the user part of a URI.

    It was unescaped when it was read. A `%40` that came back as `@` would make what follows the host, and that
    would be rung, and told the provider's credentials, in place of the provider.
    """
    return Uri(host="", user=user).raw_user or ""
