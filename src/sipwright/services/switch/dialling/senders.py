"""Who a request says that it is from: somebody of a domain that we serve, who then has to prove it, or anybody else.

A phone that hides its number says who it is beside its From (RFC 3323 §4.1.1.3, RFC 3325 §9.2), or is known by where
its request comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sipwright.services.callers import CALLER_HEADERS, IDENTITY, formatted
from sipwright.services.ports import Directory, ProviderView
from sipwright.sip import NameAddr, ParseError, Reject, Request, Uri
from sipwright.sip.dialog import address_of
from sipwright.sip.host import canonical_host
from sipwright.stack import Incoming

from ..call.call import Call
from ..model.caller_headers import forget_verification, read_caller, with_number
from ..model.relayed_headers import without_verification

__all__ = ["Claim", "Senders", "is_anonymous", "named_beside", "read_sender"]

_SAYS_WHO = ("p-preferred-identity", "p-asserted-identity", "remote-party-id")


class Claim(NamedTuple):
    """The served domain that a sender says to be of, and as whom; `user` is `None` for the one who authenticates.

    It `is_vague` where a provider may say the same of anybody.
    """

    domain: str
    user: str | None
    is_vague: bool = False


def is_anonymous(uri: Uri) -> bool:
    """Return whether a From names nobody (RFC 3323 §4.1.1.3); many phones and providers leave their own host in it."""
    return uri.host.rpartition(".")[2] == "invalid" or (uri.user or "").lower() == "anonymous"


class Senders:
    """Reads From, and where that says nothing, what is beside it.

    `domain_at` says of which domain the phone is that registered from a flow, if one has.
    """

    __slots__ = ("_accounts", "_domain_at")

    def __init__(self, accounts: Directory, domain_at: Callable[[str], str | None] | None = None) -> None:
        self._accounts = accounts
        self._domain_at = domain_at

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
                if is_anonymous(sender) and self._accounts.account(user, domain) is None:
                    return self._unnamed(incoming) or Claim(domain, None, is_vague=True)
                return Claim(domain, user)
            return self._unnamed(incoming) if is_anonymous(sender) else None
        if sender.scheme != "tel":
            raise Reject(400, "From Of An Unknown Scheme", why=f"nobody here can be called {sender}")
        context = sender.params.get("phone-context")
        domain = None if context is None else self._accounts.served_domain(_canonical(context), None)
        return None if domain is None else Claim(domain, sender.user or "")

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
        for uri in named_beside(incoming.request):
            domain = self._served(uri, incoming)
            if domain is not None and self._accounts.account(uri.user or "", domain) is not None:
                return Claim(domain, uri.user or "")
        domain = None if self._domain_at is None else self._domain_at(incoming.flow.key)
        return None if domain is None else Claim(domain, None)


def read_sender(call: Call, request: Request, provider: ProviderView | None) -> None:
    """Take who calls from where the provider that brings the call says it; only a marked one is believed to know."""
    claims = "verstat" in (request.headers.first_line("from") or "").lower()
    if provider is None:
        if claims:
            call.shown_from = without_verification(address_of(request, "from"))
        return
    is_believed = provider.identity == IDENTITY[1]
    told = read_caller(request, provider.caller_in or CALLER_HEADERS[0])
    if told is not None or provider.number_format is not None or (claims and not is_believed):
        caller = told or request.from_
        number = formatted((caller.uri.user or "").partition(";")[0], provider.number_format)
        call.shown_from = with_number(caller, number, request.from_uri.hostport)
        call.from_text = str(NameAddr.parse(call.shown_from).uri)
    if not is_believed:
        forget_verification(request)


def named_beside(request: Request) -> list[Uri]:
    """Return whom the headers beside From name (RFC 3325 §9)."""
    found: list[Uri] = []
    for name in _SAYS_WHO:
        try:
            addresses = NameAddr.parse_list(request.headers.get_all(name))
        except ParseError:
            continue  # it is not passed on either
        found += [address.uri for address in addresses if address.uri.is_sip]
    return found


def _canonical(name: str) -> str:
    try:
        return canonical_host(name)
    except ValueError:
        return name
