"""A phone: it does what RFC 3261 has a phone do, and chance says when."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from .reliable import Reliable
from .speaker import World
from .talk import LOST, OVER, RINGING, TALKING, Talk
from .wire import Heard, tag_of, uri_in

__all__ = ["Phone"]

QUICK = 0.5
"""Seconds within which two phones behind one proxy may both answer, before it has cancelled one of them."""


class Phone(Reliable):
    """A phone of an account, or the server of a provider; one that `forks` is two phones behind one proxy."""

    def __init__(
        self, world: World, name: str, host: str, domain: str, *, home: str = "", protocol: str = "udp",
        forks: bool = False, is_reliable: bool = False, challenges: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(world, name, host, domain, home or domain, protocol)
        self.forks, self.is_reliable, self.challenges = forks, is_reliable, challenges
        self.flow: Any = None

    # What it does.

    def call(self, user: str, *, offers: bool = True, headers: tuple[str, ...] = ()) -> Talk:
        """Call somebody."""
        uri = f"sip:{user}@{self.domain}"
        local = f"<sip:{self.name}@{self.home}>;tag=c{self.next()}"
        talk = self._talk(f"c{self.next()}-{self.name}-{self.host}", True, local, f"<{uri}>", uri)
        talk.asking, talk.has_replaces = "INVITE", bool(headers)
        self.world.begun(talk)
        body = talk.sdp() if offers else ""
        headers += ("Supported: 100rel",) if self.is_reliable else ()
        self.ask(talk, "INVITE", lambda heard: self._called(talk, heard), body, headers)
        return talk

    def cancel(self, talk: Talk) -> None:
        """Give a call up that was not answered, once something was heard of it (§9.1)."""
        talk.is_given_up = True
        if talk.state != OVER and not talk.is_answered and talk.has_heard:
            self.repeat(f"CANCEL {talk.branch}", self.cancel_of(talk), lambda heard: None, None)

    def ring(self, talk: Talk, status: int = 180) -> None:
        """Say that it rings, or let something be heard."""
        if talk.state == RINGING and talk.invite is not None:
            self.provisional(talk, talk.invite, status)

    def pick_up(self, talk: Talk) -> None:
        """Answer a call; a proxy in between cancels who rings beside it, once it has heard the 2xx (§16.7 step 10)."""
        if talk.state == RINGING and talk.invite is not None and not talk.owes_prack:
            now = self.world.clock()
            if any(one.is_answered and one.answered_at < now - QUICK for one in self._beside(talk)):
                talk.end("elsewhere")
                return
            talk.state, talk.is_answered, talk.answered_at = TALKING, True, now
            self.accept(talk, talk.invite)

    def refuse(self, talk: Talk, status: int) -> None:
        """Refuse a call; of several behind one proxy the last one is heard."""
        if talk.state == RINGING and talk.invite is not None:
            talk.end(str(status))
            if not any(one.state == RINGING or one.is_answered for one in self._beside(talk)):
                self.answer(talk, talk.invite, status)

    def hold(self, talk: Talk, *, offers: bool = True) -> None:
        """Offer once more what media there are, or ask for an offer."""
        if talk.may_offer:
            talk.asking = "INVITE"
            self.ask(talk, "INVITE", lambda heard: self._held(talk, heard), talk.sdp() if offers else "")

    def update(self, talk: Talk) -> None:
        """Offer once more what media there are, with an UPDATE (RFC 3311)."""
        if talk.may_offer:
            talk.asking = "UPDATE"
            self.ask(talk, "UPDATE", lambda heard: self._updated(talk, heard), talk.sdp())

    def say(self, talk: Talk, method: str, *headers: str) -> None:
        """Ask something in a dialog that changes no media."""
        if talk.is_open:
            self.ask(talk, method, lambda heard: self._said(talk, heard), "", headers)

    def hang_up(self, talk: Talk) -> None:
        """End a call that was answered; a callee waits for the ACK (§15)."""
        if talk.is_open and (talk.is_caller or talk.last_ack >= 0):
            talk.end("hung up")
            self.ask(talk, "BYE", lambda heard: None)

    def lose_power(self) -> None:
        """Forget everything, and be there again."""
        self.forget()
        for talk in self.talks:
            talk.end(LOST)

    # What it hears: responses.

    def receive(self, data: bytes) -> None:
        """Take a message."""
        message = Heard(data)
        self.world.log.append(f"{self.world.clock():9.3f} {self.name} hears {message}")
        if message.status:
            self._response(message)
        elif message.method == "ACK":
            self._ack(message)
        elif (known := self._answers.get((message.branch, message.method))) is not None:
            self.send(known)
        elif message.method == "CANCEL":
            self._cancelled(message)
        else:
            self._request(message)

    def _response(self, message: Heard) -> None:
        key = f"{message.method} {message.branch}"
        is_failure = message.method == "INVITE" and message.status >= 300
        if is_failure:
            self.send(self.ack_of_failure(message))
        if key in self._waiting:
            talk, then, _ = self._waiting[key]
            self._heard.add(key)
            if message.status >= 200:
                del self._waiting[key]
            elif talk is not None:
                talk.has_heard = True
            then(message)
        elif message.method == "INVITE" and not is_failure and message.status >= 200:
            self._again(message)

    def _again(self, message: Heard) -> None:
        talk = self._find(message, tag_of(message["from"]), tag_of(message["to"]))
        if talk is not None and message.cseq in talk.acks:
            self.send(talk.acks[message.cseq])
        elif self._boot == 0:
            self.faults.append(f"{self.name} hears {message}, and has not asked for it")

    def _called(self, talk: Talk, message: Heard) -> None:
        if message.status >= 300:
            talk.asking = ""
            talk.end(str(message.status))
            self._report(talk, message.status)
            return
        if message.status >= 200 or tag_of(message["to"]):
            talk.begun(message)
            self.acknowledge(talk, message)
        if message.status >= 200:
            talk.is_answered = True
            if talk.state != OVER:  # or a BYE has overtaken it
                talk.state = TALKING
            self._confirm(talk, message)
            self._report(talk, 200)
        if talk.is_given_up:
            self.cancel(talk)
            self.hang_up(talk)

    def _held(self, talk: Talk, message: Heard) -> None:
        if 200 <= message.status < 300:
            self._confirm(talk, message)
        elif message.status >= 300:
            talk.asking = ""
            self._said(talk, message)

    def _confirm(self, talk: Talk, message: Heard) -> None:
        """Acknowledge a 2xx; where there was no offer its ACK has the answer (§13.2.1)."""
        talk.asking = ""
        talk.refreshed(message)
        talk.told(message)
        body = "" if talk.is_offering else talk.sdp()
        talk.acks[message.cseq] = self.request(talk, "ACK", message.cseq, self.new_branch(), body)
        self.send(talk.acks[message.cseq])

    def _updated(self, talk: Talk, message: Heard) -> None:
        if message.status >= 200:
            talk.asking = ""
            self._said(talk, message)
        if 200 <= message.status < 300:
            talk.refreshed(message)
            talk.told(message)

    def _said(self, talk: Talk, message: Heard) -> None:
        """End a dialog that the other end knows nothing of (§12.2.1.2)."""
        if message.status in (408, 481) and talk.is_open:
            talk.end(f"{message.status} to {message.method}")
            self.ask(talk, "BYE", lambda heard: None)

    # What it hears: requests.

    def _request(self, message: Heard) -> None:
        to_tag, method = tag_of(message["to"]), message.method
        talk = self._find(message, to_tag, tag_of(message["from"])) if to_tag else None
        if self.challenges and not message["proxy-authorization"]:
            challenge = (
                f'Proxy-Authenticate: Digest realm="{self.home}", nonce="n{self.next()}", algorithm=MD5'
            )
            self.respond(
                message, 407, message["to"] + ("" if to_tag else f";tag=r{self.next()}"), "", (challenge,)
            )
            return
        if talk is not None and message.cseq < talk.seen:
            self.reply(message, 500)  # a later one has overtaken it (§12.2.2)
            return
        if talk is not None:
            talk.seen = message.cseq
        if method == "INVITE" and not to_tag:
            self._rung(message)
        elif talk is not None and method == "PRACK" and talk.invite is not None:
            self.pracked(talk, message)
        elif talk is None or talk.state == OVER:
            self.reply(message, 481 if to_tag else 200)
        elif method == "INVITE" or (method == "UPDATE" and message.media):
            self._offered(talk, message)
        else:
            if method == "BYE":
                talk.end("was hung up on")
            self.reply(message, 202 if method == "REFER" else 200)
            if method == "REFER":
                self._referred(talk, message["refer-to"])
            if (
                method == "NOTIFY"
                and "terminated" in message["subscription-state"]
                and " 200" in message.body
            ):
                self.hang_up(talk)

    def _referred(self, talk: Talk, to: str) -> None:
        """Call whom the other end wants this one to call (RFC 3515 §2.4.2)."""
        uri, _, headers = uri_in(to).partition("?")
        names = [
            unquote(each.partition("=")[2]) for each in headers.split("&") if each.startswith("Replaces")
        ]
        user = uri.partition(":")[2].partition("@")[0]
        self.call(user, headers=tuple(f"Replaces: {name}" for name in names)).asked_by = talk

    def _report(self, talk: Talk, status: int) -> None:
        """Tell whoever wanted this call what has become of it (RFC 3515 §2.4.4)."""
        by = talk.asked_by
        if by is not None and by.is_open:
            headers = ("Event: refer", "Subscription-State: terminated;reason=noresource")
            self.ask(by, "NOTIFY", lambda heard: self._said(by, heard), f"SIP/2.0 {status} Said", headers)

    def _rung(self, message: Heard) -> None:
        target, routes = uri_in(message["contact"]), message.all("record-route")
        for _ in range(1 + self.forks):
            local = f"{message['to']};tag=u{self.next()}"
            talk = self._talk(message.call_id, False, local, message["from"], target)
            talk.state, talk.invite, talk.routes = RINGING, message, routes
            talk.told(message)
        self.answer(talk, message, 100)

    def _offered(self, talk: Talk, message: Heard) -> None:
        if talk.asking or talk.owes_ack:
            self.answer(talk, message, 491)
        elif not talk.is_open:
            self.answer(talk, message, 500)
        else:
            talk.refreshed(message)
            talk.told(message)
            if message.method == "INVITE":
                self.accept(talk, message)
            else:
                self.answer(talk, message, 200, talk.sdp())

    def _cancelled(self, message: Heard) -> None:
        found = [one for one in self.talks if one.invite is not None and one.invite.branch == message.branch]
        ringing = [one for one in found if one.state == RINGING]
        self.reply(message, 200 if found else 481)
        for talk in ringing:
            talk.end("cancelled")
        if ringing and ringing[0].invite is not None and not any(one.is_answered for one in found):
            self.answer(ringing[0], ringing[0].invite, 487)

    def _ack(self, message: Heard) -> None:
        self._heard.add(f"{message.call_id} {message.cseq}")
        talk = self._find(message, tag_of(message["to"]), tag_of(message["from"]))
        # One to a refusal (407) has the number of the INVITE that was refused, and may come behind the next one.
        if talk is not None and talk.owes_ack and message.cseq == talk.accepted:
            talk.owes_ack, talk.last_ack = False, message.cseq
            talk.told(message)

    # Inside.

    def _talk(self, call_id: str, is_caller: bool, local: str, remote: str, target: str) -> Talk:
        talk = Talk(self, str(self.world.next_media()), call_id, is_caller, local, remote, target)
        self.talks.append(talk)
        return talk

    def _beside(self, talk: Talk) -> list[Talk]:
        """Return the others behind the same INVITE."""
        return [one for one in self.talks if one.invite is talk.invite and one is not talk]

    def _find(self, message: Heard, local: str, remote: str) -> Talk | None:
        for talk in self.talks:
            is_here = talk.call_id == message.call_id and tag_of(talk.local) == local
            if is_here and tag_of(talk.remote) in ("", remote):
                return talk
        return None
