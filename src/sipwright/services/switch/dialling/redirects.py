"""Where a 3xx leads, and how much each way is preferred (RFC 3261 §8.1.3.4)."""

from __future__ import annotations

from dataclasses import replace

from sipwright.services.leg_options import LegOptions
from sipwright.services.ports import Directory, ProviderView
from sipwright.sip import NameAddr, ParseError, Response, Uri
from sipwright.sip.headers.contact import q_of, readable_contacts
from sipwright.sip.telephone import dialled_uri
from sipwright.sip.uri import hop_uri

from ..model.destination import Destination
from .destinations import Destinations, Dialler, sender_of

__all__ = ["NO_OTHER_PLACE", "Redirects", "contacts_of", "reason_of"]

NO_OTHER_PLACE = (305, 380)
"""Their Contacts are no other place for the callee, but a proxy, or a service that the body describes (§21.3)."""

_REASONS = frozenset({
    "unknown", "user-busy", "no-answer", "unavailable", "unconditional", "time-of-day", "do-not-disturb", "deflection",
    "follow-me", "out-of-service", "away",
})  # fmt: skip
"""RFC 5806 §4."""

_CAUSES = {
    "302": "unconditional", "408": "no-answer", "480": "deflection", "486": "user-busy", "487": "deflection",
    "503": "unavailable",
}  # fmt: skip
"""RFC 4458 §2.1."""


def contacts_of(response: Response) -> list[tuple[Uri, float]]:
    """Return the SIP URIs and the numbers that a redirect names, and how much each is preferred (RFC 3261 §20.10).

    What cannot be read names none.
    """
    contacts = readable_contacts(response.headers.get_all("Contact"), ("sip", "sips", "tel"))
    return [(contact.uri, q_of(contact)) for contact in contacts]


def reason_of(response: Response, contact: Uri) -> str:
    """Return why a redirect says that it leads to a Contact: in its Diversion, or by a cause in the Contact's URI."""
    try:
        said = [NameAddr.parse(value) for value in response.headers.get_list("Diversion")[:1]]
    except ParseError:
        said = []
    for each in said:
        reason = (each.params.get("reason") or "").strip('"').lower()
        if reason in _REASONS:
            return reason
    return _CAUSES.get(contact.params.get("cause") or "", "")


class Redirects:
    """Resolves the Contacts of redirects for the owner of a call."""

    def __init__(self, accounts: Directory, destinations: Destinations) -> None:
        self._accounts = accounts
        self._destinations = destinations

    def lead_to(self, call: Dialler, old: Destination, contact: Uri) -> list[Destination]:
        """Return what the Contact of a redirect rings (RFC 3261 §8.1.3.4): nothing when it leads nowhere.

        At a domain that we serve, whom our own directory knows by that name. Whoever redirects chooses whom we call,
        and nothing else about it: no headers, no method, and no other way there (§19.1.5). A provider that sends us to
        itself, or names a number, may ask again who we are; nobody else ever hears that name, or an answer made from
        its password (§22).
        """
        provider = None if old.provider is None else self._accounts.provider(*old.provider)
        if not contact.is_sip:
            domain = call.identity.domain
            meant = dialled_uri(contact, domain) if provider is None else _number_at(provider, contact)
            if meant is None:
                return []
            contact = meant
        params = {name: value for name, value in contact.params.items() if name in ("transport", "user")}
        uri = contact.replace(password=None, params=params, headers="")
        if provider is not None and _is_at(provider, uri):
            same = Destination(target="", uri=str(uri), to=str(uri), route=old.route, provider=old.provider)
            same.is_route_named = old.is_route_named
            same.answer_within = self._destinations.patience_with(provider)
            found = [same]
            options = old.options
        else:
            found = self._destinations.of_host(call, uri)
            options = old.options if provider is None else _without(old.options, sender_of(provider))
        for each in found:
            each.target = str(uri)
            each.options = replace(options, delay=None, redirect=None)
            each.redirects = old.redirects + 1
        return found


def _server_of(provider: ProviderView) -> Uri | None:
    try:
        return hop_uri(provider.server)
    except ParseError:
        return None


def _number_at(provider: ProviderView, number: Uri) -> Uri | None:
    """Return the URI of a number at a provider's server."""
    server = _server_of(provider)
    meant = None if server is None else dialled_uri(number, server.host)
    if server is None or meant is None:
        return None
    return meant.replace(port=server.port, params={**server.params, **meant.params})


def _is_at(provider: ProviderView, uri: Uri) -> bool:
    """Return whether a URI names the host and the port of a provider's server."""
    server = _server_of(provider)
    return server is not None and (server.host, server.used_port) == (uri.host, uri.used_port)


def _without(options: LegOptions, sender: LegOptions) -> LegOptions:
    """Return the options but for how the caller looks to a provider."""
    user = None if options.from_user == sender.from_user else options.from_user
    host = None if options.from_host == sender.from_host else options.from_host
    return replace(options, from_user=user, from_host=host)
