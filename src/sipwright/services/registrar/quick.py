"""The short way of a REGISTER: from its bytes to its answer, without the values that nobody asks for.

Phones register all day, and nearly every REGISTER has one shape: no body, each header on a line of its own that says
`Name: value`, one Contact, nothing repeated but Via. `read` takes such a one apart in one pass. Whatever has another
shape, is to be refused, or has come before is left to the long way, which reads it anew: the parser, the pipeline and
`Registrar.__call__`. What a REGISTER means is said once, in `registrar.py`, and the answers are the same byte by byte.
What the steps before the registrar look at in a REGISTER is asked here as well: extensions, scanners, absent accounts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Protocol

from sipwright.sip import Reject, Request, Uri, parse, reason_for
from sipwright.sip.headers.names import KEYS
from sipwright.sip.parser import MOST_LINES
from sipwright.sip.transaction import ServerTransaction
from sipwright.sip.uri import DEFAULT_PORTS
from sipwright.stack import Incoming, Stack
from sipwright.stack.source import stamp_source
from sipwright.transport import Flow

__all__ = ["Quick", "QuickWay", "read"]

LONGEST = 4_096
"""Bytes of a REGISTER that is read so."""

_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
_VIA = re.compile(
    r" SIP/2\.0/(UDP|TCP|TLS|WS|WSS) ([a-z0-9.\-]+)(?::([0-9]+))?(;rport)?"
    rf";branch=(z9hG4bK{_TOKEN})(;rport)?(;alias)?"
).fullmatch
_ADDRESS = re.compile(
    r' (?:"[^"\\]*" ?|[A-Za-z0-9 ]*)<sip:([A-Za-z0-9\-_.+]+)@([a-z0-9.\-]+)(?::([0-9]+))?>'
).fullmatch
_TAG = re.compile(rf";tag=({_TOKEN})").fullmatch
_CSEQ = re.compile(r" ([0-9]{1,9}) REGISTER").fullmatch
_PORTS = {name.upper(): port for name, port in DEFAULT_PORTS.items()}

_USUAL = frozenset({
    "Accept", "Accept-Encoding", "Accept-Language", "Allow", "Allow-Events", "Authorization", "CSeq", "Call-ID",
    "Contact", "Content-Length", "Expires", "From", "Max-Forwards", "Path", "Route", "Supported", "To", "User-Agent",
    "Via",
})  # fmt: skip
_READ = frozenset(map(str.lower, _USUAL)) | {"require", "proxy-require", "server"}
"""The headers that mean something here, by their keys; some of them only to the long way."""


class Quick:
    """A REGISTER that was read in one pass, and what it is answered by.

    Attributes:
        data: Its bytes.
        flow: The flow that it came on.
        now: When it came, as a monotonic instant.
        values: What follows the colon in its headers, by their names.
        uri: The Request-URI.
        to: User, host and port of To, and of From; the host as it is compared if it is that of the Request-URI.
        call_id: The Call-ID.
        cseq: The number of the CSeq.
        key: What repetitions are matched by.
        merge_key: What copies by other paths are told by.
        alias: Which address its connection may be used for as well (RFC 5923), if it says so.
    """

    __slots__ = (
        "_head", "_reply_flow", "_stack", "_tx", "alias", "call_id", "cseq", "data", "flow", "key", "merge_key",
        "now", "to", "uri", "values",
    )  # fmt: skip

    _head: tuple[str, str]
    _reply_flow: Flow
    _stack: Stack
    _tx: ServerTransaction | None
    data: bytes
    flow: Flow
    now: float
    values: dict[str, str]
    uri: Uri
    to: tuple[str, str, int | None]
    call_id: str
    cseq: int
    key: tuple[str, str, int | None, str]
    merge_key: int
    alias: tuple[str, int] | None

    @property
    def source(self) -> tuple[str, int]:
        """The address that it came from."""
        return self.flow.remote

    def value(self, name: str) -> str | None:
        """Return the value of a header, if it is there."""
        value = self.values.get(name)
        return value if value is None else value.strip(" \t")

    @property
    def is_new(self) -> bool:
        """Whether neither it nor a copy of it has come before."""
        return self._stack.layer.is_new(self.key, self.merge_key)

    def begin(self) -> None:
        """Begin its server transaction."""
        self._tx = self._stack.layer.begin(
            self.key, self.request, self.merge_key, self._reply_flow, self.now, self._tag()
        )

    def respond(
        self, status: int, reason: str | None = None, *, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Answer through the transaction if it has begun, statelessly if not."""
        head, tx = self._head, self._tx
        tag = self._tag() if tx is None else tx.local_tag
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
        wire = (
            f"SIP/2.0 {status} {reason or reason_for(status)}\r\n{head[0]};tag={tag}{head[1]}"
            f"{lines}Content-Length: 0\r\n\r\n"
        ).encode()
        if tx is None:
            self._stack.send_response(wire, self._reply_flow)
        else:
            tx.answer(status, wire, self._stack.clock())

    def request(self) -> Request:
        """Read it as the long way does."""
        request = parse(self.data)
        assert isinstance(request, Request)
        stamp_source(request, self.flow)
        return request

    def incoming(self) -> Incoming:
        """Return it as the long way has it, with the transaction that has begun."""
        return Incoming(self._stack, self.request(), self.flow, self._reply_flow, self.now, self._tx)

    def _note_source(self, text: str) -> str:
        """Note the source in the top Via, as `stack/source.py` does (RFC 3261 §18.2, RFC 3581 §4), and the way back.

        Raises:
            ValueError: It is not as nearly all are.
        """
        via, flow = _VIA(text), self.flow
        if via is None:
            raise ValueError
        protocol, host, port_text, before, branch, after, alias = via.groups()
        remote, remote_port = flow.remote
        port = None if port_text is None else _port(port_text)
        self.key = branch, host, port, "REGISTER"
        self._reply_flow, self.alias = flow, None
        rport = before or after
        if "%" in remote or (before and after):
            raise ValueError
        if flow.is_reliable:
            if alias and host == remote:
                self.alias = remote, port or _PORTS[protocol]
        elif not rport and (used_port := port or _PORTS[protocol]) != remote_port:
            self._reply_flow = flow.redirected(used_port)
        if rport:
            return f"{text.replace(rport, f'{rport}={remote_port}', 1)};received={remote}"
        return text if host == remote else f"{text};received={remote}"

    def _tag(self) -> str:
        return self._stack.tag_of(self.key[0], self.key[1], self.call_id)


