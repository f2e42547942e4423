"""What the switch itself says of who calls: P-Asserted-Identity, where it knows that (RFC 3325 §5)."""

from __future__ import annotations

from collections.abc import Iterable

from sipwright.sip import Request

from .header_table import Party
from .relayed import is_private

__all__ = ["asserted", "vouch"]

_CLAIMS = ("p-asserted-identity", "p-preferred-identity", "remote-party-id")


def vouch(request: Request, aor: str, *, is_anonymous: bool) -> None:
    """Put what we know in the place of what a phone that has authenticated says of itself.

    Only where the phone gives a reason: it prefers an identity, or hides the one in its From.
    """
    headers = request.headers
    index = headers.index()
    is_wanted = is_anonymous or "p-preferred-identity" in index or "privacy" in index
    for name in _CLAIMS:
        if name in index:
            headers.remove(name)
    if is_wanted:
        headers.add("P-Asserted-Identity", f"<{aor}>")
    if is_anonymous and "privacy" not in index:
        headers.add("Privacy", "id")  # or a provider would show what we assert (RFC 3325 §9.3)


def asserted(
    request: Request, receiver: Party, from_: str, *, is_shown_otherwise: bool
) -> Iterable[tuple[str, str]]:
    """Return the header that vouches for a phone towards `receiver`.

    A provider knows the caller by the From that it is sent, where that `is_shown_otherwise` than by the phone's name.
    """
    known = request.headers.get("p-asserted-identity")
    if known is None or receiver is Party.OUTSIDER or (receiver is Party.PHONE and is_private(request)):
        return ()
    if receiver is Party.TRUNK and is_shown_otherwise:
        known = from_[from_.rindex("<") :]
    return (("P-Asserted-Identity", known),)
