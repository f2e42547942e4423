"""Header names: one key for every spelling, short or long, in any case (RFC 3261 §7.3.1, §7.3.3)."""

from __future__ import annotations

from typing import Final

from sipwright.memo import Memo
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


def _key_of(name: str) -> str:
    key = name.rstrip(" \t").lower()
    if not is_token(key):
        raise ParseError(f"A header name is not a token: {name[:40]!r}", name[:40])
    return COMPACT.get(key, key)


KEYS: Final = Memo(_key_of, longest=40)
"""The key of a header name, however it is spelled; blanks before the colon do not count.

What is no token is a `ParseError`.
"""