def read(data: bytes, flow: Flow, stack: Stack) -> Quick | None:
    """Take a REGISTER apart; None leaves it to the long way."""
    if len(data) > LONGEST or not data.isascii():
        return None
    start_line, *lines, last, end = (
        data.decode("ascii").split("\r\n") if data[-4:] == b"\r\n\r\n" else ("", "", "")
    )
    all_lines = "".join(lines)
    if len(lines) > MOST_LINES or last or end or "\n" in all_lines or "\r" in all_lines or "\0" in all_lines:
        return None
    values: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            return None
        values[name] = value
    try:
        _, uri_text, version = start_line.split(" ")
        vias = [values["Via"]] if len(values) == len(lines) else _vias(lines, values)
        if not values.keys() <= _USUAL and any(KEYS[name] in _READ for name in values.keys() - _USUAL):
            return None
        from_text, to_text, cseq = values["From"], values["To"], _CSEQ(values["CSeq"])
        blank, call_id = values["Call-ID"][:1], values["Call-ID"][1:]
        to = _ADDRESS(to_text)
        if to is None or cseq is None or blank != " " or not call_id or " " in call_id or "\t" in call_id:
            return None
        if version != "SIP/2.0" or uri_text[:4] != "sip:" or values.get("Content-Length", " 0") != " 0":
            return None
        self = Quick.__new__(Quick)
        self._stack, self._tx, self.data, self.flow, self.now = stack, None, data, flow, stack.clock()
        user, host, port = to.groups()
        self.values, self.call_id, self.cseq = values, call_id, int(cseq[1])
        self.to = user, host, None if port is None else _port(port)
        self.merge_key = hash((_tag_of(from_text, to_text, to), call_id, (self.cseq, "REGISTER")))
        self.uri = Uri.parse(uri_text)
        vias[0] = self._note_source(vias[0])
    except (KeyError, ValueError):
        return None
    top = "\r\nVia:".join(vias)
    self._head = (
        f"Via:{top}\r\nFrom:{from_text}\r\nTo:{to_text}",
        f"\r\nCall-ID:{values['Call-ID']}\r\nCSeq:{cseq[0]}\r\n",
    )
    return self


