"""Who is calling, as providers write it: in which headers, and with how much of the number.

Each provider has its own way. The names here are those of its settings; what is done with them is in the switch.
"""

from __future__ import annotations

import re

__all__ = ["CALLER_HEADERS", "IDENTITY", "NUMBER_FORMATS", "formatted", "is_number"]

CALLER_HEADERS = ("from", "pai", "ppi", "rpid", "diversion", "history-info")
"""From, P-Asserted- and P-Preferred-Identity (RFC 3325), Remote-Party-ID, Diversion (RFC 5806), History-Info."""

NUMBER_FORMATS = ("as-is", "plus", "digits")
"""A number as it is written, in E.164 with a plus, or without one."""

IDENTITY = ("drop", "pass")
"""Whether what a provider says of a caller's identity is believed, and its Identity (RFC 8224) passed on."""

_SEPARATORS = re.compile(r"[-.() ]+")
_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_SHORTEST = 8
"""Digits that a number has at least with its country code."""


def is_number(user: str) -> bool:
    """Return whether a name is a number that others than our own phones could call."""
    plain = _SEPARATORS.sub("", user)
    return _NUMBER.fullmatch(plain) is not None and len(plain) >= _SHORTEST


def formatted(number: str, how: str | None) -> str:
    """Write a number in one of the formats; what is no number with its country code stays as it is.

    One that begins with a single zero is national, and which country that is nobody has said.
    """
    if how not in ("plus", "digits"):
        return number
    plain = _SEPARATORS.sub("", number)
    if _NUMBER.fullmatch(plain) is None:
        return number
    digits = plain[1:] if plain[0] == "+" else plain.removeprefix("00")
    is_whole = digits != plain or (plain[0] != "0" and len(plain) >= _SHORTEST)
    if not is_whole:
        return number
    return f"+{digits}" if how == "plus" else digits
