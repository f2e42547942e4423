"""Where a registrar sends us with a 3xx, and whether our password may be told there (RFC 3261 §8.1.3.4, §21.3, §22).

The Contacts are tried in the order of their `q`. A 301 holds until it fails; what else a registrar says holds for the
seconds in its Expires, and without that for this one attempt. Whoever redirects chooses the registrar and nothing else
about the request: no headers, no method, and no other way there (§19.1.5).
"""

from __future__ import annotations

from math import inf

from sipwright.services.ports import ProviderView
from sipwright.sip import ParseError, Response, Uri, expires_of
from sipwright.sip.headers.contact import q_of, readable_contacts
from sipwright.sip.uri import hop_uri

__all__ = ["MOST_REDIRECTS", "Redirects", "is_of"]

MOST_REDIRECTS = 5
"""How many 3xx are followed in one attempt, and how many Contacts of each."""

_LONGEST = 86_400
_FOLLOWED = (300, 301, 302, 305, 307, 308)


class Redirects:
    """The redirects of one registration.

    Attributes:
        target: The registrar that is asked in place of the provider's; None is that one.
    """

    __slots__ = ("_hops", "_left", "_seen", "_until", "target")

    def __init__(self) -> None:
        self.target: Uri | None = None
        self._until = inf
        self._left: list[tuple[Uri, float]] = []
        self._seen: set[str] = set()
        self._hops = 0

    def begin(self, now: float) -> None:
        """Begin an attempt: where the registrar has sent us before, while that holds."""
        if self._until <= now:
            self.target = None
        self._left, self._hops = [], 0
        self._seen = set() if self.target is None else {str(self.target)}

    def follow(self, response: Response, now: float) -> bool:
        """Take a 3xx; False when it leads nowhere where we have not been in this attempt."""
        if response.status not in _FOLLOWED or self._hops >= MOST_REDIRECTS:
            return False
        self._hops += 1
        self._left = _ways(response, now)[:MOST_REDIRECTS] + self._left
        return self.go_on()

    def go_on(self) -> bool:
        """Turn to the next Contact; False when none is left, and the provider's own registrar is asked again."""
        while self._left:
            uri, until = self._left.pop(0)
            if str(uri) not in self._seen:
                self._seen.add(str(uri))
                self.target, self._until = uri, until
                return True
        self.target, self._until = None, inf
        return False


def _ways(response: Response, now: float) -> list[tuple[Uri, float]]:
    """Return the SIP URIs that a 3xx names, the preferred first, and until when each holds."""
    ways = []
    for contact in sorted(readable_contacts(response.headers.get_all("Contact")), key=q_of, reverse=True):
        uri, expires = contact.uri, expires_of(contact)
        transport = {name: value for name, value in uri.params.items() if name == "transport"}
        seconds = min(response.expires or 0 if expires is None else expires, _LONGEST)
        until = inf if response.status == 301 else now + seconds
        ways.append((uri.replace(user=None, password=None, params=transport, headers=""), until))
    return ways


def is_of(provider: ProviderView, host: str) -> bool:
    """Return whether a host is the provider's: its server, its proxy, what is below their names or below its realm."""
    names = [_host_of(text) for text in (provider.server, provider.outbound_proxy, provider.realm) if text]
    return any(host == name or ("." in name and host.endswith(f".{name}")) for name in names if name)


def _host_of(text: str) -> str:
    try:
        return hop_uri(text).host
    except ParseError:
        return ""