def _port(text: str) -> int:
    """Read a port as nearly all are written."""
    port = int(text) if text.isdigit() and text[0] != "0" else 0
    if not 0 < port < 65_536:
        raise ValueError
    return port


def _vias(lines: list[str], values: dict[str, str]) -> list[str]:
    """Return all Vias of a request with several, in which nothing else is repeated."""
    vias = [line[4:] for line in lines if line.startswith("Via:")]
    if len(values) + len(vias) - 1 != len(lines):
        raise ValueError
    return vias


def _tag_of(sender: str, to_text: str, to: re.Match[str]) -> str:
    """Return the tag of a From that has the address of To: whoever registers for others goes the long way."""
    length = len(to_text)
    if not sender.startswith(to_text):
        length = sender.rfind(";tag=")
        address = _ADDRESS(sender, 0, max(length, 0))
        if address is None or address.groups() != to.groups():
            raise ValueError
    tag = _TAG(sender, length)
    if tag is None:
        raise ValueError
    return tag[1]


class Taker(Protocol):
    """Who says what a REGISTER means."""

    def take(self, asked: Quick) -> bool:
        """Take it if there is nothing to be said against it; all that is not taken is as if it had not come."""


class QuickWay:
    """Offers what `read` can read to the registrar; counts what that has taken."""

    __slots__ = ("_is_complete", "_is_scanner", "_refuse", "_stack", "_taker", "taken")

    def __init__(
        self, stack: Stack, taker: Taker, refuse: Callable[[Incoming, Reject], None], *,
        is_complete: Callable[[], bool] = lambda: True, is_scanner: Callable[[str], object] = bool,
    ) -> None:  # fmt: skip
        """Get ready.

        Args:
            stack: What the messages come in at.
            taker: Who says what a REGISTER means.
            refuse: Who refuses one that was right, and cannot be stored.
            is_complete: Says whether all accounts are known, so that none has to be looked for.
            is_scanner: Says whether a stranger's User-Agent is that of a scanner.
        """
        self._stack = stack
        self._taker = taker
        self._refuse = refuse
        self._is_complete = is_complete
        self._is_scanner = is_scanner
        self.taken = 0

    def __call__(self, data: bytes, flow: Flow) -> bool:
        """Answer a REGISTER; False leaves it to the long way."""
        asked = read(data, flow, self._stack) if self._is_complete() else None
        if asked is None or not (flow.is_known or self._is_harmless(asked)):
            return False
        try:
            if not self._taker.take(asked):
                return False
        except Reject as refusal:  # when all was right with it: nothing can be stored
            self._refuse(asked.incoming(), refusal)
        if asked.alias is not None:
            flow.add_alias(asked.alias)
        self.taken += 1
        return True

    def _is_harmless(self, asked: Quick) -> bool:
        """Return whether nothing about a stranger's request shows a scanner, which asks for extensions by name."""
        return asked.uri.user is None and not self._is_scanner(asked.value("User-Agent") or "")
