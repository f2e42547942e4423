"""Direct media: which address the other end is told to send its audio and video to.

The switch never relays media. What it may do is replace a private address in an SDP, which the far end could
never reach, by the address that the message really came from.
"""

from sipwright.sdp import is_private, rewrite_body
from sipwright.sip import Message

__all__ = ["rewrite"]


def rewrite(
    message: Message, source: str, destination: str, public_address: str | None
) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the body that the end at `destination` is to get, and the (old, new) addresses replaced.

    Nothing changes when both ends sit behind the same NAT (the same source address). A phone in the switch's
    own private network that talks to the outside is given `public_address`.
    """
    body = message.body
    if not body or source == destination:
        return body, []
    content_type = message.headers.get("content-type")
    if content_type is None:
        return body, []
    takeover = source
    if public_address is not None and is_private(source) and not is_private(destination):
        takeover = public_address
    return rewrite_body(content_type, body, takeover)
