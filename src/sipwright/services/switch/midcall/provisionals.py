"""Reliable provisional responses, on each side of a call by itself (RFC 3262).

::

    caller                    switch                     callee
      |                         |<-- 183, RSeq 7, answer ---|
      |<-- 183, RSeq 1, answer--|        heard in its order, stored, told reliably
      |--- PRACK, RAck 1 ------>|--- PRACK, RAck 7 -------->|   both sides reliable: what it carries crosses
      |<-- 200 -----------------|<-- 200 -------------------|
      |<-- 200, INVITE ---------|<-- 200, INVITE -----------|

Where the caller knows no such thing, or is not told, the switch acknowledges by itself, and gives the answer of the
callee in the 2xx, which then has none. Where the callee does not, and the caller insists, the PRACK ends here. While
the caller has not acknowledged a session description, a 2xx counts as not heard: whoever sent it repeats it (§3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from math import inf
from zlib import crc32

from sipwright.sip import Request, Response, write_response
from sipwright.sip.dialog import Dialog
from sipwright.sip.provisional import RAck, read_rack, requires_reliable, takes_reliable
from sipwright.sip.transaction import ClientTransaction, ReliableResponse
from sipwright.stack import Incoming

from ..call.call import Call
from ..call.callee import MOST_EARLY, Callee
from ..model.call_state import SETTING_UP
from ..model.outcome import Outcome
from ..model.relayed import refuse_offer
from ..model.stored_processes import StoredProvisionals
from .relay import Relay

__all__ = ["Provisionals"]

Source = tuple[int, str, int]
"""A reliable response that was heard: the leg, the To tag, the RSeq."""

MOST_WAITING = 8
"""Reliable responses that wait for the caller to acknowledge those before."""

NO_PRACK = Outcome(504, "No PRACK")

EXTENSION = 150.0
"""Seconds after which a caller who has acknowledged that somebody rings is told so once more (RFC 3262 §3)."""


@dataclass(frozen=True, slots=True)
class Told:
    """A reliable response to the caller, under one of our tags."""

    wire: bytes
    tag: str
    rseq: int
    has_body: bool
    source: Source | None


class Provisionals:
    """The reliable provisional responses of one call.

    `told` are those that the caller has not acknowledged: the first is repeated until then, the others wait (§3).
    `given` are our tags under which it has got a session description reliably. `heard` has the last RSeq of each early
    dialog of a callee, `answers` what was answered in it, as the caller is to see it; `pracks` are ours that are not
    answered, by their branches.
    """

    __slots__ = (
        "_answered",
        "_numbers",
        "_repeater",
        "_rounds",
        "answers",
        "call",
        "given",
        "heard",
        "pracks",
        "told",
        "unacknowledged",
    )

    timers = ("extension",)
    is_awaited = False

    def __init__(self, call: Call) -> None:
        self.call = call
        self.told: list[Told] = []
        self.given: set[str] = set()
        self.heard: dict[tuple[int, str], int] = {}
        self.unacknowledged: set[Source] = set()
        self.answers: dict[tuple[int, str], bytes] = {}
        self.pracks: dict[str, tuple[Source, bytes]] = {}
        self._numbers: dict[str, int] = {}
        self._rounds = 0
        self._repeater: ReliableResponse | None = None
        self._answered: tuple[Callee, Response] | None = None

    @classmethod
    def of(cls, call: Call) -> Provisionals:
        """Return those of a call, which begin with the first that has to be reliable."""
        if isinstance(call.provisionals, cls):
            return call.provisionals
        call.provisionals = begun = cls(call)
        call.carry(begun)
        return begun

    # Written down, and read again.

    def to_state(self) -> StoredProvisionals:
        """Return what another process needs to go on."""
        return StoredProvisionals(
            told=[
                [one.wire.decode("latin-1"), one.tag, one.rseq, one.has_body, one.source] for one in self.told
            ],
            numbers=self._numbers,
            given=sorted(self.given),
            heard=[[*dialog, rseq] for dialog, rseq in self.heard.items()],
            unacknowledged=sorted(self.unacknowledged),
            answers=[[*dialog, body.decode("latin-1")] for dialog, body in self.answers.items()],
            pracks=[
                [branch, source, wire.decode("latin-1")] for branch, (source, wire) in self.pracks.items()
            ],
            rounds=self._rounds,
        )

    @classmethod
    def from_state(cls, call: Call, state: StoredProvisionals) -> Provisionals:
        """Make them again; `resume` sets them going."""
        call.provisionals = one = cls(call)
        one.told = [
            Told(wire.encode("latin-1"), tag, rseq, has_body, None if source is None else (*source,))
            for wire, tag, rseq, has_body, source in state.told
        ]
        one._numbers, one.given, one._rounds = dict(state.numbers), set(state.given), state.rounds
        one.heard = {(leg, tag): rseq for leg, tag, rseq in state.heard}
        one.unacknowledged = {(leg, tag, rseq) for leg, tag, rseq in state.unacknowledged}
        one.answers = {(leg, tag): body.encode("latin-1") for leg, tag, body in state.answers}
        one.pracks = {branch: ((*source,), wire.encode("latin-1")) for branch, source, wire in state.pracks}
        return one

    def resume(self) -> None:
        """Say once more what may not have been heard."""
        if self.told and self.call.caller.is_open:
            self._repeat(self.told[0])
        for source, wire in self.pracks.values():
            leg = self.call.legs[source[0] - 1]
            self.call.ports.routes.repeat_request(leg, wire, self, _dialog(leg, source[1]))

    # What is heard from those who are called.

    def hear(self, leg: Callee, response: Response, rseq: int) -> bool:
        """Take a reliable response; False for one that has come before, or for which another one is missing (§4)."""
        dialog = (leg.index, response.to_tag or "")
        last = self.heard.get(dialog)
        if last is None and len(self.heard) >= MOST_EARLY:
            return False
        if last is not None and rseq != last + 1:
            return False
        call = self.call
        self.heard[dialog] = rseq
        self.unacknowledged.add((*dialog, rseq))
        invite = call.caller.invite
        if response.body and invite is not None and invite.body:
            self.answers[dialog] = call.body_for(response, leg, call.caller)
        call.changed()
        return True

    def is_untold(self, leg: Callee, response: Response, rseq: int) -> bool:
        """Return whether the caller was not told a response reliably, and nobody has acknowledged it."""
        source = (leg.index, response.to_tag or "", rseq)
        return source in self.unacknowledged and all(one.source != source for one in self.told)

    def acknowledge_untold(self, leg: Callee, response: Response, rseq: int) -> None:
        """Acknowledge a response ourselves, unless the caller was told it reliably and does so."""
        source, invite = (leg.index, response.to_tag or "", rseq), self.call.caller.invite
        if not self.is_untold(leg, response, rseq):
            return
        is_offer = response.body and (invite is None or not invite.body)
        body, content_type = refuse_offer(response) if is_offer else (b"", None)
        self._acknowledge(leg, source, response.cseq.number, body, content_type)

    def _acknowledge(
        self, leg: Callee, source: Source, cseq: int, body: bytes, content_type: str | None
    ) -> None:
        dialog, flow, ports = _dialog(leg, source[1]), leg.flow, self.call.ports
        self.unacknowledged.discard(source)
        if dialog is None or flow is None:
            return
        headers = [("RAck", str(RAck(source[2], cseq, "INVITE")))]
        prack = dialog.make_request(
            "PRACK", via=ports.stack.new_via(flow), headers=headers, body=body, content_type=content_type
        )
        leg.sign(prack)
        self.pracks[prack.top_via.branch or ""] = (source, bytes(prack))
        self.call.changed()
        self.call.when_stored(partial(self._send_prack, source, prack))

    def _send_prack(self, source: Source, prack: Request) -> None:
        leg = self.call.legs[source[0] - 1]
        self.call.ports.routes.send_request(leg, prack, self, _dialog(leg, source[1]))

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take what a callee says to our PRACK: whatever it is, it has heard that."""
        if response.is_final and self.pracks:
            with self.call.event():
                self._prack_answered(transaction.request, response)

    def _prack_answered(self, prack: Request, response: Response) -> None:
        rack, sent = read_rack(prack), self.pracks.pop(prack.top_via.branch or "", None)
        if sent is None or rack is None:
            return
        self.call.changed()
        leg = self.call.legs[sent[0][0] - 1]
        if leg.is_open and leg.is_challenged(prack, response, self._rounds):
            self._rounds += 1
            self._acknowledge(leg, sent[0], rack.cseq, prack.body, prack.headers.get("content-type"))
        self._end_if_over()

    # What the caller is told.

    def tell(
        self, status: int, reason: str | None, lines: Iterable[str], body: bytes, content_type: str | None,
        source: Source | None,
    ) -> bool:  # fmt: skip
        """Tell the caller something reliably; False when it need not be, or cannot.

        It is where the caller insists, or where whoever is called has said it so, and the caller knows what that is.
        """
        caller = self.call.caller
        invite = caller.invite
        if invite is None or not (
            requires_reliable(invite) or (source is not None and takes_reliable(invite))
        ):
            return False
        if len(self.told) >= MOST_WAITING:
            return True
        tag = caller.local_tag
        rseq = self._numbers.get(tag, crc32(f"{self.call.id}{tag}".encode()) & 0x3FFFFFFF) + 1
        self._numbers[tag] = rseq
        wire = caller.reply(status, reason, [*lines, "Require: 100rel", f"RSeq: {rseq}"], body, content_type)
        is_theirs = source in self.unacknowledged
        self.told.append(Told(wire, tag, rseq, bool(body), source if is_theirs else None))
        self.call.changed()
        if len(self.told) == 1:
            self._tell_next()
        return True

    def _tell_next(self) -> None:
        call, caller = self.call, self.call.caller
        if self.told and caller.is_open and caller.invite is not None:
            caller.tell(caller.invite, self.told[0].wire, call.ports.wall_clock())
            call.when_stored(partial(self._repeat, self.told[0]))

    def _repeat(self, one: Told) -> None:
        """Send a response, and again and again until it is acknowledged (§3)."""
        caller, ports = self.call.caller, self.call.ports
        if caller.flow is None or one not in self.told or not caller.is_open:
            return
        caller.respond(int(one.wire[8:11]), one.wire)
        self._stop()
        flow = caller.flow if caller.transaction is None else caller.transaction.flow
        self._repeater = ports.stack.layer.repeat(one.wire, flow, self._unheard, ports.clock(), inf)

    def _unheard(self) -> None:
        """Refuse the call: the caller does not acknowledge what it was told (§3)."""
        with self.call.event():
            self._repeater = None
            self.call.reject(NO_PRACK)

    def _stop(self) -> None:
        if self._repeater is not None:
            self._repeater.stop()
            self._repeater = None

    # What it acknowledges.

    def take_prack(self, incoming: Incoming) -> Relay | None:
        """Take a PRACK of the caller, and answer it (§3); what belongs to somebody else crosses, as is returned."""
        request, call = incoming.request, self.call
        one = self._acknowledged_by(request)
        if one is None:
            incoming.respond(481, "No Such Response")
            return None
        self._stop()
        self.told.remove(one)
        if one.has_body:
            self.given.add(one.tag)
        call.changed()
        leg = None if one.source is None else call.legs[one.source[0] - 1]
        relay = None
        if leg is not None and one.source in self.unacknowledged and leg.is_open and leg.flow is not None:
            self.unacknowledged.discard(one.source)
            leg.turn_to(one.source[1])
            relay = Relay(call, call.caller, leg, request, incoming.flow)
            cseq = leg.invite_cseq if leg.invite is None else leg.invite.cseq.number
            relay.rack = str(RAck(one.source[2], cseq, "INVITE"))
        else:
            self._answer(incoming)
        return relay

    def go_on(self) -> None:
        """Go on after a PRACK: with what had to wait for it."""
        self._tell_next()
        if self.call.caller.is_open:
            self.call.arm("extension", EXTENSION)
        answered, self._answered = self._answered, None
        if answered is not None:
            self.call.callee_responded(*answered)
        self._end_if_over()

    def _answer(self, incoming: Incoming) -> None:
        """Answer a PRACK here; an offer in it would have to cross, and there is nothing for it to cross in."""
        request, call, transaction = incoming.request, self.call, incoming.open()
        status = 488 if request.body else 200
        response = write_response(request, status)
        call.caller.answer(response, call.ports.wall_clock())
        call.when_stored(lambda: transaction.answer(status, response, call.ports.clock()))

    def _acknowledged_by(self, prack: Request) -> Told | None:
        rack, caller = read_rack(prack), self.call.caller
        if rack is None or rack.method != "INVITE" or not self.told:
            return None
        one = self.told[0]
        invite = caller.invite
        is_of_invite = invite is None or invite.cseq.number == rack.cseq
        return one if (one.tag, one.rseq) == (prack.to_tag, rack.rseq) and is_of_invite else None

    # Its answer.

    def postpones(self, leg: Callee, response: Response) -> bool:
        """Return whether a 2xx has to wait until the caller has acknowledged a session description (§3, §5)."""
        if not self.told or not self.told[0].has_body:
            return False
        if self._answered is None:
            self._answered = (leg, response)
        return True

    def answer_of(self, leg: Callee) -> bytes:
        """Return what a leg has answered before its 2xx, where the caller has not got it reliably."""
        tag = None if leg.dialog is None else leg.dialog.remote_tag
        return (
            b"" if self.call.caller.local_tag in self.given else self.answers.get((leg.index, tag or ""), b"")
        )

    def end(self) -> None:
        """Repeat nothing more, as there is a final response; the first may still be acknowledged (§3)."""
        self._stop()
        self.call.disarm("extension")
        self._answered = None
        del self.told[1:]
        self.answers.clear()
        self.call.changed()
        self._end_if_over()

    def _end_if_over(self) -> None:
        if self.call.state is not SETTING_UP and not self.told and not self.pracks:
            self.call.drop(self)
            self.call.provisionals = None

    def is_late(self, prack: Request) -> bool:
        """Return whether a PRACK acknowledges what was told before the final response."""
        return self._acknowledged_by(prack) is not None

    def timer(self, name: str) -> None:
        """Keep the proxies on the way waiting, which give up what they hear nothing of (RFC 3261 §16.6, timer C)."""
        if self.call.caller.is_open and not self.told:
            self.call.progress(self.call.caller.progress, None)

    def abandon(self) -> None:
        """Stop: the call is over, or nobody has answered it."""
        self.end()
        self.pracks.clear()


def _dialog(leg: Callee, tag: str) -> Dialog | None:
    if leg.dialog is not None and leg.dialog.remote_tag == tag:
        return leg.dialog
    return leg.early.get(tag)
