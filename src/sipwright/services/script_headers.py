"""Headers that scripts may add to messages, in a dial string or as arguments of their functions."""

from __future__ import annotations

import re

__all__ = ["MAX_HEADERS", "header", "one_line"]

MAX_HEADERS = 32
"""Headers of one message that a script may set."""

_FORBIDDEN_HEADERS = frozenset(
    {
        "via", "from", "to", "contact", "cseq", "call-id", "max-forwards", "content-length", "content-type", "route",
        "record-route", "require", "authorization", "proxy-authorization", "proxy-authenticate", "www-authenticate",
        "v", "f", "t", "m", "i", "l", "c",
    }
)  # fmt: skip
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,64}")
_ONE_LINE = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff]+")


def header(name: str, value: str, *, contact: bool = False) -> tuple[str, str]:
    """Take one header for a SIP message; only a redirect may have a `contact`.

    Raises:
        ValueError: It is not one, or the switch writes it itself.
    """
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name[:40]!r} is not the name of a header")
    if name.lower() in _FORBIDDEN_HEADERS and not (contact and name.lower() == "contact"):
        raise ValueError(f"the header {name} is written by the switch")
    return name, one_line(value, 1000)


def one_line(value: str, most: int) -> str:
    """Make text fit for a header or a log line."""
    value = _ONE_LINE.sub(" ", value[: 4 * most]).strip()
    return value if len(value) <= most else value[: most - 3] + "..."
