"""One dialog as a phone has it: who is at its other end, what was said, and whether it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .wire import Heard, tag_of, uri_in

__all__ = ["CALLING", "LOST", "OVER", "RINGING", "TALKING", "Talk"]

CALLING, RINGING, TALKING, OVER = "calling", "ringing", "talking", "over"
LOST = "power lost"
"""The outcome of a dialog that its phone has forgotten."""


@dataclass(eq=False)
class Talk:
    """A dialog, from its first INVITE on.

    Attributes:
        media: The name of the session in each SDP of this end.
        other: The name of the session that this end was told of last.
        outcome: How it has ended, as this end sees it: a status, or who has hung up.
        asking: What this end offers at present, if it does.
        is_offering: The INVITE that was sent last has an offer, else the ACK has the answer.
        asked_by: The dialog in which a REFER has asked for this one.
        owes_ack: This end has answered an INVITE whose ACK has not come.
        accepted: The number of the INVITE that was answered last with a 2xx.
        seen: The highest number of what the other end has asked.
        acks: Those that were sent, by the number of their INVITE.
    """

    phone: Any
    media: str
    call_id: str
    is_caller: bool
    local: str
    remote: str
    target: str
    state: str = CALLING
    routes: list[str] = field(default_factory=list)
    cseq: int = 0
    version: int = 0
    other: str = ""
    outcome: str = ""
    is_answered: bool = False
    answered_at: float = 0.0
    is_given_up: bool = False
    has_heard: bool = False
    has_replaces: bool = False
    asking: str = ""
    is_offering: bool = False
    owes_ack: bool = False
    last_ack: int = -1
    accepted: int = -1
    seen: int = -1
    invite: Heard | None = None
    asked_by: Talk | None = None
    rseq: int = 0
    owes_prack: bool = False
    pracked: set[str] = field(default_factory=set)
    sent: bytes = b""
    branch: str = ""
    acks: dict[int, bytes] = field(default_factory=dict)

    def __str__(self) -> str:
        role = "caller" if self.is_caller else "callee"
        name = f"{self.phone.name}/{self.media}"
        return f"{name} ({role}, {self.state}, hears {self.other or 'nobody'}, {self.outcome or 'goes on'})"

    @property
    def is_open(self) -> bool:
        """It was answered, and nobody has hung up."""
        return self.state == TALKING

    @property
    def may_offer(self) -> bool:
        """Nothing is under way that changes the call (RFC 3261 §14.1)."""
        return self.is_open and not self.asking and not self.owes_ack

    @property
    def peer(self) -> str:
        """The user at the other end."""
        return self.remote.partition("sip:")[2].partition("@")[0]

    @property
    def replaces(self) -> str:
        """What Replaces says of it (RFC 3891)."""
        return f"{self.call_id};to-tag={tag_of(self.remote)};from-tag={tag_of(self.local)}"

    def sdp(self) -> str:
        """Return what this end has to say of its media."""
        self.version += 1
        host = self.phone.host
        return (
            f"v=0\r\no=- {self.media} {self.version} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            "m=audio 4000 RTP/AVP 0\r\n"
        )

    def told(self, message: Heard) -> None:
        """Take the media that a message tells of."""
        self.other = message.media or self.other

    def refreshed(self, message: Heard) -> None:
        """Take where the other end is from now on (RFC 3261 §12.2.1.2)."""
        if message["contact"]:
            self.target = uri_in(message["contact"])

    def begun(self, message: Heard) -> None:
        """Take the rest of the dialog from a response to its first INVITE (RFC 3261 §12.1.2)."""
        if tag_of(message["to"]):
            self.remote = message["to"]
            self.routes = list(reversed(message.all("record-route")))
        self.refreshed(message)

    def end(self, outcome: str) -> None:
        """Let it be over; the first word about how counts."""
        if self.state != OVER:
            self.state, self.outcome = OVER, outcome
