"""Telling whoever sent a REFER what becomes of it: NOTIFY with a SIP fragment (RFC 3515 §2.4.4, RFC 6665 §4.2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sipwright.sip import Request, Response, make_response, parse
from sipwright.sip.headers.event import parse_event
from sipwright.sip.sipfrag import SIPFRAG, write_sipfrag
from sipwright.sip.subscription import Notify, Subscription, SubscriptionState, read_retry_after
from sipwright.sip.transaction import ClientTransaction
from sipwright.stack import Incoming

from ..call.call import Call
from ..call.leg import Leg
from ..model.leg_state import LegState
from ..model.stored_processes import StoredNotice, StoredReport

__all__ = ["ReferNotifier"]

LIFETIME = 180
"""Seconds for which the subscription that a REFER makes lasts: as long as anybody may ring."""


class ReferNotifier:
    """The subscription of one REFER (`sip/subscription.py`), and what its sender is told.

    `then` is called when the last NOTIFY was answered, or was not wanted (RFC 4488).
    """

    __slots__ = (
        "_call",
        "_is_over",
        "_is_wanted",
        "_last",
        "_leg",
        "_name",
        "_rounds",
        "_subscription",
        "_then",
        "_wire",
    )

    def __init__(self, call: Call, leg: Leg, name: int, then: Callable[[], None], *, is_wanted: bool) -> None:
        """Begin one; `name` is the CSeq number of the REFER, which tells two of them apart (RFC 3515 §2.4.6)."""
        self._call = call
        self._leg = leg
        self._name = name
        self._then = then
        self._is_wanted = is_wanted
        self._is_over = False
        self._subscription = Subscription()
        self._wire: bytes | None = None
        self._last = (100, "Trying")
        self._rounds = 0

    def to_state(self) -> StoredReport:
        """Return what another process needs to go on."""
        return StoredReport(
            name=self._name,
            is_wanted=self._is_wanted,
            last=StoredNotice(*self._last),
            wire=None if self._wire is None else self._wire.decode("latin-1"),
            rounds=self._rounds,
            subscription=self._subscription.to_state(),
            is_over=self._is_over,
        )

    @classmethod
    def from_state(cls, call: Call, leg: Leg, then: Callable[[], None], state: StoredReport) -> ReferNotifier:
        """Make it again; `resume` sets it going."""
        report = cls(call, leg, state.name, then, is_wanted=state.is_wanted)
        report._wire = None if state.wire is None else state.wire.encode("latin-1")
        report._rounds, report._is_over = state.rounds, state.is_over
        known = state.next or state.last
        report._last = (known.status, known.reason)
        machine = state.subscription
        if machine is None:
            machine = _machine_of(state, call.ports.wall_clock())
            report._is_wanted, report._is_over = True, machine["reason"] == "noresource"
        report._subscription = Subscription.from_state(machine)
        return report

    def resume(self) -> None:
        """Say again, in a new process, what may not have been heard."""
        if self._wire is not None:
            self._call.ports.routes.repeat_request(self._leg, self._wire, self)

    def tell(self, status: int, reason: str, *, is_last: bool = False) -> None:
        """Tell how far it is, or how it ended."""
        subscription, now = self._subscription, self._call.ports.wall_clock()
        self._is_over = self._is_over or is_last
        is_gone = subscription.state is SubscriptionState.TERMINATED
        if not self._is_wanted or is_gone or self._leg.state is not LegState.ANSWERED:
            if is_last:
                self._then()
            return
        self._last = (status, reason)
        if is_last:
            subscription.end("noresource", now)
        elif subscription.state is SubscriptionState.INIT:
            subscription.subscribe(LIFETIME, now)
        else:
            subscription.change(now)
        self._go_on()

    def take_subscribe(self, leg: Leg, incoming: Incoming) -> bool:
        """Take a SUBSCRIBE that prolongs the subscription, or ends it; False when it is about another one.

        Either way it is followed by a NOTIFY (RFC 6665 §4.2.1).
        """
        request, ports, subscription = incoming.request, self._call.ports, self._subscription
        event, name = parse_event(request.headers.get_all("event"))
        if (
            leg is not self._leg
            or leg.flow is None
            or event != "refer"
            or name not in ("", str(self._name))
            or not subscription.is_live
        ):
            return False
        seconds = LIFETIME if request.expires is None else min(request.expires, LIFETIME)
        headers = [("Expires", str(seconds)), ("Contact", leg.contact_on(leg.flow))]
        accepted = make_response(request, 200, headers=headers)
        leg.answer(accepted, ports.wall_clock())
        self._call.changed()
        self._call.when_stored(partial(incoming.transaction.respond, accepted, ports.clock()))
        subscription.subscribe(seconds, ports.wall_clock())
        self._go_on()
        return True

    def advance(self) -> None:
        """Do what is due."""
        self._subscription.advance(self._call.ports.wall_clock())
        self._go_on()

    def _go_on(self) -> None:
        """Do what the machine wants, and wake it when it wants that."""
        call, subscription = self._call, self._subscription
        outbox, subscription.outbox = subscription.outbox, []
        call.changed()
        for effect in outbox:
            if isinstance(effect, Notify):
                self._say(effect.state)
            elif self._is_over:
                self._then()
        if subscription.is_live:
            call.arm("report", max(subscription.deadline() - call.ports.wall_clock(), 0.0))
        else:
            call.disarm("report")

    def _say(self, state: str) -> None:
        leg, ports = self._leg, self._call.ports
        dialog, flow = leg.dialog, leg.flow
        if dialog is None or flow is None:
            return
        notify = dialog.make_request(
            "NOTIFY", via=ports.stack.new_via(flow), contact=leg.contact_on(flow),
            headers=(("Event", f"refer;id={self._name}"), ("Subscription-State", state)),
            body=write_sipfrag(*self._last), content_type=SIPFRAG,
        )  # fmt: skip
        leg.sign(notify)
        self._wire = bytes(notify)
        self._call.when_stored(self._send)

    def _send(self) -> None:
        assert self._wire is not None
        request = parse(self._wire)
        assert isinstance(request, Request)
        self._call.ports.routes.send_request(self._leg, request, self)

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take the answer to a NOTIFY (a provider may ask who we are first)."""
        asked = transaction.request
        if not response.is_final or self._wire is None or asked.cseq != parse(self._wire).cseq:
            return
        with self._call.event():
            self._take(asked, response)

    def _take(self, asked: Request, response: Response) -> None:
        now, subscription = self._call.ports.wall_clock(), self._subscription
        if self._leg.is_challenged(asked, response, self._rounds):
            self._rounds += 1
            subscription.challenged(now)
        else:
            self._leg.note_credentials(response)
            self._wire, self._rounds = None, 0
            retry_after = read_retry_after(response.headers.get("retry-after"))
            subscription.answered(response.status, now, retry_after)
        self._go_on()


def _machine_of(state: StoredReport, now: float) -> dict[str, Any]:
    """Return the machine of a subscription that was stored before there was one."""
    told = (
        ""
        if state.wire is None
        else parse(state.wire.encode("latin-1")).headers.get("subscription-state") or ""
    )
    words = told if state.next is None else state.next.state
    is_last, is_under_way = words.startswith("terminated"), state.wire is not None
    is_silent = not state.is_wanted and not is_last
    return {
        "state": "terminated" if is_silent else "ending" if is_last else "active",
        "expires_at": now + LIFETIME,
        "reason": words.partition("reason=")[2],
        "is_under_way": is_under_way,
        "is_last_out": told.startswith("terminated"),
        "is_due": state.next is not None,
    }
