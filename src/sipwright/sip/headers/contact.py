"""Contact: addresses with a preference and a lifetime, or the star (RFC 3261 §20.10, §10.2).

Both numbers may stand in quotes, as RFC 2543 wrote them.
"""

from __future__ import annotations

from collections.abc import Sequence

from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import listed, parse_seconds
from sipwright.sip.headers.name_addr import ADDRESS_LINES, NameAddr
from sipwright.sip.uri import STAR, Uri


def parse_contacts(values: Sequence[str]) -> list[NameAddr]:
    """Read all Contact lines of a message; a star stands alone."""
    if len(values) == 1 and values[0] == "*":
        return [NameAddr(STAR)]
    contacts = NameAddr.parse_list(values, "Contact")
    if values and not contacts:
        raise ParseError("Contact is empty", "Contact")
    return contacts


def parse_sole_contact(lines: Sequence[str]) -> tuple[str, Uri] | None:
    """Read the one Contact line of a message, if it has nothing but a URI in angle brackets: its text and the URI."""
    if len(lines) == 1 and (usual := ADDRESS_LINES[lines[0]]):
        text, uri_text, tag = usual
        if tag is None and text[0] == "<":
            try:
                return text, Uri.parse(uri_text)
            except ParseError:
                pass
    return None


def readable_contacts(lines: Sequence[str], schemes: Sequence[str] = ("sip", "sips")) -> list[NameAddr]:
    """Read the Contacts of a response that lists several: what has another scheme, or cannot be read, names nobody."""
    contacts: list[NameAddr] = []
    for text in listed(lines):
        try:
            contacts.append(NameAddr.parse(text, "Contact"))
        except ParseError:
            continue
    return [contact for contact in contacts if contact.uri.scheme in schemes]


def expires_of(contact: NameAddr) -> int | None:
    """Give the `expires` parameter; None when absent or malformed, so that the default holds (§10.2.1.1)."""
    return parse_seconds(contact.param("expires"))


def q_of(contact: NameAddr) -> float:
    """Give the preference from 0.0 to 1.0; an absent or malformed one counts as 1.0."""
    try:
        q = float(contact.param("q") or 1.0)
    except ValueError:
        return 1.0
    return q if 0.0 <= q <= 1.0 else 1.0
