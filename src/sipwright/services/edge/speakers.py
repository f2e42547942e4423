"""Which node speaks in a dialog, where the next beat has yet to tell this one that a node has gone on with it.

Whoever goes on with the calls of a lost node speaks in them at once, by the edges of others too. What a phone answers
there would go to the lost node for up to a beat, as its tag names that.
"""

from __future__ import annotations

from sipwright.memo import Bounded
from sipwright.services.edge.ports import Peers
from sipwright.sip import Request, Response
from sipwright.transport.flow import Address

__all__ = ["Speakers"]


class Speakers:
    """Knows where the answers to what nodes send to phones go."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._ahead: Bounded[str, tuple[str, Address]] = Bounded()
        """By the tag of a node: which one has its dialog as far as was told, and from where another one has spoken."""

    def heard(self, request: Request, source: Address) -> None:
        """Take note of a node from which a request to a phone has come.

        One whose Via names another node is an older request, or was passed on: that says nothing of who has the dialog.
        Neither does what a node has said before another one took over from it, and what was held here meanwhile.
        """
        peers, tag, via = self._peers, request.from_tag, request.top_via
        owner = None if tag is None else peers.owner_of(tag)
        if tag is None or owner is None or owner == peers.name or peers.moved(source) is not None:
            return
        if peers.edge_of(owner) != source and (via.host, via.port or 5060) == source:
            self._ahead.keep(tag, (owner, source))

    def edge_for(self, response: Response, source: Address) -> Address | None:
        """Return the edge of the node that waits for a response, if that is not where the request has come from."""
        peers, tag = self._peers, response.from_tag
        if not peers.is_peer(source):
            return None
        owner = None if tag is None else peers.owner_of(tag)
        if tag is None or owner is None or self._ahead.get(tag) == (owner, source):
            return peers.moved(source)
        return peers.edge_of(owner)
