"""What the answer to a REGISTER says: for how long, by which way, when to ask again, and why not (RFC 3261 §10.2)."""

from __future__ import annotations

from sipwright.sip import NameAddr, ParseError, Response, Uri, expires_of, uris_match
from sipwright.sip.grammar import listed, parse_seconds
from sipwright.sip.headers.contact import readable_contacts

from .timing import LONGEST

__all__ = ["UNANSWERED", "granted_expiry", "left_over", "read_service_route", "retry_seconds", "why_refused"]

UNANSWERED = ("No Answer", "Cannot Be Reached")
"""Why an attempt has found nobody, as the registration says it."""

_LONGEST_ROUTE = 2048

_MOST_LEFT = 4
"""Contacts that are taken back at once: nodes do not die so often."""


def granted_expiry(response: Response, contact: str, asked: int) -> int:
    """Return for how long a 200 says that our contact is bound (RFC 3261 §10.2.4).

    The registrar lists all contacts of the address-of-record. One behind a session border controller may write our
    address differently, so a contact that only has our user part will do; then the Expires header, then the only
    contact, which may be ours without even that; then what was asked. To be early costs a request, to be late calls.
    """
    contacts = readable_contacts(response.headers.get_all("Contact"))
    own = NameAddr.parse(contact).uri
    granted = _shortest(contacts, own)
    if granted is None:
        granted = response.expires
    if granted is None and len(contacts) == 1:
        granted = expires_of(contacts[0]) or None
    return min(asked if granted is None else granted, LONGEST)


def left_over(response: Response, contact: str) -> tuple[str, ...]:
    """Return the contacts that a 200 lists beside ours although they are ours, of before.

    A node that dies between an answer and its commit leaves one of which nobody here knows. All of them have the same
    user part, which nobody else has. What a session border controller has made of ours looks like one: so these count
    only where ours is listed as it was written, too.
    """
    contacts = readable_contacts(response.headers.get_all("Contact"))
    own = NameAddr.parse(contact).uri
    if not own.user or not any(uris_match(one.uri, own) for one in contacts):
        return ()
    ours = [one for one in contacts if one.uri.user == own.user and not uris_match(one.uri, own)]
    return tuple(f"<{one.uri}>" for one in ours if expires_of(one) != 0)[:_MOST_LEFT]


def read_service_route(response: Response) -> list[NameAddr]:
    """Return the proxies that a 200 names for our requests, next hop first (RFC 3608 §5); none if they make no route.

    Each has to route loosely: in front of anything else a Request-URI would be lost.
    """
    lines = response.headers.get_all("Service-Route")
    if sum(map(len, lines)) > _LONGEST_ROUTE:
        return []
    try:
        route = [NameAddr.parse(text, "Service-Route") for text in listed(lines)]
    except ParseError:
        return []
    return route if all(hop.uri.is_sip and "lr" in hop.uri.params for hop in route) else []


def _shortest(contacts: list[NameAddr], own: Uri) -> int | None:
    """Return how long our contact is bound, or the one of those that are written differently which ends first."""
    same = [contact for contact in contacts if uris_match(contact.uri, own)]
    alike = same[:1] or [contact for contact in contacts if contact.uri.user == own.user]
    return min((expires for contact in alike if (expires := expires_of(contact)) is not None), default=None)


def retry_seconds(response: Response) -> int | None:
    """Return after how many seconds we are asked to come again (RFC 3261 §20.33)."""
    return parse_seconds(
        (response.headers.get("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
    )


def why_refused(response: Response, trouble: str | None, stranger: str | None, *, was_signed: bool) -> str:
    """Return in a few words why a registration was not accepted.

    `trouble` is why there is no connection, if more is known than that; `stranger` the host of a registrar that we were
    sent to and that is not the provider's.
    """
    is_challenge = response.status in (401, 407)
    if is_challenge and stranger is not None:
        return f"Redirected To {stranger}, Which Is Not The Provider's: No Password Is Sent There"
    if 300 <= response.status < 400:
        return f"{response.reason}: Nowhere To Go"
    if response.local:
        return trouble or UNANSWERED[0 if response.status == 408 else 1]
    return "Challenge Cannot Be Answered" if is_challenge and not was_signed else response.reason
