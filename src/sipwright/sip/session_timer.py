"""Session timers: what the two ends of a dialog agree on about refreshes (RFC 4028).

Either of them sends a re-INVITE or an UPDATE now and then, and when none comes any more the other one hangs up. What
stands in the headers, and what follows from it, is here; who is when to do what is the business of the one whose
dialog it is.
"""

from __future__ import annotations

from typing import NamedTuple

from sipwright.sip.grammar import parse_seconds
from sipwright.sip.message import Message, Request, Response

__all__ = [
    "LEAST", "MOST", "MOST_RAISES", "Agreement", "SessionExpires", "accept", "accept_headers", "agreed", "is_too_short",
    "min_se", "session_expires", "supports_timer",
]  # fmt: skip

LEAST = 90
"""No interval may be shorter, in seconds (§5)."""

MOST = 86_400
"""We go along with no Min-SE that is longer."""

MOST_RAISES = 3
"""How often a peer, and all that are on the way to it, may want a longer interval."""

_ROLES = ("uac", "uas")


class SessionExpires(NamedTuple):
    """What the header says: the interval in seconds, and who refreshes: `uac` or `uas`, if that is said."""

    seconds: int
    refresher: str | None


class Agreement(NamedTuple):
    """What a request and its 2xx have agreed on; `refresher` is the end that sent (`uac`) or answered it (`uas`)."""

    interval: int
    refresher: str


def session_expires(message: Message) -> SessionExpires | None:
    """Read Session-Expires (§4); None where it is missing, or no number."""
    value = message.headers.get("session-expires")
    if value is None:
        return None
    text, *params = value.split(";")
    seconds = parse_seconds(text.strip())
    if seconds is None:
        return None
    said = {
        name.strip().lower(): role.strip().lower() for name, _, role in (p.partition("=") for p in params)
    }
    role = said.get("refresher", "")
    return SessionExpires(seconds, role if role in _ROLES else None)


def min_se(message: Message) -> int:
    """Read Min-SE (§5); 0 where it is missing, or no number."""
    value = message.headers.get("min-se")
    return 0 if value is None else parse_seconds(value.partition(";")[0].strip()) or 0


def supports_timer(message: Message) -> bool:
    """Return whether whoever has sent a message knows session timers."""
    headers = message.headers
    return any(tag.lower() == "timer" for name in ("supported", "require") for tag in headers.get_list(name))


def is_too_short(request: Request, least: int) -> bool:
    """Return whether a request is to be answered 422: its sender knows what that means, and wants less (§9)."""
    asked = session_expires(request)
    return asked is not None and asked.seconds < least and supports_timer(request)


def accept(request: Request, wish: int, kept: Agreement | None = None) -> Agreement | None:
    """Return what is agreed by accepting a request (§9, table 2); None where there is to be no timer.

    Args:
        request: The INVITE, re-INVITE or UPDATE.
        wish: The longest interval that we want.
        kept: What is in force, and goes on where the request does not say otherwise.
    """
    asked, lowest, is_able = session_expires(request), max(min_se(request), LEAST), supports_timer(request)
    if asked is None:
        if not is_able:
            return None
        if kept is not None:
            return kept._replace(interval=max(kept.interval, lowest))
        return Agreement(max(wish, lowest), "uac")
    if asked.seconds < lowest:
        return None
    interval = max(min(asked.seconds, wish), lowest)
    if not is_able:  # a proxy on the way wants it
        return Agreement(interval, "uas")
    return Agreement(interval, asked.refresher or (kept.refresher if kept is not None else "uac"))


def accept_headers(request: Request, agreement: Agreement) -> list[tuple[str, str]]:
    """Return the headers of the 2xx that say what was agreed on (§9)."""
    headers = [("Session-Expires", f"{agreement.interval};refresher={agreement.refresher}")]
    return [*headers, ("Require", "timer")] if supports_timer(request) else headers


def agreed(response: Response) -> Agreement | None:
    """Return what the 2xx to a request of ours has agreed on (§7.2); None where there is no timer.

    An interval below the least there may be would have us refresh without end (§11.1).
    """
    said = session_expires(response)
    return None if said is None else Agreement(max(said.seconds, LEAST), said.refresher or "uac")
