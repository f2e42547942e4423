"""Telling whoever sent a REFER what becomes of it: NOTIFY with a SIP fragment (RFC 3515 §2.4.4, RFC 6665 §4.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sipwright.sip import Request, Response, parse
from sipwright.sip.transaction import ClientTransaction

from .leg import Leg, LegState

if TYPE_CHECKING:
    from .call import Call

__all__ = ["Report"]

LIFETIME = 180
"""Seconds for which the subscription that a REFER makes is said to last: as long as anybody may ring."""


class Report:
    """The subscription of one REFER.

    One NOTIFY is under way at a time, so that none overtakes another; of what happens meanwhile, the last thing is told
    next. `then` is called when the last of them was answered, or was not wanted (RFC 4488).
    """

    __slots__ = ("_call", "_has_answered", "_is_wanted", "_leg", "_name", "_next", "_then", "_wire")

    def __init__(self, call: Call, leg: Leg, name: int, then: Callable[[], None], *, is_wanted: bool) -> None:
        """Begin one; `name` is the CSeq number of the REFER, which tells two of them apart (RFC 3515 §2.4.6)."""
        self._call = call
        self._leg = leg
        self._name = name
        self._then = then
        self._is_wanted = is_wanted
        self._wire: bytes | None = None
        self._next: tuple[int, str, bool] | None = None
        self._has_answered = False

    def to_state(self) -> list[Any]:
        """Return what another process needs to go on."""
        wire = None if self._wire is None else self._wire.decode("latin-1")
        return [self._name, self._is_wanted, wire, self._next, self._has_answered]

    @classmethod
    def from_state(cls, call: Call, leg: Leg, then: Callable[[], None], state: list[Any]) -> Report:
        """Make it again; `resume` sets it going."""
        name, is_wanted, wire, following, has_answered = state
        report = cls(call, leg, name, then, is_wanted=is_wanted)
        report._wire = None if wire is None else wire.encode("latin-1")
        report._next = None if following is None else (following[0], following[1], following[2])
        report._has_answered = has_answered
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
        self._next = (status, reason, is_last)
        self._call.changed()
        if self._wire is None:
            self._say_next(())

    def _say_next(self, headers: tuple[tuple[str, str], ...]) -> None:
        leg, switch = self._leg, self._call.switch
        dialog, flow = leg.dialog, leg.flow
        if self._next is None or dialog is None or flow is None:
            return
        status, reason, is_last = self._next
        state = "terminated;reason=noresource" if is_last else f"active;expires={LIFETIME}"
        notify = dialog.make_request(
            "NOTIFY", via=switch.new_via(flow), contact=switch.stack.local_contact(flow),
            headers=(("Event", f"refer;id={self._name}"), ("Subscription-State", state), *headers),
            body=f"SIP/2.0 {status} {reason}\r\n".encode(), content_type="message/sipfrag;version=2.0",
        )  # fmt: skip
        self._wire, self._next = bytes(notify), None
        self._call.changed()
        self._call.when_stored(self._send)

    def _send(self) -> None:
        assert self._wire is not None
        request = parse(self._wire)
        assert isinstance(request, Request)
        self._call.switch.send_request_in_dialog(self._leg, request, self)

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take the answer to a NOTIFY; whatever it is, the next one follows (a provider may ask who we are first)."""
        asked = transaction.request
        if not response.is_final or self._wire is None or asked.cseq != parse(self._wire).cseq:
            return
        was_last = (asked.headers.get("subscription-state") or "").startswith("terminated")
        answer = (
            None if self._has_answered else self._call.switch.answer_challenge(self._leg, asked, response)
        )
        if answer is not None:
            self._has_answered = True
            status, _, reason = asked.body.decode("latin-1").strip().removeprefix("SIP/2.0 ").partition(" ")
            self._next = self._next or (int(status), reason, was_last)
            self._say_next((answer,))
        else:
            self._wire, self._has_answered = None, False
            self._call.changed()
            if was_last:
                self._then()
            else:
                self._say_next(())
        self._call.settle()
