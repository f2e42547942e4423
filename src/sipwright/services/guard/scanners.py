"""How scanners give themselves away: by the name of their program, or by the addresses that they ask for.

They get no answer at all: to one of theirs they would come back. Only strangers are looked at; tools that people use to
look after their own switch, such as sipsak, are no scanners.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sipwright.memo import Memo
from sipwright.sip import ParseError, Request
from sipwright.sip.headers.collection import value_of

__all__ = ["program_of_scanner", "scanner_of"]

_PROGRAMS = re.compile(
    r"friendly-(?:scanner|request)|sip-?vicious|sundayddr|pplsip|sipcli|sip-?scan|siparmyknife|\bsmap\b|\biwar\b|"
    r"\bsivus\b|\bgulp\b|vaxsipuseragent|vaxipuseragent|\bsipptk\b|elite-?sip|test ?agent ?1",
    re.IGNORECASE,
)

_NOWHERE = ("1.1.1.1", "0.0.0.0")
"""The host of their From: a resolver, and nobody; no phone calls from there."""

_FIRST = "100"
"""The first extension that they look for."""

_NAMES = ("user-agent", "server")


def program_of_scanner(text: str) -> str | None:
    """Return the name of a scanner, if that is how a program calls itself."""
    return _SCANNERS[text]


def _scanner_in(text: str) -> str | None:
    found = _PROGRAMS.search(text)
    return None if found is None else found[0].lower()


_SCANNERS = Memo(_scanner_in)


def scanner_of(request: Request, is_user: Callable[[str], bool]) -> str | None:
    """Return how a stranger's request shows that a scanner has sent it, or None.

    Args:
        request: What has come.
        is_user: Says whether somebody of ours has a name.
    """
    headers = request.headers
    index = headers.index()
    for name in _NAMES:
        if name in index and (found := program_of_scanner(value_of(index[name]))):
            return found
    try:
        sender, asked = request.from_uri, request.request_uri
    except ParseError:
        return None
    if sender.host in _NOWHERE:
        return f"From {sender.host}"
    if asked.user == _FIRST and not is_user(_FIRST):
        return f"sip:{_FIRST}@"
    return None
