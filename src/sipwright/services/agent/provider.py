"""What a provider's settings mean for a REGISTER: where it goes, and for which address-of-record."""

from __future__ import annotations

from typing import NamedTuple

from sipwright.services.ports import ProviderView
from sipwright.sip import Uri
from sipwright.sip.uri import hop_uri

__all__ = ["Place"]


class Place(NamedTuple):
    """Where a registration is made.

    Attributes:
        registrar: The Request-URI (RFC 3261 §10.2): the domain of the registrar, without a user.
        aor: The address-of-record.
        proxy: The outbound proxy, as a URI for the Route header.
    """

    registrar: Uri
    aor: Uri
    proxy: Uri | None

    @classmethod
    def of(cls, provider: ProviderView) -> Place:
        """Read a provider's settings.

        Raises:
            ParseError: They do not make a URI.
        """
        registrar = Uri.parse(f"sip:{provider.server}")
        # An address-of-record names a domain, so the port of the server is no part of it.
        aor = Uri(user=provider.username, host=registrar.host)
        proxy = provider.outbound_proxy
        if not proxy:
            return cls(registrar, aor, None)
        hop = hop_uri(proxy)
        return cls(registrar, aor, hop.replace(params={**hop.params, "lr": None}))

    @property
    def next_hop(self) -> Uri:
        """The URI that says where the request is sent."""
        return self.proxy or self.registrar
