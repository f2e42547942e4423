"""How a phone says something, and says it again until it is heard (RFC 3261 §17, §13.3.1.4)."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Protocol

from .talk import OVER, Talk
from .wire import Heard, tag_of, uri_in, written

__all__ = ["Speaker", "World"]

T1, T2, GIVES_UP = 0.5, 4.0, 32.0

Then = Callable[[Heard], None]


class World(Protocol):
    """What a phone is in."""

    chance: random.Random
    log: list[str]

    def clock(self) -> float:
        """Tell the time."""

    def call_later(self, delay: float, then: Callable[[], None]) -> object:
        """Call something later."""

    def send(self, phone: Speaker, data: bytes) -> None:
        """Carry bytes from a phone to the switch."""

    def elsewhere(self, phone: Speaker) -> str:
        """Return whom to call in place of a phone."""

    def next_media(self) -> int:
        """Return a number that no session had before."""

    def begun(self, talk: Talk) -> None:
        """Take note of a call that a phone makes."""


class Speaker:
    """The mouth of a phone.

    Attributes:
        talks: All dialogs, also what is over.
        faults: What the switch has done that it must not.
        unanswered: Requests that it has not answered.
    """

    def __init__(self, world: World, name: str, host: str, domain: str, home: str, protocol: str) -> None:
        self.world, self.name, self.host, self.domain = world, name, host, domain
        self.home, self.protocol, self.port = home, protocol, 5060
        self.talks: list[Talk] = []
        self.faults: list[str] = []
        self.unanswered: list[str] = []
        self._boot = 0
        self._count = itertools.count(1)
        self._waiting: dict[str, tuple[Talk | None, Then, bytes]] = {}
        self._answers: dict[tuple[str, str], bytes] = {}
        self._heard: set[str] = set()
        """Which INVITEs a provisional response has come to, and which failures an ACK."""

    @property
    def contact(self) -> str:
        """Where it wants to be called."""
        return f"sip:{self.name}@{self.host}:{self.port}" + (
            ";transport=tcp" if self.protocol == "tcp" else ""
        )

    def forget(self) -> None:
        """Lose the power, and be there again."""
        self._boot += 1
        self._waiting.clear()
        self._answers.clear()

    def say_again(self) -> None:
        """Say over another connection what nobody has answered."""
        for _, _, data in list(self._waiting.values()):
            self.send(data)

    def send(self, data: bytes) -> None:
        """Say something once."""
        self.world.log.append(f"{self.world.clock():9.3f} {self.name} says  {Heard(data)}")
        self.world.send(self, data)

    def next(self) -> int:
        """Return a number for a name."""
        return next(self._count)

    # Requests.

    def ask(self, talk: Talk, method: str, then: Then, body: str = "", headers: tuple[str, ...] = ()) -> None:
        """Send a request in a dialog."""
        talk.cseq += 1
        branch = self.new_branch()
        data = self.request(talk, method, talk.cseq, branch, body, headers)
        if method == "INVITE":
            talk.is_offering = bool(body)
            if not talk.is_answered:
                talk.sent, talk.branch = data, branch
        self.repeat(f"{method} {branch}", data, then, talk)

    def request(
        self, talk: Talk, method: str, cseq: int, branch: str, body: str = "", headers: tuple[str, ...] = ()
    ) -> bytes:
        """Write a request in a dialog."""
        via = f"SIP/2.0/{self.protocol.upper()} {self.host}:{self.port};branch={branch};rport"
        return written([
            f"{method} {talk.target} SIP/2.0", f"Via: {via}", "Max-Forwards: 70",
            *(f"Route: {route}" for route in talk.routes), f"From: {talk.local}", f"To: {talk.remote}",
            f"Call-ID: {talk.call_id}", f"CSeq: {cseq} {method}", f"Contact: <{self.contact}>",
            "Allow: INVITE, ACK, CANCEL, BYE, UPDATE, INFO, REFER, NOTIFY, OPTIONS, MESSAGE", *headers,
        ], body)  # fmt: skip

    def repeat(self, key: str, data: bytes, then: Then, talk: Talk | None) -> None:
        """Send a request until a response comes (§17.1)."""
        self._waiting[key] = talk, then, data
        is_invite, boot = key.startswith("INVITE"), self._boot
        self.send(data)

        def again(delay: float, left: float) -> None:
            if key not in self._waiting or boot != self._boot or (is_invite and key in self._heard):
                return
            if left <= 0:
                del self._waiting[key]
                self._given_up(data, talk)
                return
            if self.protocol == "udp":
                self.send(data)
            following = delay * 2 if is_invite else min(delay * 2, T2)
            self.world.call_later(following, lambda: again(following, left - following))

        self.world.call_later(T1, lambda: again(T1, GIVES_UP - T1))

    def _given_up(self, data: bytes, talk: Talk | None) -> None:
        # The copies of an offer whose 2xx was lost end with the dialog that a BYE has ended meanwhile.
        if not data.startswith(b"INVITE") or talk is None or talk.state != OVER:
            self.unanswered.append(f"{self.name}: no answer to {data.splitlines()[0].decode()} ({talk})")
        if talk is not None:
            talk.asking = ""
            talk.end("408")

    def cancel_of(self, talk: Talk) -> bytes:
        """Write the CANCEL of the first INVITE of a dialog (§9.1)."""
        first, *lines = talk.sent.decode().partition("\r\n\r\n")[0].split("\r\n")
        kept = [line for line in lines if line.startswith(("Via", "Max-", "Route", "From", "To", "Call-ID"))]
        number = next(line.split()[1] for line in lines if line.startswith("CSeq"))
        return written([first.replace("INVITE", "CANCEL", 1), *kept, f"CSeq: {number} CANCEL"])

    def ack_of_failure(self, message: Heard) -> bytes:
        """Write the ACK of a response that is no 2xx (§17.1.1.3)."""
        return written([
            f"ACK {uri_in(message['to'])} SIP/2.0", f"Via: {message['via']}", "Max-Forwards: 70",
            f"From: {message['from']}", f"To: {message['to']}", f"Call-ID: {message.call_id}",
            f"CSeq: {message.cseq} ACK",
        ])  # fmt: skip

    def new_branch(self) -> str:
        """Return one that no request had before."""
        return f"z9hG4bK{self.host}-{self._boot}-{self.next()}"

    # Responses.

    def reply(self, request: Heard, status: int) -> None:
        """Answer what belongs to no dialog."""
        to = request["to"]
        self.respond(request, status, to if tag_of(to) else f"{to};tag=r{self.next()}")

    def answer(
        self, talk: Talk, request: Heard, status: int, body: str = "", headers: tuple[str, ...] = ()
    ) -> bytes:
        """Answer what belongs to a dialog."""
        return self.respond(request, status, request["to"] if talk.is_caller else talk.local, body, headers)

    def respond(
        self, request: Heard, status: int, to: str, body: str = "", headers: tuple[str, ...] = ()
    ) -> bytes:
        """Send a response, and a failure until its ACK comes (§17.2.1)."""
        contact = f"sip:{self.world.elsewhere(self)}@{self.domain}" if status == 302 else self.contact
        data = written([
            f"SIP/2.0 {status} Said", *(f"Via: {value}" for value in request.all("via")),
            *(f"Record-Route: {value}" for value in request.all("record-route")), f"From: {request['from']}",
            f"To: {to if status > 100 else request['to']}", f"Call-ID: {request.call_id}",
            f"CSeq: {request['cseq']}", f"Contact: <{contact}>", *headers,
        ], body)  # fmt: skip
        self._answers[request.branch, request.method] = data
        self.send(data)
        if request.method == "INVITE" and status >= 300:
            key = f"{request.call_id} {request.cseq}"
            self._heard.discard(key)
            fault = f"{self.name}: no ACK to {status} for {request}"
            self.until(lambda: key in self._heard, data, lambda: self.faults.append(fault))
        return data

    def accept(self, talk: Talk, invite: Heard) -> None:
        """Say 200, until the ACK comes (§13.3.1.4)."""
        talk.owes_ack, talk.accepted = True, invite.cseq
        talk.last_ack = min(talk.last_ack, invite.cseq - 1)
        self.answer(talk, invite, 200, talk.sdp())

        def lost() -> None:
            if invite.media:  # else the ACK has the answer of a caller, who may have lost the power
                self.faults.append(f"{talk}: no ACK to {invite}")
            talk.end("no ACK")
            self.ask(talk, "BYE", lambda heard: None)

        data = self._answers[invite.branch, "INVITE"]
        self.until(lambda: talk.last_ack >= invite.cseq or talk.state == OVER, data, lost)

    def until(self, is_over: Callable[[], bool], data: bytes, lost: Callable[[], None]) -> None:
        """Repeat a response."""
        boot = self._boot

        def again(delay: float, left: float) -> None:
            if is_over() or boot != self._boot:
                return
            if left <= 0:
                lost()
                return
            self.send(data)
            following = min(delay * 2, T2)
            self.world.call_later(following, lambda: again(following, left - delay))

        self.world.call_later(T1, lambda: again(T1, GIVES_UP))
