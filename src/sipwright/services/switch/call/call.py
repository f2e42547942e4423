"""One call: a caller, the legs that are tried for it, and what holds the two ends together.

A call is a state machine without tasks: requests, responses, timers and the script's wishes come in as method
calls, and what a peer is told goes out through `when_stored`: first the new state is committed, then it is told. The
parts: `leg.py` speaks to one peer, `bridge.py` knows which two are joined, and `ending_call.py` for how long,
and how that ends; `process.py` says what a call may carry besides: a hunt, requests on their way across,
a transfer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from sipwright.sip import ParseError, Request, Response
from sipwright.sip.dialog import Dialog
from sipwright.sip.headers.collection import write_lines
from sipwright.sip.transaction import ServerInvite, ServerTransaction

from ..model.call_state import SETTING_UP, CallEvent
from ..model.identity import Identity
from ..model.leg_state import ANSWER, ANSWERED, END, ENDED, HANGING_UP, REFUSE, REFUSED, RING, LegState
from ..model.outcome import CANCELLED, ELSEWHERE_HEADERS, EXPIRED, Outcome, for_caller
from ..model.relayed import reasons_of, relayed_lines
from .callee import Callee
from .ending_call import LIMIT, EndingCall
from .ports import CallPorts
from .process import Claim, HuntProcess, Impatient, ReliableProvisionals

__all__ = ["EXPIRES", "Call"]

EXPIRES = "expires"
"""The timer that runs until the caller's invitation has expired (RFC 3261 §13.3.1)."""

_WAS_ANSWERED = (ANSWERED, HANGING_UP)


