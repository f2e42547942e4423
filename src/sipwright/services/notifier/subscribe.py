"""Reading a SUBSCRIBE: which event it is about, for how long, and whether its sender can read what it is told."""

from __future__ import annotations

from collections.abc import Mapping

from sipwright.sip import Reject, Request
from sipwright.sip.headers.event import parse_event

from .ports import Package

__all__ = ["LONGEST", "SHORTEST", "event_of", "lifetime", "package_of", "refuse_unreadable"]

USUAL = 3600
"""Seconds for which a subscription lasts that asks for nothing else (RFC 4235 §3.4, RFC 3856 §6.4)."""

LONGEST = 3600
SHORTEST = 60
"""Seconds that a subscription may last: what is longer is cut, what is shorter is answered 423."""


def event_of(request: Request) -> tuple[str, str]:
    """Return the event and its id, which may be empty; both are empty where it cannot be read (RFC 6665 §8.2.1)."""
    return parse_event(request.headers.get_all("event"))


def package_of(packages: Mapping[str, Package], request: Request) -> Package:
    """Return the event package that a request is about.

    Raises:
        Reject: There is none: 489, with those that there are (RFC 6665 §4.2.1.1, §8.2.2).
    """
    event, _ = event_of(request)
    package = packages.get(event)
    if package is None:
        why = f"nobody here tells of {event or 'an event without a name'}; the phone has to ask for another"
        raise Reject(489, headers=(("Allow-Events", allow_events(packages)),), why=why)
    return package


def allow_events(packages: Mapping[str, Package]) -> str:
    """Return the events that there are, with that of REFERs."""
    return ", ".join([*packages, "refer"])


def lifetime(request: Request, shortest: int = SHORTEST) -> int:
    """Return for how many seconds a subscription is to last; 0 is for once.

    Raises:
        Reject: That is too short: 423 (RFC 6665 §4.2.1.1).
    """
    asked = request.expires
    if asked is None:
        return USUAL
    if 0 < asked < shortest:
        raise Reject(423, headers=(("Min-Expires", str(shortest)),))
    return min(asked, LONGEST)


_OF_LISTS = frozenset({"multipart/related", "multipart/*", "application/rlmi+xml"})


def refuse_unreadable(request: Request, package: Package, *, is_list: bool = False) -> None:
    """Refuse a subscriber that cannot read the documents of a package (RFC 6665 §4.1.2.1, RFC 3261 §20.1).

    Some phones that support lists accept what those are made of, and do not name what is in them.

    Raises:
        Reject: It cannot: 406, with what there is.
    """
    if "accept" not in request.headers.index():
        return
    kind = package.content_type.partition("/")[0]
    readable = {package.content_type, f"{kind}/*", "*/*"}
    said = [value.partition(";")[0].strip().lower() for value in request.headers.get_list("accept")]
    if not (readable | _OF_LISTS if is_list else readable).intersection(said):
        raise Reject(406, headers=(("Accept", package.content_type),))
