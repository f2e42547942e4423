"""Header names: one key for every spelling, short or long, in any case (RFC 3261 §7.3.1, §7.3.3)."""

from __future__ import annotations

from typing import Final

from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import is_token

COMPACT = {
    "a": "accept-contact",  # RFC 3841
    "b": "referred-by",  # RFC 3892
    "c": "content-type",
    "d": "request-disposition",  # RFC 3841
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",  # RFC 3841
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",  # RFC 4474
    "o": "event",  # RFC 6665
    "r": "refer-to",  # RFC 3515
    "s": "subject",
    "t": "to",
    "u": "allow-events",  # RFC 6665
    "v": "via",
    "x": "session-expires",  # RFC 4028
    "y": "identity",  # RFC 8224
}

# Names repeat from message to message, so each spelling is folded once.  The bound keeps a peer
# that invents names from filling the memory; the usual ones were here long before.
_MOST_SPELLINGS = 4096
_LONGEST_KEPT = 40


class _Keys(dict[str, str]):
    """Spelling → key; a spelling that was not met before is folded, and a name that is no token a `ParseError`."""

    def __missing__(self, name: str) -> str:
        key = name.rstrip(" \t").lower()
        if not is_token(key):
            raise ParseError(f"A header name is not a token: {name[:40]!r}", name[:40])
        key = COMPACT.get(key, key)
        if len(self) < _MOST_SPELLINGS and len(name) <= _LONGEST_KEPT:
            self[name] = key
        return key


KEYS: Final = _Keys()
"""The key of a header name, however it is spelled; blanks before the colon do not count."""


def _learn_usual_names() -> None:
    usual = (
        "Via From To Call-ID CSeq Contact Max-Forwards Route Record-Route Content-Type Content-Length Expires"
        " Allow Supported Require Proxy-Require Unsupported User-Agent Server Date Path Event"
        " Subscription-State Refer-To Referred-By Replaces Session-Expires Min-SE Min-Expires Reason"
        " Authorization Proxy-Authorization WWW-Authenticate Proxy-Authenticate Accept Allow-Events"
        " P-Asserted-Identity P-Preferred-Identity Privacy Remote-Party-ID Diversion Timestamp Warning"
    )
    for name in usual.split():
        for spelling in (name, name.lower(), name.upper()):
            _ = KEYS[spelling]
    for short in COMPACT:
        _ = KEYS[short], KEYS[short.upper()]


_learn_usual_names()
