"""The short way of a REGISTER: from its bytes to its answer, without the values that nobody asks for.

`sip/usual_register.py` reads nearly every one in one pass. Whatever has another shape, is to be refused, or has come
before is left to the long way, which reads it anew: the parser, the pipeline and `Registrar.__call__`. What a REGISTER
means is said once, in `registrar.py`, and the answers are the same byte by byte. What the steps before the registrar
look at in a REGISTER is asked here as well: extensions, scanners, absent accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from sipwright.services.refusals import store_away
from sipwright.sip import Reject, Request, parse, reason_for
from sipwright.sip.transaction.server_non_invite import ServerNonInvite
from sipwright.sip.usual_register import UsualRegister, read_register
from sipwright.stack import Incoming, Stack
from sipwright.stack.addresses import is_translated, stamp_source
from sipwright.stack.tokens import tag_of
from sipwright.transport import Flow

__all__ = ["Quick", "QuickWay"]

_OK = b"SIP/2.0 200 OK"
_CHALLENGED = b"SIP/2.0 401 Unauthorized"
_END = b"Content-Length: 0\r\n\r\n"

_named: Callable[[type[UsualRegister], tuple[object, ...]], UsualRegister] = tuple.__new__
"""Names what was read; the native reader knows nothing of names."""


class Count(Protocol):
    """Who counts what was accepted."""

    accepted: int


class Quick:
    """A REGISTER that was read in one pass, and what it is answered by.

    Called after a commit, it is accepted by what `accept_later` was given.

    Attributes:
        data: Its bytes.
        flow: The flow that it came on.
        now: When it came, as a monotonic instant.
        read: What it says.
        key: What repetitions are matched by.
        merge_key: What copies by other paths are told by.
        stack: What it came in at.
        tx: Its server transaction, if that has begun.
    """

    __slots__ = (
        "_accepted", "_count", "_is_known", "_reply_flow", "_tag", "data", "flow", "key", "merge_key", "now", "read",
        "stack", "tx",
    )  # fmt: skip

    def __init__(self, stack: Stack, data: bytes, flow: Flow, read: UsualRegister) -> None:
        self.stack, self.data, self.flow, self.read, self.now = stack, data, flow, read, stack.clock()
        self.key = read.branch, read.via_host, read.via_port, "REGISTER"
        self.merge_key = hash((read.from_tag, read.call_id, (read.cseq, "REGISTER")))
        is_redirected = read.reply_port and not is_translated(read.via_host, flow.remote[0])
        self._reply_flow = flow.redirected(read.reply_port) if is_redirected else flow
        self._tag = tag_of(read.branch, read.via_host, read.call_id)
        self.tx: ServerNonInvite | None = None
        self._accepted: bytes | None = None

    @property
    def source(self) -> tuple[str, int]:
        """The address that it came from."""
        return self.flow.remote

    def begin(self) -> None:
        """Begin its server transaction."""
        self.tx = self.stack.layer.begin(
            self.key, self.request, self.merge_key, self._reply_flow, self.now, self._tag
        )

    def respond(
        self, status: int, reason: str | None = None, *, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Answer through the transaction if it has begun, statelessly if not."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
        first = f"SIP/2.0 {status} {reason or reason_for(status)}".encode()
        rest = lines.encode("utf-8", "surrogateescape")
        wire = b"".join((first, self.read.head, self._tag.encode(), self.read.tail, rest, _END))
        if self.tx is None:
            self.stack.send_response(wire, self._reply_flow)
        else:
            self.tx.answer(status, wire, self.stack.clock())

    def challenge(self, value: str) -> None:
        """Ask for credentials, without a transaction: a repetition is asked anew."""
        read, lines = self.read, f"WWW-Authenticate: {value}\r\n"
        wire = b"".join((_CHALLENGED, read.head, self._tag.encode(), read.tail, lines.encode(), _END))
        try:
            self._reply_flow.send(wire)
        except OSError:
            self.stack.send_response(wire, self._reply_flow)  # by another connection, if there is a way

    def accept_later(self, lines: str, accepted: Count, *, is_known: bool) -> None:
        """Get ready for the commit after which it is answered 200; a phone that is known needs no commit for that."""
        read, self._count, self._is_known = self.read, accepted, is_known
        rest = lines.encode("utf-8", "surrogateescape")
        self._accepted = b"".join((_OK, read.head, self._tag.encode(), read.tail, rest, _END))

    def __call__(self) -> None:
        """Answer 200, once."""
        wire, self._accepted = self._accepted, None
        if wire is not None:
            assert self.tx is not None
            self._count.accepted += 1
            self.tx.succeed(wire, self.stack.clock())

    def store_is_away(self) -> None:
        """Answer now: a phone that was known hears that it still is, any other has to come back."""
        if self._is_known:
            self()
        elif self._accepted is not None:
            self._accepted = None
            refusal = store_away()
            self.respond(refusal.status, refusal.reason, headers=refusal.headers)

    def request(self) -> Request:
        """Read it as the long way does."""
        request = parse(self.data)
        assert isinstance(request, Request)
        stamp_source(request, self.flow)
        return request

    def incoming(self) -> Incoming:
        """Return it as the long way has it, with the transaction that has begun."""
        return Incoming(self.stack, self.request(), self.flow, self._reply_flow, self.now, self.tx)


class Taker(Protocol):
    """Who says what a REGISTER means."""

    def take(self, asked: Quick) -> bool:
        """Take it if there is nothing to be said against it; all that is not taken is as if it had not come."""


class Known(Protocol):
    """Who is known."""

    @property
    def is_complete(self) -> bool:
        """Whether all accounts are, so that none has to be looked for."""


class QuickWay:
    """Offers what can be read in one pass to the registrar; counts what that has taken."""

    __slots__ = ("_is_scanner", "_known", "_refuse", "_stack", "_taker", "taken")

    def __init__(
        self, stack: Stack, taker: Taker, known: Known, refuse: Callable[[Incoming, Reject], None], *,
        is_scanner: Callable[[str], object] = bool,
    ) -> None:  # fmt: skip
        """Get ready.

        Args:
            stack: What the messages come in at.
            taker: Who says what a REGISTER means.
            known: Which accounts are known.
            refuse: Who refuses one that was right, and cannot be stored.
            is_scanner: Says whether a stranger's User-Agent is that of a scanner.
        """
        self._stack = stack
        self._taker = taker
        self._refuse = refuse
        self._known = known
        self._is_scanner = is_scanner
        self.taken = 0

    def __call__(self, data: bytes, flow: Flow) -> bool:
        """Answer a REGISTER; False leaves it to the long way."""
        host, port = flow.remote
        found = read_register(data, host, port, flow.is_reliable) if self._known.is_complete else None
        if found is None:
            return False
        read = _named(UsualRegister, found)
        if not flow.is_known and self._is_scanner(read.user_agent or ""):
            return False
        asked = Quick(self._stack, data, flow, read)
        try:
            if not self._taker.take(asked):
                return False
        except Reject as refusal:  # when all was right with it: nothing can be stored
            self._refuse(asked.incoming(), refusal)
        if read.alias_port:
            flow.add_alias((host, read.alias_port))
        self.taken += 1
        return True
