"""CANCELs of an INVITE that another node has (RFC 3261 §9.2, §16.10).

A CANCEL names its INVITE by the branch, which the phone has made, so nothing in it says where that is. A phone that has
lost its connection, or its node, says it to another one. That asks all others, as a proxy does that knows nothing of
the request: whoever has it answers, and once all have said that they do not, the phone hears 481. A node that says
nothing is asked again; when it is lost, whoever goes on with its calls is asked as well. One that has just started may
have the INVITE before the others have heard of it, so nobody says 481 before the next beat was heard.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sipwright.services.edge.ports import Peers
from sipwright.services.edge.repeats import PATIENCE, Repeats
from sipwright.sip import Request, Response
from sipwright.sip.headers import Via
from sipwright.stack import Incoming, Stack
from sipwright.transport.flow import Address

__all__ = ["Cancels"]

MOST = 256
"""CANCELs about which others are asked at once; anybody can make them up, and gets 481 at once beyond that."""


class Cancels:
    """Those about which other nodes are asked, with who has said by now that it has nothing to cancel."""

    def __init__(
        self, stack: Stack, peers: Peers, repeats: Repeats, send: Callable[[Incoming, Address], object]
    ) -> None:
        """Get ready; `send` hands a request on to the edge of a node."""
        self._stack = stack
        self._peers = peers
        self._repeats = repeats
        self._send = send
        self._refused: dict[str, set[Address]] = {}
        self._early: set[str] = set()
        """Those that are so new that a node may have started of which nobody has heard."""

    def __len__(self) -> int:
        return len(self._refused)

    def ask(self, incoming: Incoming) -> bool:
        """Ask the others about a CANCEL of nothing that is here; False when there is nobody left to be asked."""
        key = _key(incoming.request, incoming.request.top_via)
        if key not in self._refused:
            if len(self._refused) >= MOST:
                return False
            self._begin(key, incoming)
        left = self._peers.other_edges() - self._refused[key]
        if not left and key not in self._early:
            self._end(key)
            return False
        for edge in left:
            self._send(incoming, edge)
        return True

    def _begin(self, key: str, incoming: Incoming) -> None:
        self._refused[key] = set()
        self._early.add(key)
        self._repeats.begin(key, partial(self._again, key, incoming))
        self._stack.call_later(self._peers.heard_within, partial(self._all_heard, key, incoming))
        self._stack.call_later(PATIENCE, partial(self._end, key))

    def _all_heard(self, key: str, incoming: Incoming) -> None:
        """Look once more, as by now all nodes are known that were there when the CANCEL came."""
        if key in self._early:
            self._early.discard(key)
            self._again(key, incoming)

    def _again(self, key: str, incoming: Incoming) -> None:
        """Look once more whether it is here by now, and else ask who has not answered."""
        if self._stack.layer.find_server(incoming.request) is not None:
            self._end(key)
        else:
            self._stack.intake.take(bytes(incoming.request), incoming.flow)

    def waits_on(self, response: Response, remote: Address) -> bool:
        """Take what a node says to a CANCEL; False when that is for the phone, which hears of one answer."""
        vias = response.headers.get_list("Via")
        if response.cseq.method != "CANCEL" or len(vias) < 2:
            return False
        key = _key(response, Via.parse(vias[1]))
        refused = self._refused.get(key)
        if refused is None:
            return False
        if response.status == 481:
            refused.add(remote)
            if key in self._early or self._peers.other_edges() - refused:
                return True
        self._end(key)
        return False

    def moved(self) -> None:
        """Ask everybody again: another node goes on with the calls of one that is lost."""
        for refused in self._refused.values():
            refused.clear()

    def _end(self, key: str) -> None:
        self._refused.pop(key, None)
        self._early.discard(key)
        self._repeats.answered(key)


def _key(message: Request | Response, via: Via) -> str:
    """Return what a CANCEL and the answer to it have in common."""
    return f"{via.branch}|{via.sent_by}|{message.call_id}|{message.cseq.number}"
