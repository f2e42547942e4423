"""What transactions are matched by: their keys (RFC 3261 §17.1.3, §17.2.3, §8.2.2.2), read from messages."""

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
