"""What another node has handed on, as its phone has said it there: without the Via of the other edge.

An INVITE, its CANCEL and the ACK to its refusal may have come by different nodes, so what is below that Via says whose
they are. The Via names the flow that the phone has spoken by, with a token, and whatever it is told goes back there.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sipwright.services.edge.ports import BACK, BRANCH
from sipwright.sip import Request
from sipwright.stack import Stack
from sipwright.transport.flow import Flow
from sipwright.transport.flow_token import FlowTokens

__all__ = ["HandedOn", "known_by", "without_edges"]

_OF_EDGE = re.compile(
    rb"(?i)(?:via|v)[ \t]*:[^\r\n,]*;branch=" + BRANCH.encode() + rb"[^\r\n,]*\r\n(?=(?:via|v)[ \t]*:)"
)


class HandedOn:
    """Reads it."""

    def __init__(self, stack: Stack, tokens: FlowTokens, flow_at: Callable[[str], Flow | None]) -> None:
        """Get ready; `flow_at` gives the flow of a phone at another node, though that may be gone."""
        self._stack = stack
        self._tokens = tokens
        self._flow_at = flow_at

    def read(self, request: Request) -> tuple[Request, Flow] | None:
        """Return the request as it was said, and the flow that it was said by; None if no node has handed it on."""
        top = request.top_via
        if not (top.branch or "").startswith(BRANCH):
            return None
        said, vias = self._tokens.read(top.params.get(BACK) or ""), request.headers.get_list("Via")[1:]
        flow = None if said is None else self._flow_at(f"{said.node}!{said.flow_key}")
        if flow is None or not vias:
            return None
        headers = [each for each in request.headers.items() if each[0].lower() not in ("via", "v")]
        headers = [*(("Via", via) for via in vias), *headers]
        return Request(request.method, request.uri_text, headers, request.body), flow

    def is_known(self, request: Request) -> bool:
        """Let the transaction that it belongs to have it; False when there is none here."""
        plain = self.read(request)
        return plain is not None and self._stack.layer.match_request(plain[0], self._stack.clock(), plain[1])


def known_by(request: Request) -> str:
    """Return what a request, its repetitions, its CANCEL and the ACK to its refusal have in common."""
    top = request.top_via
    return f"{top.branch}|{top.sent_by}|{request.call_id}|{request.cseq.number}"


def without_edges(headers: bytes) -> bytes:
    """Return the header lines of a response without the Vias of edges that are on top, above that of the phone."""
    while (found := _OF_EDGE.match(headers)) is not None:
        headers = headers[found.end() :]
    return headers
