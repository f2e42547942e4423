"""Whom a provider's settings want at the other end of a connection with TLS (RFC 5922 §7.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from sipwright.services.ports import Directory, Provider, ProviderView
from sipwright.sip import ParseError, Uri
from sipwright.sip.uri import hop_uri
from sipwright.transport.flow import Trust, Verify
from sipwright.transport.resolver import named_host
from sipwright.transport.route import is_ip_address

__all__ = ["TrustIn", "nobody_of_ours", "trust_in", "trust_of"]

TrustIn = Callable[[Provider | None, Uri], Trust | None]
"""Returns who has to be where a URI leads that is to be a provider's."""


def nobody_of_ours(provider: Provider | None, uri: Uri) -> None:
    """Leave it to the URI."""


def trust_of(provider: ProviderView, uri: Uri) -> Trust:
    """Return who has to be where a URI leads: its domain, or that of the settings where it names an address.

    Inside a dialog most servers name themselves by their addresses, which no certificate is for.
    """
    host = named_host(uri)
    if is_ip_address(host):
        try:
            host = named_host(hop_uri(provider.outbound_proxy or provider.server))
        except ParseError:
            pass
    certificate = provider.certificate
    shown = (certificate, provider.certificate_key or certificate) if certificate else None
    # What may stand there is looked at when it is written (`store/admin/providers.py`).
    return Trust(host, cast(Verify, provider.tls_verify or "on"), shown)


def trust_in(accounts: Directory, provider: Provider | None, uri: Uri) -> Trust | None:
    """Return who has to be where a URI leads that is to be a provider's; None where it is nobody's or not there."""
    found = None if provider is None else accounts.provider(*provider)
    return None if found is None else trust_of(found, uri)
