"""Numbers that are dialled by URIs of their own go on as the SIP URIs that they stand for (RFC 3261 §19.1.6).

So all that comes after this step of the pipeline, scripts included, sees `sip:NUMBER@DOMAIN;user=phone`, whether a
phone has dialled that, `tel:` or, for help, `urn:service:sos` (RFC 5031). A number that says of which domain it is, if
that is ours, is looked for there; any other at the domain of the one who dials it.
"""

from __future__ import annotations

from collections.abc import Callable

from sipwright.services.ports import Directory
from sipwright.sip import Request, Uri
from sipwright.sip.host import canonical_host
from sipwright.sip.telephone import context_of, dialled_uri
from sipwright.stack import Incoming

__all__ = ["DialledNumbers", "domain_of_number"]

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
