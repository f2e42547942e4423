"""Who a request says that it is from: somebody of a domain that we serve, who then has to prove it, or anybody else.

A phone that hides its number says who it is beside its From (RFC 3323 §4.1.1.3, RFC 3325 §9.2), or is known by where
its request comes from; so is one whose From is a number that is one everywhere (RFC 3966).

A step before all that lets numbers that are dialled by URIs of their own go on as the SIP URIs that they stand for
(RFC 3261 §19.1.6). So what comes after it, scripts included, sees `sip:NUMBER@DOMAIN;user=phone`, whether a phone has
dialled that, `tel:` or, for help, `urn:service:sos` (RFC 5031). A number that says of which domain it is, if that is
ours, is looked for there; any other at the domain of the one who dials it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sipwright.services.callers import CALLER_HEADERS, IDENTITY, formatted
from sipwright.services.ports import AccountView, Directory, ProviderView
from sipwright.sip import NameAddr, ParseError, Reject, Request, Uri
from sipwright.sip.dialog import address_of
from sipwright.sip.host import canonical_host
from sipwright.sip.telephone import context_of, dialled_uri, plain_subscriber
from sipwright.sip.uri import hop_uri
from sipwright.stack import Incoming

from ..call.call import Call
from ..model.caller_headers import forget_verification, read_caller, with_number
from ..model.relayed import without_verification

__all__ = ["Claim", "DialledNumbers", "Senders", "domain_of_number", "named_beside", "read_sender"]

_SAYS_WHO = ("p-preferred-identity", "p-asserted-identity", "remote-party-id")


class Claim(NamedTuple):
    """The served domain that a sender says to be of, and as whom; `user` is `None` for the one who authenticates.

    It `is_vague` where a provider may say the same of anybody.
    """

    domain: str
    user: str | None
    is_vague: bool = False


class Senders:
    """Reads From, and where that says nothing, what is beside it.

    `domain_at` says of which domain the phone is that registered from a flow, if one has.
    """

    __slots__ = ("_accounts", "_domain_at")

    def __init__(self, accounts: Directory, domain_at: Callable[[str], str | None] | None = None) -> None:
        self._accounts = accounts
        self._domain_at = domain_at

    def is_phone(self, incoming: Incoming) -> bool:
        """Return whether a phone of ours has registered from where a request comes from."""
        return self._domain_at is not None and self._domain_at(incoming.flow.key) is not None

    def claim(self, incoming: Incoming) -> Claim | None:
        """Return what the sender claims to be; `None` for somebody else than one of ours.

        Raises:
            Reject: Its From is of a scheme that nobody here can be called by.
        """
        request = incoming.request
        sender = request.from_uri
        if sender.is_sip:
            domain = self._served(sender, incoming)
            if domain is not None:
                user = sender.user or ""
                if sender.is_anonymous and self._accounts.account(user, domain) is None:
                    return self._unnamed(incoming) or Claim(domain, None, is_vague=True)
                return Claim(domain, user)
            return self._unnamed(incoming) if sender.is_anonymous else None
        if sender.scheme != "tel":
            raise Reject(400, "From Of An Unknown Scheme", why=f"nobody here can be called {sender}")
        return self._of_number(sender, incoming)

    def domain_beside(self, incoming: Incoming) -> str | None:
        """Return the served domain that the sender of a From is of that names nobody, if anything else tells."""
        claim = self._unnamed(incoming)
        return None if claim is None else claim.domain

    def _of_number(self, sender: Uri, incoming: Incoming) -> Claim | None:
        """Return what a From claims that is a tel URI: one of our accounts may have that name, and need not."""
        user = plain_subscriber(sender.user or "")
        domain = domain_of_number(sender, self._accounts)
        if domain is not None:
            return Claim(domain, user)
        found = self._unnamed(incoming)
        if found is None or found.user is not None:
            return found
        is_known = self._accounts.account(user, found.domain) is not None
        return Claim(found.domain, user) if is_known else found

    def _served(self, sender: Uri, incoming: Incoming) -> str | None:
        """Return the domain that a From is of.

        Our own address is ours on whatever port: phones only show the name before it. A server beside us on the same
        machine, which really sends from the port that it names, is somebody else.
        """
        served, port = self._accounts.served_domain, sender.port
        domain = served(sender.host, port)
        if domain is None and port is not None and incoming.source[:2] != (sender.host, port):
            domain = served(sender.host, None)
        return domain

    def _unnamed(self, incoming: Incoming) -> Claim | None:
        at = None if self._domain_at is None else self._domain_at(incoming.flow.key)
        for uri in named_beside(incoming.request):
            if uri.is_sip:
                user, domain = uri.user or "", self._served(uri, incoming)
            else:
                user = plain_subscriber(uri.user or "")
                domain = domain_of_number(uri, self._accounts) or at
            if domain is not None and self._accounts.account(user, domain) is not None:
                return Claim(domain, user)
        return None if at is None else Claim(at, None)


def read_sender(
    call: Call, request: Request, provider: ProviderView | None, account: AccountView | None = None
) -> None:
    """Take who calls from where the provider that brings the call says it; only a marked one is believed to know.

    A caller whose From is a tel URI is shown by a SIP URI (RFC 3261 §19.1.6), as that is what phones can read: an
    `account` of ours by its name, since any number can be written, and anybody else at where the call comes from.
    """
    sender = request.from_uri
    claims = "verstat" in (request.headers.first_line("from") or "").lower()
    is_number = not sender.is_sip
    if provider is None:
        if is_number:
            user, host = plain_subscriber(sender.user or ""), call.caller.source
            if account is not None:
                user, host = account.username, account.domain
            _show(call, with_number(request.from_, user, host.partition("%")[0]))
        elif claims:
            call.shown_from = without_verification(address_of(request, "from"))
        return
    is_believed = provider.identity == IDENTITY[1]
    told = read_caller(request, provider.caller_in or CALLER_HEADERS[0])
    if told is not None or is_number or provider.number_format is not None or (claims and not is_believed):
        caller = told or request.from_
        user = caller.uri.user or ""
        user = user.partition(";")[0] if caller.uri.is_sip else plain_subscriber(user)
        host = sender.host or hop_uri(provider.server).host
        _show(call, with_number(caller, formatted(user, provider.number_format), host))
    if not is_believed:
        forget_verification(request)


def _show(call: Call, shown: str) -> None:
    call.shown_from = shown
    call.from_text = str(NameAddr.parse(shown).uri)


def named_beside(request: Request) -> list[Uri]:
    """Return whom the headers beside From name (RFC 3325 §9)."""
    found: list[Uri] = []
    for name in _SAYS_WHO:
        try:
            addresses = NameAddr.parse_list(request.headers.get_all(name))
        except ParseError:
            continue  # it is not passed on either
        found += [address.uri for address in addresses if address.uri.is_sip or address.uri.scheme == "tel"]
    return found


_OF_SIP = ("sip:", "sips:")


def domain_of_number(uri: Uri, accounts: Directory) -> str | None:
    """Return the domain of ours that a tel URI says its number is of."""
    context = context_of(uri)
    if context is None or context.startswith("+"):
        return None
    try:
        return accounts.served_domain(canonical_host(context), None)
    except ValueError:
        return None


class DialledNumbers:
    """A step that takes nothing, and writes the Request-URI anew where that is a number."""

    methods = ("INVITE", "MESSAGE", "SUBSCRIBE", "PUBLISH", "OPTIONS")

    def __init__(
        self, accounts: Directory, help_: str, domain_at: Callable[[str], str | None] = lambda key: None
    ) -> None:
        """Make it.

        Args:
            accounts: Who knows our domains.
            help_: The number that a call for help goes to.
            domain_at: Says of which domain the phone is that has registered from a flow.
        """
        self._accounts = accounts
        self._help = help_
        self._domain_at = domain_at

    def __call__(self, incoming: Incoming) -> bool:
        """Leave the request to the next step."""
        request = incoming.request
        text = request.uri_text
        if text.startswith(_OF_SIP) and "=phone" not in text:
            return False  # as nearly always
        uri = request.request_uri
        if uri.is_sip and self._accounts.served_domain(uri.host, uri.port) is None:
            return False  # its number is for another one to read
        domain = uri.host if uri.is_sip else self._domain_of(uri, request, incoming.flow.key)
        meant = dialled_uri(uri, domain, self._help) if domain else None
        if meant is not None and meant is not uri:
            request.request_uri = meant
        return False

    def _domain_of(self, uri: Uri, request: Request, key: str) -> str:
        accounts, sender = self._accounts, request.from_uri
        return (
            domain_of_number(uri, accounts)
            or (accounts.served_domain(sender.host, None) if sender.is_sip else None)
            or self._domain_at(key)
            or accounts.home_domain()
        )
