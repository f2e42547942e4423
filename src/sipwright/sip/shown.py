"""Text of strangers that a phone shows: without what would do something to its screen.

A quoted string may have any character behind a backslash (RFC 3261 §25.1, RFC 4475 §3.1.1.2), so that is legal, and a
display name, a Subject or a reason phrase may be full of it.
"""

from __future__ import annotations

import re

__all__ = ["shown", "shown_line"]

_UNSHOWN = "\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Control characters, and those that turn the direction of what follows."""

_CHARACTERS = re.compile(f"[{_UNSHOWN}]")
_IN_A_LINE = re.compile(rf"(\\[^{_UNSHOWN}])|\\?[{_UNSHOWN}]")


def shown(text: str) -> str:
    """Return a text without such characters."""
    return text if text.isprintable() else _CHARACTERS.sub("", text)


def shown_line(line: str) -> str:
    """Return a line of a header without them, and without the backslash before each; a tab becomes a blank."""
    if line.isprintable():
        return line
    return _IN_A_LINE.sub(lambda match: match[1] or "", line.replace("\t", " "))
