"""A 2xx to an INVITE whose call is over and forgotten: since it was sent, the process was killed that had it.

One more phone behind a proxy may answer then, or one that its CANCEL has not reached. It hears an ACK and a BYE all the
same (RFC 3261 §13.2.2.4). Nothing is stored for that: all that a request in its dialog needs is in the 2xx itself, and
that its INVITE was ours, and is over, says the record of its leg. What a 2xx means whose leg is still there is in
`late_responses.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from sipwright.sip import ParseError, Response
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import ClientNonInvite, ClientTransaction
from sipwright.stack import Stack
from sipwright.transport import Flow

__all__ = ["LateAnswers", "Records"]

MOST_LATE = 64
"""How many are looked up, and hung up on, at once; any other is said again by its sender (§13.3.1.4)."""

_LONGEST_INDEX = 4


class Records(Protocol):
    """What knows the records of legs."""

    def __call__(self, call_id: str, leg: int, then: Callable[[bool], object]) -> None:
        """Tell `then` whether a leg of one of our calls has ended, not long ago; perhaps later."""


def no_records(call_id: str, leg: int, then: Callable[[bool], object]) -> None:
    """Know no leg."""
    then(False)


class LateAnswers:
    """Acknowledges answers that nobody waits for any more, and hangs up.

    Whoever has answered need not be a phone of ours, and a datagram may come from anywhere: so nothing is sent to where
    it says, but where it came from.
    """

    __slots__ = ("_clock", "_hung_up", "_stack", "records")

    def __init__(self, stack: Stack, clock: Callable[[], float]) -> None:
        self._stack = stack
        self._clock = clock
        self._hung_up: dict[tuple[str, str], bytes] = {}
        """Their ACKs, by Call-ID and To tag, until their BYEs are answered; empty while a record is looked for."""
        self.records: Records = no_records

    def take(self, response: Response, flow: Flow) -> None:
        """Take a 2xx to an INVITE of no leg that is known."""
        key = (response.call_id, response.to_tag or "")
        ack = self._hung_up.get(key)
        if ack is not None:
            _send(ack, flow)
            return
        # As `Hunt` names what it calls: nobody who has not heard our INVITE can make these up.
        call_id, _, index = (response.from_tag or "").rpartition(".")
        is_ours = index.isascii() and index.isdecimal() and len(index) <= _LONGEST_INDEX
        if is_ours and response.call_id == f"{call_id}-{index}" and len(self._hung_up) < MOST_LATE:
            self._hung_up[key] = b""
            self.records(call_id, int(index), partial(self._found, key, response, flow))

    def _found(self, key: tuple[str, str], response: Response, flow: Flow, has_ended: bool) -> None:
        if not (has_ended and self._hang_up(key, response, flow)):
            del self._hung_up[key]

    def _hang_up(self, key: tuple[str, str], response: Response, flow: Flow) -> bool:
        """Send the ACK and the BYE; False if the 2xx does not say how.

        An offer in it is not answered: whether our INVITE had one is forgotten, and the BYE settles that, too.
        """
        stack = self._stack
        try:
            dialog = Dialog.of_answer(response, str(response.to.uri))
        except ParseError:
            return False
        ack = dialog.write_request("ACK", stack.new_via(flow), cseq=response.cseq.number).wire
        self._hung_up[key] = ack
        _send(ack, flow)
        farewell = _Farewell(partial(self._hung_up.pop, key, None))
        bye = stack.start_client(dialog.make_request("BYE", via=stack.new_via(flow)), flow, farewell)
        if isinstance(bye, ClientNonInvite):
            bye.hold_back(self._clock())
        return True


class _Farewell:
    """The user of one BYE; what is said of it is the end of the matter, whatever that is."""

    __slots__ = ("_over",)

    def __init__(self, over: Callable[[], object]) -> None:
        self._over = over

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take the response to the BYE, which is also that there is none (RFC 3261 §15.1.1)."""
        if response.is_final:
            self._over()


def _send(ack: bytes, flow: Flow) -> None:
    try:
        flow.send(ack)
    except OSError:
        pass  # as lost as a datagram on the way; its sender asks again by repeating itself
