"""Reliable provisional responses: who sends them, and what acknowledges them (RFC 3262)."""

from __future__ import annotations

from typing import NamedTuple

from sipwright.sip.grammar import parse_seconds
from sipwright.sip.message import Request, Response

__all__ = ["OPTION", "RAck", "is_reliable", "read_rack", "requires_reliable", "takes_reliable"]

OPTION = "100rel"


class RAck(NamedTuple):
    """What a PRACK acknowledges (§7.2): the RSeq of a response, and what that was to."""

    rseq: int
    cseq: int
    method: str

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


def read_rack(request: Request) -> RAck | None:
    """Read RAck; None where there is none that makes sense."""
    parts = (request.headers.get("rack") or "").split()
    if len(parts) != 3:
        return None
    rseq, cseq = parse_seconds(parts[0]), parse_seconds(parts[1])
    return None if rseq is None or cseq is None else RAck(rseq, cseq, parts[2])


def is_reliable(response: Response) -> int:
    """Return the RSeq of a response that is to be acknowledged; 0 for any other (§4)."""
    headers = response.headers
    if not 100 < response.status < 200 or "rseq" not in headers.index():
        return 0
    rseq = parse_seconds(headers.get("rseq"))
    return (rseq or 0) if _lists(headers.get_list("require")) else 0


def requires_reliable(invite: Request) -> bool:
    """Return whether every response to an INVITE but a 100 has to be reliable (§3)."""
    return "require" in invite.headers.index() and _lists(invite.headers.get_list("require"))


def takes_reliable(invite: Request) -> bool:
    """Return whether a response to an INVITE may be reliable (§3)."""
    return requires_reliable(invite) or _lists(invite.headers.get_list("supported"))


def _lists(tags: list[str]) -> bool:
    return any(tag.lower() == OPTION for tag in tags)
