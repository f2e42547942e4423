"""The table of live transactions, and whose a message is (RFC 3261 §17.1.3, §17.2.3, §9.2, §8.2.2.2).

Below the table stand the keys that it is asked by, read from messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sipwright.sip.build import Written
from sipwright.sip.echo import is_echo
from sipwright.sip.grammar import TOKEN
from sipwright.sip.headers.cseq import CSeq
from sipwright.sip.message import Request, Response
from sipwright.sip.parser import parse
from sipwright.sip.transaction.base import ACCEPTED, COMPLETED, CONFIRMED, PROCEEDING, Transaction
from sipwright.sip.transaction.sides import ClientTransaction, ServerTransaction

__all__ = [
    "LENGTH_OF_KEY",
    "Key",
    "is_answer",
    "merge_key",
    "merge_key_of",
    "own_branch",
    "rfc_2543_key",
    "server_key",
]

Key = tuple[Any, ...]
LENGTH_OF_KEY = 4
"""How many parts a key has; one of RFC 2543 has more."""

_COOKIE = "z9hG4bK"
_OWN_VIA = re.compile(rf"Via: SIP/2\.0/[A-Z]+ [^ \t;,]+;branch=({TOKEN});rport").fullmatch

# What a CANCEL may be about, likeliest first; an ACK and a CANCEL cannot be cancelled (§9.2).
_CANCELLABLE = ("INVITE", "REGISTER", "SUBSCRIBE", "MESSAGE", "OPTIONS", "PUBLISH", "REFER", "NOTIFY", "INFO")


class TransactionTable:
    """The transactions of one stack, by what their messages are known by."""

    def __init__(self) -> None:
        self._clients: dict[Key, ClientTransaction] = {}
        self._servers: dict[Key, ServerTransaction] = {}
        self._merge_keys: dict[int, ServerTransaction] = {}

    def is_merged(self, request: Request) -> bool:
        """Return whether a request without To tag is a copy of one that came by another path (§8.2.2.2)."""
        if request.to_tag is not None or request.method == "CANCEL":
            return False
        found = self._merge_keys.get(merge_key(request))
        return found is not None and not _is_refused(found)

    def stand_for_copies(self, tx: ServerTransaction, shared: int) -> None:
        """Let a request stand for its copies, which are merged with it for as long as it is open."""
        tx.merge_key = shared
        first = self._merge_keys.get(shared)
        # The first one stands for all: the later ones are only the 482s that its copies got.
        if first is None or _is_refused(first):
            self._merge_keys[shared] = tx

    def has_server(self, key: Key) -> bool:
        """Return whether there is a live server transaction with that key."""
        return key in self._servers

    def find_server(self, request: Request) -> ServerTransaction | None:
        """Return the server transaction of a request."""
        return self._servers.get(server_key(request, request.method))

    def find_client(self, branch: str, method: str) -> ClientTransaction | None:
        """Return the live client transaction with that branch, if it is still open."""
        return self._clients.get((branch, method))

    def is_new(self, key: Key, merged: int) -> bool:
        """Return whether neither a request with that key nor a copy of it by another path has a transaction."""
        return key not in self._servers and merged not in self._merge_keys

    def unanswered(self) -> list[ClientTransaction]:
        """Return the INVITEs that nothing has come back to yet, or nothing but a 100."""
        return [tx for tx in self._clients.values() if tx.is_unanswered]

    def told(self) -> list[ServerTransaction]:
        """Return the INVITEs whose callers were told something, but not how it ends."""
        open_ones = (tx for tx in self._servers.values() if tx.method == "INVITE" and tx.state is PROCEEDING)
        return [tx for tx in open_ones if tx.last_response is not None]

    def forget(self, tx: Transaction) -> None:
        """Let go of a transaction that is over."""
        if isinstance(tx, ServerTransaction):
            self._servers.pop(tx.key, None)
            if tx.merge_key is not None and self._merge_keys.get(tx.merge_key) is tx:
                del self._merge_keys[tx.merge_key]
        elif (
            self._clients.get(tx.key) is tx
        ):  # else its request has been sent by another way since, as it was
            del self._clients[tx.key]
        tx.release()

    # ---- ACK and CANCEL, the two requests that belong to another's transaction

    def _acknowledged_by(self, ack: Request) -> ServerTransaction | None:
        """Find the INVITE whose final response this acknowledges; none if that was a 2xx (RFC 6026 §7.1)."""
        key = server_key(ack, "INVITE")
        tx = self._servers.get(key)
        if tx is None and len(key) > LENGTH_OF_KEY:
            # The To tag is part of an RFC 2543 key, and that of an INVITE outside of a dialog is empty.
            tx = self._servers.get(rfc_2543_key(ack, "INVITE", None))
            if tx is not None and local_tag_of(tx) != ack.to_tag:
                return None
        return None if tx is None or tx.state == ACCEPTED else tx

    def _cancelled_by(self, cancel: Request) -> ServerTransaction | None:
        """Find what a CANCEL is about (§9.2)."""
        for method in _CANCELLABLE:
            tx = self._servers.get(server_key(cancel, method))
            if tx is not None:
                return tx
        # A client that has heard its address since may call itself otherwise (RFC 3581 §4); all else has to agree.
        invite = CSeq(cancel.cseq.number, "INVITE")
        found = self._merge_keys.get(merge_key_of(cancel, invite))
        return None if found is None or found.key[0] != cancel.top_via.branch else found


def _is_refused(tx: ServerTransaction) -> bool:
    """Return whether an INVITE is over: a proxy that goes on elsewhere sends no copy of it."""
    return tx.method == "INVITE" and tx.state in (COMPLETED, CONFIRMED)


def local_tag_of(tx: ServerTransaction) -> str | None:
    """Learn the To tag that a request was answered with; no response but the last is kept."""
    if tx.local_tag is None and tx.last_response is not None:
        tx.local_tag = parse(tx.last_response).to_tag
    return tx.local_tag


def own_branch(request: Request | Written) -> str | None:
    """Read the branch of a request that is to be sent, whose Via we wrote: no more of it is needed."""
    if isinstance(request, Written):
        return request.branch
    branch: str | None = request.headers.parsed.get("branch")
    if branch is not None:
        return branch
    line = request.headers.first_line("via")
    if line is None or "top_via" in request.headers.parsed or not (usual := _OWN_VIA(line)):
        return request.top_via.branch
    return usual[1]


def is_answer(response: Response, wire: bytes, is_own: Callable[[str, int | None], bool]) -> bool:
    """Return whether a response with the branch of a request answers it, and came back by the Via sent with it.

    Call-ID, CSeq and From are to be those of the request (§8.2.6.2): a branch alone names no dialog (§12.2.1.2). With
    another sent-by it is of somebody else (§18.1.2), and with more Vias it is meant for another hop (§8.1.3.3). A
    request that has fallen back to UDP has left with the other of our addresses, for which `is_own` stands.
    """
    if is_echo(bytes(response), wire):
        return True
    sent = parse(wire)
    if not _names_the_same(response, sent):
        return False
    via = response.top_via
    if len(response.vias) > len(sent.vias):
        return False
    ours = sent.top_via
    return (via.host, via.port) == (ours.host, ours.port) or is_own(via.host, via.port)


def _names_the_same(response: Response, sent: Request | Response) -> bool:
    return (response.call_id, response.cseq, response.from_tag) == (sent.call_id, sent.cseq, sent.from_tag)


def server_key(message: Request | Response, method: str) -> Key:
    """Give what a request of that method is matched by (§17.2.3), from it or from a response to it.

    Branches are compared byte for byte: nobody is known to change their case on the way.
    """
    via = message.top_via
    branch = via.branch
    # A branch that is nothing but the cookie is unique to nobody.
    if branch is not None and branch.startswith(_COOKIE) and branch != _COOKIE:
        return (branch, via.host, via.port, method)
    return rfc_2543_key(message, method, message.to_tag)


def rfc_2543_key(message: Request | Response, method: str, to_tag: str | None) -> Key:
    """Give what stands for a branch with peers of RFC 2543, which make none that is unique (§17.2.3)."""
    via = message.top_via
    hop = (via.branch, via.host, via.port)
    # A response does not say where the request went; what it answers is then not recognized when it is repeated.
    uri_text = message.uri_text if isinstance(message, Request) else None
    return (hop, method, uri_text, to_tag, message.from_tag, message.call_id, message.cseq.number)


def merge_key(request: Request) -> int:
    """Give what copies of a request have in common: a hash, as each transaction keeps one and 64 bits do."""
    # Asked for twice on the way in, so it is kept with the other things that were read from the headers.
    key = request.headers.parsed["merge_key"] = merge_key_of(request, request.cseq)
    return key


def merge_key_of(request: Request, cseq: CSeq) -> int:
    """Give that of the request with this CSeq which `request` is, or cancels.

    §8.2.2.2 speaks of one UAS, and here are many: a proxy that forks to two of our users sends no copies. Only whose
    bindings are to change says no more than the To, which all copies have.
    """
    if request.method == "REGISTER":
        return hash((request.from_tag, request.call_id, cseq))
    return hash((request.from_tag, request.call_id, cseq, request.uri_text.partition("@")[0]))