class Call(EndingCall):
    """The state of one call; whoever calls its methods does so inside its `event()`.

    What people take for one call may have parts, each a `Call` with a dialplan of its own: from one account to the
    next, to the target of a transfer, or back here by a provider. `linked_id` is the part that began it, None in that
    one itself; one that `is_part` has an owner who has another part of it already.
    """

    __slots__ = (
        "claimed_by",
        "execution_id",
        "failure",
        "from_text",
        "has_row",
        "hunt",
        "linked_id",
        "loops",
        "max_forwards",
        "passes",
        "provisionals",
        "shown_from",
        "started_at",
        "to_text",
    )

    ports: CallPorts[Call]

    def __init__(self, ports: CallPorts[Call], call_id: str, identity: Identity, started_at: float) -> None:
        super().__init__(ports, call_id, identity)
        self.started_at = started_at
        self.legs = []
        self.peer = self.near = self.originator = None
        self.claimed_by: Claim | None = None
        self.hunt: HuntProcess | None = None
        self.provisionals: ReliableProvisionals | None = None
        self.execution_id: str | None = None
        self.failure: Outcome | None = None
        self.early_leg = self.early_tag = None
        self.max_forwards = 70
        self.loops = self.passes = 0
        self.held = ()
        self.from_text = ""
        self.shown_from: str | None = None
        self.to_text = ""
        self.has_row = False
        self.linked_id: str | None = None

    @property
    def common_id(self) -> str:
        """The id that all parts of one call have in common: that of the part which began it."""
        return self.linked_id or self.id

    def store(self, on_commit: Callable[[], None]) -> None:
        """Put the call's row, and at its end its CDRs, into one transaction."""
        store, watch = self.ports.store, self.ports.watch
        put = store.writer.put
        if watch is not None and (tell := watch.changed(self)) is not None:
            self._actions.append(tell)  # this event is being committed
        if self._are_records_due:
            self.ports.guard.settle(self.legs)
            for leg in (self.caller, *self.legs):
                put("cdr", (self.id, leg.index), store.cdr_row(self, leg))
        put("call", self.id, None if self.is_gone else partial(store.call_row, self), on_commit)
        self._are_records_due = False
        if not self.has_row:
            self.promise_once()

    def promise_once(self) -> None:
        """Let the caller have a 100 when what is about to be committed is, the first time."""
        if not self.has_row:
            self.has_row = True
            self._actions.append(self._promise)

    def _promise(self) -> None:
        """Let the caller have a 100: whatever happens now, there will be a final response."""
        transaction = self.caller.transaction
        if isinstance(transaction, ServerInvite):
            transaction.may_promise(self.ports.clock())

    # The caller's side before the answer.

    def progress(self, status: int, reason: str | None, lines: Iterable[str] = (), body: bytes = b"",
                 content_type: str | None = None, source: tuple[int, str, int] | None = None) -> None:  # fmt: skip
        """Send the caller a provisional response, with more header lines.

        `source` is the leg, the To tag and the RSeq of the one that it is made from, if that is to be acknowledged.
        """
        caller = self.caller
        if self.originator is not None:
            self.originator.progressed(status, reason or "")
            return
        if self.state is not SETTING_UP or caller.invite is None:
            return
        now = self.ports.wall_clock()
        caller.progress = status
        if caller.rang_at is None:
            caller.rang_at = now
            caller.transition(RING)
        if self.provisionals is not None and self.provisionals.tell(
            status, reason, lines, body, content_type, source
        ):
            return
        response = caller.reply(status, reason, lines, body, content_type)
        caller.tell(caller.invite, response, now)
        self.when_stored(partial(caller.respond, status, response))

    def reject(self, outcome: Outcome, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Give the caller a final response other than 2xx; whoever still rings is cancelled."""
        caller = self.caller
        if self.originator is not None:
            self.originator.rejected(outcome)
            return
        if self.state is not SETTING_UP or caller.invite is None:
            return
        self.stop_hunt()
        self.end_setup(outcome, "switch")
        body = outcome.session.encode("latin-1")
        content_type = "application/sdp" if body else None
        refusal = caller.reply(outcome.status, outcome.reason, write_lines(headers), body, content_type)
        self._refuse(outcome.status, refusal)

    def store_is_away(self) -> None:
        """Refuse a caller who has heard nothing yet, as nothing can be stored; do what is urgent of any call."""
        caller = self.caller
        if self._unstored is not None and self.state is SETTING_UP and not caller.progress:
            with self.event():
                self.reject(Outcome(503, "Storage Unavailable"), (("Retry-After", "10"),))
        for process in self.processes:
            if isinstance(process, Impatient):
                with self.event():
                    process.store_is_away()
        self.hurry()

    def is_store_away(self) -> bool:
        """Return whether what is put to the writer will not be committed soon."""
        return self.ports.store.is_away()

    def nobody_answered(self, outcome: Outcome) -> None:
        """Go on after a hunt without an answer: the script decides, or the caller hears the best response."""
        hunt, self.hunt = self.hunt, None
        if self.script is not None and hunt is not None:
            self.failure = outcome  # should the script say no more than that
            self.changed()
            self.script.nobody_answered(outcome, hunt.results())
        else:
            told = for_caller(outcome)
            self.reject(told, told.headers)

    def caller_cancelled(self, cancel: ServerTransaction | None, bye: Request | None = None) -> None:
        """Stop everything: the caller gave up, by a CANCEL or a BYE (RFC 3261 §9.2, §15)."""
        request = bye if cancel is None else cancel.request
        reasons = () if request is None else reasons_of(request)
        if cancel is not None:
            self.when_stored(lambda: cancel.accept(self.ports.clock()), is_urgent=True)
        if self.state is SETTING_UP and self.caller.is_open:
            self.stop_hunt(reasons)
            self.end_setup(CANCELLED, "caller")
            assert self.caller.invite is not None
            self._refuse(487, self.caller.reply(487, None))

    def _refuse(self, status: int, response: bytes) -> None:
        """Give the caller the final response; it stays stored for a caller who has heard of the call, till the ACK."""
        caller = self.caller
        if self.has_row and caller.invite is not None:
            caller.transition(REFUSE)
            caller.tell(caller.invite, response, self.ports.wall_clock())
        else:
            caller.transition(END)
        self.when_stored(partial(caller.respond, status, response), is_urgent=True)
        self.forget_if_finished()

    def refusal_arrived(self) -> None:
        """Take the ACK to that response, or the end of the time in which it should have come."""
        caller = self.caller
        if caller.state is REFUSED:
            caller.transition(END)
            caller.unacked_response = None
            self.forget_if_finished()

    def stop_hunt(self, reasons: tuple[tuple[str, str], ...] = ()) -> None:
        """Cancel every leg that may still answer; `reasons` are the headers that say why (RFC 3326 §2)."""
        hunt, self.hunt = self.hunt, None
        if hunt is not None:
            hunt.stop(CANCELLED._replace(headers=reasons) if reasons else CANCELLED)

    def end_setup(self, outcome: Outcome, by: str) -> None:
        """End a call that nobody has answered, but for what the caller is told."""
        now = self.ports.wall_clock()
        self.transition(CallEvent.END)
        self.ports.table.failed(self, outcome.status)
        self.disarm_all()
        for process in self.processes:
            process.abandon()
        self.caller.unacked_response = None
        self.caller.end(outcome, now, by)
        self._are_records_due = True
        self.changed()
        if self.script is not None:
            self.script.caller_gone(outcome)

    # The legs that are tried.

    def callee_responded(self, leg: Callee, response: Response) -> None:
        """Take a response to the INVITE of a leg that is tried."""
        if response.is_success:
            self._take_success(leg, response)
        elif self.hunt is not None and leg.is_open:
            self.hunt.responded(leg, response)
        elif response.is_final and leg.state is LegState.CANCELLED:
            leg.transition(END)
            self.forget_if_finished()

    def callee_left(self, leg: Callee, tag: str) -> None:
        """Take the BYE of a leg that has not answered, in its early dialog of that tag.

        A callee must not say it there (RFC 3261 §15), and does. It rings no more, unless somebody else does behind the
        same INVITE.
        """
        if self.hunt is not None and not leg.leave_early(tag):
            self.hunt.left(leg)

    def _take_success(self, leg: Callee, response: Response) -> None:
        if leg.state in _WAS_ANSWERED or (leg.state is ENDED and leg.ack is not None):
            if not leg.acknowledge_copy(response):
                self.ports.listeners.further_answer(self, leg, response)
        elif leg.is_open and self.state is SETTING_UP and self.hunt is not None:
            if self.provisionals is not None and self.provisionals.postpones(leg, response):
                return
            try:
                if "record-route" in response.headers.index():
                    _ = response.record_route
                leg.begin_dialog(response)
            except ParseError as error:
                self.hunt.failed(leg, Outcome(502, f"Bad Answer: {error.reason}"))
                # A proxy whose route cannot be read has passed it on: what comes by this way is heard, perhaps.
                response.headers.remove("Record-Route")
                self.hang_up_late(leg, response, ())
            else:
                self.hunt.answered(leg, response)
                if "session-expires" in response.headers.index():
                    offered = b"" if leg.transaction is None else leg.transaction.request.body
                    self.ports.sessions.settled(leg, response, offered)
        else:
            self.hang_up_late(leg, response)

    def join(self, leg: Callee, response: Response) -> None:
        """The first answer: the two ends are joined; the others have been told that it is over."""
        if self.originator is not None:
            self.originator.answered(leg, response)
            return
        now = self.ports.wall_clock()
        caller = self.caller
        assert caller.invite is not None
        if leg.is_open:  # and not one that has come from another call
            leg.transition(ANSWER)
        caller.transition(ANSWER)
        leg.answered_at = caller.answered_at = self.answered_at = now
        if self.early_leg is not None and leg.dialog is not None and leg.owner is self:
            self.hear(leg, leg.dialog.remote_tag, has_media=bool(response.body))
        if caller.tags:
            self.forget_early()
        if caller.dialog is None:
            caller.dialog = Dialog.as_uas(caller.invite, caller.local_tag)
        self.peer, self.hunt = leg, None
        self.transition(CallEvent.JOIN)
        self.start_clocks(leg)
        body = self.body_for(response, leg, caller)
        content_type = response.headers.get("content-type") if body else None
        if self.provisionals is not None:
            if not body and (body := self.provisionals.answer_of(leg)):
                content_type = "application/sdp"
            self.provisionals.end()
        ports = self.ports
        lines = relayed_lines(response, leg.passage_to(caller), ports.settings.extensions)
        lines += write_lines(ports.sessions.accepted(caller, caller.invite, body))
        final = caller.reply(response.status, response.reason, lines, body, content_type, source=leg.source)
        has_offer = bool(caller.invite.body)
        self.changed()
        if has_offer:
            leg.acknowledge()
        self.when_stored(partial(caller.respond, response.status, final))
        caller.tell(caller.invite, final, now)
        if self.script is not None:
            self.script.answered(leg.destination.target)

    def start_clocks(self, leg: Callee) -> None:
        """Let the clocks of a call run that talks from now on: how long it may last, and whether its ends are there."""
        self.disarm_all()
        self.limit_duration(leg)
        for begin in self.ports.listeners.joined:
            begin(self, leg)

    def hang_up_late(
        self, leg: Callee, response: Response, reasons: tuple[tuple[str, str], ...] = ELSEWHERE_HEADERS
    ) -> None:
        """A 2xx that crossed our CANCEL, or lost the race: acknowledge it, then say good-bye (RFC 3261 §13.2.2.4)."""
        body, content_type = leg.refusal_of(response)
        leg.begin_dialog(response)
        leg.transition(ANSWER)
        leg.acknowledge(body, content_type)
        leg.say_goodbye(reasons)

    # Time.

    def timer(self, name: str) -> None:
        """Take a timer of this call that has run out."""
        if name == LIMIT:
            self.hang_up("switch", 'SIP;cause=200;text="Time limit reached"', why="Time Limit Reached")
        elif name == EXPIRES:
            self.reject(EXPIRED)
        elif (take := self.ports.listeners.on_timer.get(name)) is not None:
            take(self)
        else:
            kind = name.partition(" ")[0]
            for process in (*self.processes, self.hunt, self.originator):
                if process is not None and kind in process.timers:
                    process.timer(name)
