"""Provisional responses that a phone repeats until they are acknowledged, or acknowledges (RFC 3262)."""

from __future__ import annotations

from .speaker import Speaker
from .talk import OVER, Talk
from .wire import Heard, tag_of

__all__ = ["Reliable"]


class Reliable(Speaker):
    """The part of a phone that says PRACK, and hears it.

    Attributes:
        is_reliable: It says so in its INVITEs, and rings so where the caller has.
    """

    is_reliable = False

    def provisional(self, talk: Talk, invite: Heard, status: int) -> None:
        """Ring; one response after the other where they have to be acknowledged (§3)."""
        may = self.is_reliable and "100rel" in ", ".join(invite.all("supported"))
        body = talk.sdp() if status == 183 and (invite.media or not may) else ""
        if not may:
            self.answer(talk, invite, status, body)
        elif not talk.owes_prack:
            talk.rseq += 1
            talk.owes_prack = True
            headers = ("Require: 100rel", f"RSeq: {talk.rseq}")
            data = self.answer(talk, invite, status, body, headers)

            number = talk.rseq
            is_heard = lambda: talk.rseq > number or not talk.owes_prack or talk.state == OVER  # noqa: E731
            # The caller may be who has to acknowledge it, and has lost its power; then it is cancelled.
            self.until(is_heard, data, lambda: None)

    def acknowledge(self, talk: Talk, message: Heard) -> None:
        """Send a PRACK for a response that wants one, the first time that it comes (§4)."""
        rseq = message["rseq"]
        key = f"{tag_of(message['to'])} {rseq}"
        if rseq and key not in talk.pracked:
            talk.pracked.add(key)
            talk.told(message)
            self.ask(talk, "PRACK", lambda heard: None, "", (f"RAck: {rseq} {message.cseq} INVITE",))

    def pracked(self, talk: Talk, message: Heard) -> None:
        """Take a PRACK (§3)."""
        assert talk.invite is not None
        is_right = talk.owes_prack and message["rack"] == f"{talk.rseq} {talk.invite.cseq} INVITE"
        if is_right:
            talk.owes_prack = False
        elif talk.state != OVER:
            self.faults.append(f"{talk} hears {message} {message['rack']}, and has not asked for it")
        self.reply(message, 200 if is_right else 481)
