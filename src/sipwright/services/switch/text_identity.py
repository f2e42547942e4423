"""What a phone knows a text by, which is the same whoever gives it the text, and however often.

A node may die when a phone has a text already, but before its sender has heard so. The sender says it again (RFC 3261
§17.1.2.2), and that comes to the next process, or to another node, which knows nothing of the first time. What it gives
to the phone has the Call-ID, the From tag and the CSeq that it has had before, so the phone shows it once: over the
same way it is a retransmission, as its branch is the same, too (§17.2.3), over another one a merged request
(§8.2.2.2). Nothing is stored for that: all is derived from the request of the sender, with a secret that all nodes
share.
"""

from __future__ import annotations

from hashlib import blake2b
from secrets import token_bytes
from typing import NamedTuple

from sipwright.sip import Request
from sipwright.stack.receiver import BRANCH_COOKIE

from .model.destination import Destination

__all__ = ["TextIdentities", "TextIdentity"]

_SIZE = 10
"""Bytes of each part: as unguessable as a token."""


class TextIdentity(NamedTuple):
    """What tells a text from all others at one phone; its CSeq number is always 1.

    The branch is None where each request needs another one.
    """

    call_id: str
    from_tag: str
    branch: str | None


class TextIdentities:
    """Gives each text, at each phone, the identity that it has at every node with the same secret."""

    __slots__ = ("_gives_branches", "_key")

    def __init__(self, secret: bytes | None = None, *, gives_branches: bool = True) -> None:
        """Get ready.

        Args:
            secret: What nobody outside knows, so that nobody can make a text that is taken for another one; without one
                it is of this process alone.
            gives_branches: Whether a branch may be any. Where the kernel brings responses to the worker whose mark
                is in the branch (`transport/steering.py`), it may not.
        """
        self._key = blake2b(secret or token_bytes(32), person=b"texts", digest_size=32).digest()
        self._gives_branches = gives_branches

    def of(self, request: Request, cseq: int, phone: Destination) -> TextIdentity:
        """Return the identity of a text at one phone.

        Args:
            request: The MESSAGE of the sender.
            cseq: The number under which the sender has said it first, perhaps without an answer to a challenge.
            phone: Where it goes; its instance, if it has one, stays when its Contact does not (RFC 5626 §4.1).
        """
        said = (str(request.from_uri), request.call_id, request.from_tag or "", str(cseq))
        to = (str(phone.account_id), phone.instance or phone.uri)
        digest = self._digest(*said, *to)
        if not self._gives_branches:
            return TextIdentity(digest[:20], digest[20:], None)
        # A copy that an upstream proxy has forked off is another transaction, though it is the same text.
        via = request.top_via
        branch = self._digest(digest, via.branch or "", via.sent_by)[:20]
        return TextIdentity(digest[:20], digest[20:], BRANCH_COOKIE + branch)

    def _digest(self, *parts: str) -> str:
        # No part can have a line break in it, so none runs into the next one.
        text = "\n".join(parts).encode("utf-8", "surrogateescape")
        return blake2b(text, key=self._key, digest_size=2 * _SIZE).hexdigest()
