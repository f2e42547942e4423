"""The layer of live transactions: it feeds messages and deadlines to the machines, and does what they ask for.

Whose a message is says table.py.  The layer has no clock and no socket: `now` is an argument, and bytes go to the
`send` that it was given.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from sipwright.sip.build import Written
from sipwright.sip.echo import is_echo
from sipwright.sip.message import Request, Response
from sipwright.sip.parser import parse
from sipwright.sip.transaction.base import (
    ACK,
    CALLING,
    CANCEL,
    EVENTS,
    PROCEEDING,
    REQUEST,
    TERMINATED,
    TRANSPORT_ERROR,
    Begin,
    Clocks,
    Deliver,
    Flow,
    Transaction,
)
from sipwright.sip.transaction.client_brief import BriefClients
from sipwright.sip.transaction.client_invite import ClientInvite
from sipwright.sip.transaction.client_non_invite import ClientNonInvite
from sipwright.sip.transaction.reliable import ReliableResponse
from sipwright.sip.transaction.server_invite import ServerInvite
from sipwright.sip.transaction.server_non_invite import ServerNonInvite
from sipwright.sip.transaction.sides import (
    ClientTransaction,
    ClientUser,
    MovingUser,
    ServerTransaction,
    ServerUser,
)
from sipwright.sip.transaction.table import (
    Key,
    TransactionTable,
    is_answer,
    local_tag_of,
    merge_key,
    own_branch,
    server_key,
)
from sipwright.sip.transaction.timers import TimerQueue, TimerValues


@dataclass(frozen=True, slots=True)
class LayerSnapshot:
    """What a console shows of the transaction layer.

    Attributes:
        transactions: How many there are of each kind in each state, as `("ServerInvite", "accepted")`.
        timers: How many timers are armed.
    """

    transactions: Mapping[tuple[str, str], int]
    timers: int


class TransactionLayer(TransactionTable):
    """Every live transaction of one stack.

    Attributes:
        timers: The queue that the clocks of all transactions wait in.
        values: T1, T2 and T4.
        clocks: The clocks of each machine, by whether the flow is reliable.
        resent: Messages that were sent again since nobody had answered them, so far.
        repeated: Requests that came again, so far.
        transport_errors: Messages that could not be sent, so far.
        brief: The client transactions that are no more than an entry of a table.
        is_own: Whether a host and a port are where we listen.
        way_again: Says over which flow a request is repeated: its peer may be elsewhere by then.
    """

    def __init__(self, send: Callable[[bytes, Flow], None], timers: TimerValues | None = None) -> None:
        """Make an empty layer; an `OSError` raised by `send` is a transport error (§17.1.4, §17.2.4)."""
        super().__init__()
        self.values = timers or TimerValues()
        self.timers = TimerQueue()
        self._send = send
        self.clocks: dict[tuple[type[Transaction], bool], Clocks] = {
            (kind, is_reliable): kind.clocks(self.values.durations(is_reliable))
            for kind in (ClientInvite, ClientNonInvite, ServerInvite, ServerNonInvite)
            for is_reliable in (False, True)
        }
        self._unsent: deque[ClientTransaction] = deque()
        self.repeated = self.resent = self.transport_errors = 0
        self.is_own: Callable[[str, int | None], bool] = _is_nowhere
        self.way_again: Callable[[bytes, Any], Any] = _as_before
        self.brief = BriefClients(self)

    # ---- messages that came in

    def match_response(self, response: Response, now: float) -> bool:
        """Feed a response to the transaction it belongs to; False when there is none.

        One that did not come back by the Via of the request is nobody's (§18.1.2, §8.1.3.3).
        """
        tx = self._clients.get((response.branch, response.cseq[1]))
        if tx is not None:
            if not (is_echo(bytes(response), tx.wire) or is_answer(response, tx.wire, self.is_own)):
                return True
            return self._absorb(tx, EVENTS[response.status // 100], response, now)
        return self.brief.match(response, now)

    def complete(self, tx: ClientNonInvite, now: float) -> None:
        """End a transaction with a 2xx that nobody has to read."""
        tx.complete(now)
        if tx.outbox:
            self.perform(tx, now)

    def match_request(self, request: Request, now: float, flow: Flow | None = None) -> bool:
        """Feed a request to the transaction it belongs to; False when there is none that absorbs it.

        One that comes again is answered where it came from now, which is `flow` (RFC 3261 §18.2.2, RFC 3581 §4).

        A CANCEL that still has an effect is given to the TU of the INVITE, which accepts it when that is safe to
        say; any other that matches is answered 200 here, over `flow` if it is given; one that matches nothing is
        left for the TU to answer with 481 (§9.2). An ACK is absorbed unless it is for a 2xx.
        """
        method = request.method
        if method == "ACK":
            tx = self._acknowledged_by(request)
            return tx is not None and self._absorb(tx, ACK, request, now)
        # A new transaction will ask for its key again, so it is kept with what was read from the headers.
        key = request.headers.parsed["server_key"] = server_key(request, method)
        tx = self._servers.get(key)
        if tx is not None:
            self.repeated += 1
            if flow is not None and flow.is_reliable == tx.flow.is_reliable:
                is_moved = flow.is_reliable and flow is not tx.flow
                tx.flow = flow  # a phone comes from another port, or over another connection, by now
                if is_moved and isinstance(tx.user, MovingUser):
                    tx.user.on_moved(tx)
            return self._absorb(tx, REQUEST, request, now)
        return method == "CANCEL" and self._cancel(request, flow, now)

    def repeats(self, key: Key, request: Request, now: float, flow: Flow | None = None) -> bool:
        """Feed a request to the transaction of a key, which it repeats under another Via; False when there is none.

        It is answered over `flow` from now on, if that is given.
        """
        tx = self._servers.get(key)
        if tx is None:
            return False
        self.repeated += 1
        tx.flow = flow or tx.flow
        return self._absorb(tx, REQUEST, request, now)

    def _absorb(self, tx: Transaction, event: str, message: Request | Response, now: float) -> bool:
        tx.handle(event, message, now)
        if tx.outbox:
            self.perform(tx, now)
        return True

    # ---- new transactions

    def server(self, request: Request, flow: Flow, user: ServerUser | None, now: float) -> ServerTransaction:
        """Begin a server transaction for a request that `match_request` knew nothing of."""
        tx = self._add_server(request, flow, user)
        tx.start(now)
        return tx

    def begin(
        self, key: Key, request: Callable[[], Request], merged: int, flow: Flow, now: float, local_tag: str
    ) -> ServerNonInvite:
        """Begin a server transaction for a new request, no INVITE, that is read only if somebody has to."""
        tx = self._servers[key] = ServerNonInvite(key, key[-1], None, flow, None, self)
        tx.unread, tx.local_tag, tx.merge_key = request, local_tag, merged
        self._merge_keys.setdefault(merged, tx)
        tx.wait(self.timers, now)
        return tx

    def client(
        self, request: Request | Written, flow: Flow, user: ClientUser | None, now: float
    ) -> ClientTransaction:
        """Begin a client transaction and send its request, whose top Via must have its branch already.

        What comes of it reaches `user` only after this has returned; a transport error too, which waits
        for `advance`.
        """
        tx = self._add_client(request, flow, user)
        tx.start(now)
        self.perform(tx, now)
        return tx

    def restore_server(
        self,
        request: Request,
        flow: Flow,
        user: ServerUser | None,
        now: float,
        last_response: bytes | None = None,
    ) -> ServerTransaction:
        """Bring back a server transaction of an earlier process in the state that `last_response` implies.

        The response is sent once more, as it may have been stored and then not sent.
        """
        tx = self._add_server(request, flow, user)
        tx.restore(last_response, now)
        self.perform(tx, now)
        return tx

    def restore_answered(
        self, response: bytes, flow: Flow, user: ServerUser | None, now: float
    ) -> ServerTransaction:
        """Bring back a server transaction of an earlier process that had sent this final response.

        Nothing else is needed of it: the response names the request, and is sent once more.

        Raises:
            ValueError: There is such a transaction already.
        """
        answered = parse(response)
        method = answered.cseq.method
        key = server_key(answered, method)
        if key in self._servers:
            raise ValueError(f"there is a transaction for what this answers already: {answered}")
        kind = ServerInvite if method == "INVITE" else ServerNonInvite
        tx = self._servers[key] = kind(key, method, None, flow, user, self)
        tx.local_tag = answered.to_tag
        tx.restore(response, now)
        self.perform(tx, now)
        return tx

    def restore_client(
        self, request: Request, flow: Flow, user: ClientUser | None, now: float, state: str = CALLING
    ) -> ClientTransaction:
        """Bring back a client transaction of an earlier process.

        An INVITE in PROCEEDING waits for its final response; everything else is sent (once more).

        Raises:
            ValueError: In that `state` nothing is to be restored.
        """
        if state not in (CALLING, PROCEEDING):
            raise ValueError(f"a request that is {state} has nothing to be restored for")
        tx = self._add_client(request, flow, user)
        if isinstance(tx, ClientInvite):
            tx.restore(state, now)
        else:
            tx.start(now)
        self.perform(tx, now)
        return tx

    def repeat(
        self, data: bytes, flow: Flow, on_timeout: Callable[[], None], now: float, limit: float | None = None
    ) -> ReliableResponse:
        """Repeat a response until it is acknowledged (§13.3.1.4); see `ReliableResponse`."""
        return ReliableResponse(data, flow, self, on_timeout, now, self.values.t2 if limit is None else limit)

    # ---- time

    def next_deadline(self) -> float | None:
        """Give the instant when `advance` is to be called; it may be early, and the past means at once."""
        return 0.0 if self._unsent or self.brief.failed else self.timers.next_deadline()

    def advance(self, now: float) -> None:
        """Do what is due."""
        self.timers.advance(now)
        self.brief.tell_failed()
        # Only those that are here now: a TU that tries the next address at once may fail once more.
        for _ in range(len(self._unsent)):
            tx = self._unsent.popleft()
            tx.handle(TRANSPORT_ERROR, None, now)
            self.perform(tx, now)

    # ---- what the machines ask for

    def perform(self, tx: Transaction, now: float) -> bool:
        """Do what a machine has put into its outbox; False when something could not be sent."""
        outbox = tx.outbox
        # Emptied first, since a TU may feed the same machine again from within.
        tx.outbox = ()
        is_sent = True
        try:
            for effect in outbox:
                if type(effect) is bytes:
                    # Not by way of `send`: this is what nearly every message is sent by.
                    try:
                        self._send(effect, tx.flow)
                    except OSError:
                        self.transport_errors += 1
                        is_sent = False
                elif type(effect) is Deliver:
                    tx.deliver(effect.message)
                elif type(effect) is Begin:
                    self.client(effect.request, tx.flow, None, now)
                else:
                    self.forget(tx)
        except BaseException:
            # The TU has a bug.  That must not keep in the table what nothing will ever end.
            if tx.state == TERMINATED:
                self.forget(tx)
            raise
        if not is_sent and isinstance(tx, ClientTransaction):
            self._unsent.append(tx)
            if self.timers.on_earlier is not None:
                self.timers.on_earlier()
        return is_sent

    def drop(self, tx: ClientTransaction) -> None:
        """Let go of a transaction before its time, since its request is to be sent by another way as it was."""
        tx.state = TERMINATED
        tx.retransmit_at = tx.expires_at = None
        self.forget(tx)

    def send(self, data: bytes, flow: Flow) -> bool:
        """Put bytes on the wire; False when they could not be sent."""
        try:
            self._send(data, flow)
        except OSError:
            self.transport_errors += 1
            return False
        return True

    # ---- looking at it

    def snapshot(self) -> LayerSnapshot:
        """Count what is there."""
        live: Iterable[Transaction] = [*self._clients.values(), *self._servers.values()]
        return LayerSnapshot(
            transactions=Counter((type(tx).__name__, tx.state) for tx in live) + self.brief.states(),
            timers=len(self.timers),
        )

    def let_go(self) -> None:
        """Know none of them any more: what still comes for them is for whoever goes on with their calls."""
        self._clients.clear()
        self._servers.clear()
        self._merge_keys.clear()
        self.brief.let_go()

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers) + len(self.brief)

    # ---- entries

    def _add_server(self, request: Request, flow: Flow, user: ServerUser | None) -> ServerTransaction:
        method = request.method
        key: Key = request.headers.parsed.get("server_key") or server_key(request, method)
        if key in self._servers:
            raise ValueError(f"there is a transaction for this request already: {request}")
        kind = ServerInvite if method == "INVITE" else ServerNonInvite
        tx = self._servers[key] = kind(key, method, request, flow, user, self)
        if request.to_tag is None:
            self.stand_for_copies(tx, request.headers.parsed.get("merge_key") or merge_key(request))
        return tx

    def _add_client(
        self, request: Request | Written, flow: Flow, user: ClientUser | None
    ) -> ClientTransaction:
        method = request.method
        branch = own_branch(request)
        key = (branch, method)
        if branch is None or key in self._clients:
            raise ValueError(f"the branch is missing or in use: {request}")
        kind = ClientInvite if method == "INVITE" else ClientNonInvite
        tx = self._clients[key] = kind(key, request, flow, user, self)
        return tx

    # ---- CANCEL

    def _cancel(self, request: Request, flow: Flow | None, now: float) -> bool:
        tx = self._cancelled_by(request)
        if tx is None:
            return False
        answer = self.server(request, flow or tx.flow, None, now)
        # §9.2 wants the tag that the INVITE is answered with.  If it has none yet, it is any that we can
        # give again, which is all that a tag has to be.
        tag = local_tag_of(tx) or f"{crc32(repr(tx.key).encode()):08x}"
        answer.local_tag = tag
        if tx.user is not None and (tx.state, CANCEL) in tx.RULES:
            tx.handle(CANCEL, answer, now)
            self.perform(tx, now)
        else:
            answer.accept(now)
        return True


def _as_before(request: bytes, flow: Flow) -> Flow:
    """Return the flow that a request was sent over."""
    return flow


def _is_nowhere(host: str, port: int | None) -> bool:
    """Return False: who has no socket listens nowhere."""
    return False
