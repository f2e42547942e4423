"""What is said to requests that no service takes: to pings, and to methods that nobody knows."""

from __future__ import annotations

from sipwright.services.switch import Switch
from sipwright.sip.errors import Reject
from sipwright.stack import Incoming

__all__ = ["answer_options", "refuse_method"]

ALLOW = f"{Switch.allow}, PUBLISH"
"""All methods that somebody here takes."""


def answer_options(incoming: Incoming, told: str = Switch.told) -> bool:
    """Answer the OPTIONS pings that phones and trunks use as keep-alives, with the extensions that we do (§11.2)."""
    if incoming.request.method != "OPTIONS":
        return False
    incoming.reply_statelessly(
        200,
        headers=(
            ("Allow", ALLOW),
            ("Accept", "application/sdp"),
            ("Supported", f"path, eventlist, {told}"),
        ),
    )
    return True


def refuse_method(incoming: Incoming) -> bool:
    """Answer 405 to what nobody takes (RFC 3261 §8.2.1).

    Raises:
        Reject: 405, always but for an ACK.
    """
    if incoming.request.method != "ACK":
        raise Reject(405, None, (("Allow", ALLOW),))
    return True
