"""Direct media: which address the other end is told to send its audio and video to.

The switch never relays media. What it may do is replace a private address in an SDP, which the far end could
never reach, by the address that the message really came from.
"""

from collections.abc import Callable

from sipwright.sdp import is_private, is_sdp, refuse_streams, rewrite_body
from sipwright.sdp.rendezvous import has_tokens, place_sockets
from sipwright.sip import Message

__all__ = ["SeenAt", "nowhere", "refuse_offer", "rewrite"]

SDP = "application/sdp"


def refuse_offer(message: Message) -> tuple[bytes, str | None]:
    """Return an answer that takes nothing of what a message offers, and its type; nothing where it offers nothing."""
    is_offer = message.body and is_sdp(message.headers.get("content-type"))
    return (refuse_streams(message.body), SDP) if is_offer else (b"", None)


SeenAt = Callable[[str, str], tuple[str, int] | None]
"""Returns the media socket that has named a token, if it is at a host (docs/rendezvous.md)."""


def nowhere(token: str, host: str) -> None:
    """Know of no socket."""


def rewrite(
    message: Message, source: str, destination: str, public_address: str | None, seen_at: SeenAt = nowhere
) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the body that the end at `destination` is to get, and the (old, new) addresses replaced.

    Nothing changes when both ends sit behind the same NAT (the same source address). A phone in the switch's
    own private network that talks to the outside is given `public_address`. A media socket that has shown itself, and
    is named, is where it was seen.
    """
    body = message.body
    if not body or source == destination:
        return body, []
    content_type = message.headers.get("content-type")
    if content_type is None:
        return body, []
    if has_tokens(body):
        body = place_sockets(body, lambda token: seen_at(token, source))
    takeover = source
    if public_address is not None and is_private(source) and not is_private(destination):
        takeover = public_address
    return rewrite_body(content_type, body, takeover)
