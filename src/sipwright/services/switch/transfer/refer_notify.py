"""Telling whoever sent a REFER what becomes of it: NOTIFY with a SIP fragment (RFC 3515 §2.4.4, RFC 6665 §4.2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sipwright.sip import Request, Response, make_response, parse
from sipwright.sip.sipfrag import SIPFRAG, read_sipfrag, write_sipfrag
from sipwright.sip.transaction import ClientTransaction
from sipwright.stack import Incoming

from ..call.call import Call
from ..call.leg import Leg
from ..model.leg_state import LegState
from ..model.stored_processes import StoredNotice, StoredReport

__all__ = ["ReferNotifier"]

LIFETIME = 180
"""Seconds for which the subscription that a REFER makes is said to last: as long as anybody may ring."""


ACTIVE = f"active;expires={LIFETIME}"
LAST = "terminated;reason=noresource"
UNSUBSCRIBED = "terminated;reason=timeout"


class ReferNotifier:
    """The subscription of one REFER.

    One NOTIFY is under way at a time, so that none overtakes another; of what happens meanwhile, the last thing is told
    next. `then` is called when the last of them was answered, or was not wanted (RFC 4488).
    """

    __slots__ = ("_call", "_is_wanted", "_last", "_leg", "_name", "_next", "_rounds", "_then", "_wire")

    def __init__(self, call: Call, leg: Leg, name: int, then: Callable[[], None], *, is_wanted: bool) -> None:
        """Begin one; `name` is the CSeq number of the REFER, which tells two of them apart (RFC 3515 §2.4.6)."""
        self._call = call
        self._leg = leg
        self._name = name
        self._then = then
        self._is_wanted = is_wanted
        self._wire: bytes | None = None
        self._next: tuple[int, str, str] | None = None
        self._last = (100, "Trying")
        self._rounds = 0

    def to_state(self) -> StoredReport:
        """Return what another process needs to go on."""
        return StoredReport(
            name=self._name,
            is_wanted=self._is_wanted,
            last=StoredNotice(*self._last),
            wire=None if self._wire is None else self._wire.decode("latin-1"),
            next=None if self._next is None else StoredNotice(*self._next),
            rounds=self._rounds,
        )

    @classmethod
    def from_state(cls, call: Call, leg: Leg, then: Callable[[], None], state: StoredReport) -> ReferNotifier:
        """Make it again; `resume` sets it going."""
        report = cls(call, leg, state.name, then, is_wanted=state.is_wanted)
        report._wire = None if state.wire is None else state.wire.encode("latin-1")
        report._rounds = state.rounds
        if state.next is not None:
            report._next = (state.next.status, state.next.reason, state.next.state)
        report._last = (state.last.status, state.last.reason)
        return report

    def resume(self) -> None:
        """Say again, in a new process, what may not have been heard."""
        if self._wire is not None:
            self._send()

    def tell(self, status: int, reason: str, *, is_last: bool = False) -> None:
        """Tell how far it is, or how it ended."""
        if not self._is_wanted or self._leg.state is not LegState.ANSWERED:
            if is_last:
                self._then()
            return
        self._last = (status, reason)
        self._next = (status, reason, LAST if is_last else ACTIVE)
        self._call.changed()
        if self._wire is None:
            self._say_next()

    def take_subscribe(self, leg: Leg, incoming: Incoming) -> bool:
        """Take a SUBSCRIBE that prolongs the subscription, or ends it; False when it is about another one.

        Either way it is followed by a NOTIFY (RFC 6665 §4.2.1).
        """
        request, ports = incoming.request, self._call.ports
        event, _, name = (request.headers.get("event") or "").replace(" ", "").partition(";id=")
        if (
            leg is not self._leg
            or leg.flow is None
            or event.lower() != "refer"
            or name not in ("", str(self._name))
        ):
            return False
        is_over = (request.headers.get("expires") or "").strip() == "0"
        headers = [
            ("Expires", "0" if is_over else str(LIFETIME)),
            ("Contact", leg.contact_on(leg.flow)),
        ]
        accepted = make_response(request, 200, headers=headers)
        leg.answer(accepted, ports.wall_clock())
        self._call.changed()
        self._call.when_stored(partial(incoming.transaction.respond, accepted, ports.clock()))
        if self._next is None or self._next[2] != LAST:
            self._next = (*self._last, UNSUBSCRIBED if is_over else ACTIVE)
        self._is_wanted = self._is_wanted and not is_over
        if self._wire is None:
            self._say_next()
        return True

    def _say_next(self) -> None:
        leg, ports = self._leg, self._call.ports
        dialog, flow = leg.dialog, leg.flow
        if self._next is None or dialog is None or flow is None:
            return
        status, reason, state = self._next
        notify = dialog.make_request(
            "NOTIFY", via=ports.new_via(flow), contact=leg.contact_on(flow),
            headers=(("Event", f"refer;id={self._name}"), ("Subscription-State", state)),
            body=write_sipfrag(status, reason), content_type=SIPFRAG,
        )  # fmt: skip
        leg.sign(notify)
        self._wire, self._next = bytes(notify), None
        self._call.changed()
        self._call.when_stored(self._send)

    def _send(self) -> None:
        assert self._wire is not None
        request = parse(self._wire)
        assert isinstance(request, Request)
        self._call.ports.routes.send_request(self._leg, request, self)

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take the answer to a NOTIFY; whatever it is, the next one follows (a provider may ask who we are first)."""
        asked = transaction.request
        if not response.is_final or self._wire is None or asked.cseq != parse(self._wire).cseq:
            return
        with self._call.event():
            self._take(asked, response)

    def _take(self, asked: Request, response: Response) -> None:
        state = asked.headers.get("subscription-state") or ""
        if self._leg.is_challenged(asked, response, self._rounds):
            self._rounds += 1
            self._next = self._next or (*read_sipfrag(asked.body), state)
            self._say_next()
        else:
            self._leg.note_credentials(response)
            self._wire, self._rounds = None, 0
            self._call.changed()
            if state == LAST:
                self._then()
            else:
                self._say_next()
