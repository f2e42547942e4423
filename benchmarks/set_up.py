"""How long a caller waits from INVITE to 200, seen by a client of our own that plays both ends of each call.

Calls come at random (exponential gaps from a fixed seed), as people make them, whether earlier ones were answered or
not. The callee answers at once. A datagram that comes in has the kernel's time on it (SO_TIMESTAMPNS), so that it does
not count when this client is late. It repeats nothing: a call that was not answered within 500 ms, when a phone would
have sent its INVITE again (RFC 3261 §17.1.1.2, timer A), is told apart as late, and one that never was, as lost.
"""

from __future__ import annotations

import gc
import random
import re
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

HOST = "127.0.0.1"
TALK = 0.03
T1 = 0.5
PATIENCE = 2.0
"""Seconds that the last calls have to end."""

WARMING_UP = 1.0
AT_ONCE = 200
"""Calls that are always under way when the limit is looked for."""

_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("ll")
_SDP = (
    b"v=0\r\no=user1 53655765 2353687637 IN IP4 192.168.1.10\r\ns=-\r\nc=IN IP4 192.168.1.10\r\nt=0 0\r\n"
    b"m=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)
_COPIED = re.compile(rb"^(?:Via|Record-Route|From|To|Call-ID|CSeq):.*\r\n", re.MULTILINE | re.IGNORECASE)
_TO = re.compile(rb"^To:.*\r\n", re.MULTILINE | re.IGNORECASE)
_CALL_ID = re.compile(rb"^Call-ID: *(\S+)", re.MULTILINE | re.IGNORECASE)
_CONTACT = re.compile(rb"^Contact: *<([^>]+)>", re.MULTILINE | re.IGNORECASE)
_RECORD_ROUTE = re.compile(rb"^Record-Route: *(.*)\r\n", re.MULTILINE | re.IGNORECASE)


class NoneAnswered(SystemExit):
    """Nothing was measured."""


@dataclass
class Times:
    """Seconds from INVITE to 200 of calls that were answered, and how many were not, or not in time."""

    set_up: list[float] = field(default_factory=list)
    lost: int = 0
    refused: int = 0
    behind: float = 0.0
    """Seconds by which this client was late with an INVITE, at most."""

    @property
    def late(self) -> int:
        """Calls for which a phone would have sent its INVITE again."""
        return sum(seconds > T1 for seconds in self.set_up)

    @property
    def trouble(self) -> str:
        """What says that these times are not those of a server that keeps up; empty when all is well."""
        said = []
        if self.late:
            said.append(f"{self.late} calls took over {1e3 * T1:.0f} ms: a phone sends its INVITE again")
        if self.lost:
            said.append(f"{self.lost} calls were not answered")
        if self.refused:
            said.append(f"{self.refused} calls were refused, or their end was")
        if self.behind > 0.1:
            said.append(f"the client was {self.behind:.1f} s behind")
        return "; ".join(said)


def percentile(values: list[float], percent: int) -> float:
    """Return the least value that so many percent of the values do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


class Client:
    """The callers and the callee, each with a socket."""

    def __init__(self, server_port: int, caller: socket.socket, callee: socket.socket, whom: str) -> None:
        self._server = (HOST, server_port)
        self._host_port = (HOST.encode(), server_port)
        self._caller, self._callee = caller, callee
        self._whom = whom
        self._prefix = f"{time.time_ns():x}"
        self._begun = self._ended = self._refused = 0
        self._waiting: dict[bytes, int] = {}
        """When the INVITEs were sent that have no 200 yet, in the nanoseconds that the kernel counts too."""
        self._open: dict[bytes, float] = {}
        """When the calls began that have not ended, the oldest first."""
        self._byes: deque[tuple[float, bytes]] = deque()
        self._counted_from = 0
        self._answered: list[float] = []
        self._contact = b"Contact: <sip:service@%s:%d>\r\n" % (HOST.encode(), callee.getsockname()[1])

    def offer(self, rate: float, seconds: float, *, seed: int = 1) -> Times:
        """Let so many calls a second come at random; those of the first second count for nothing."""
        gaps, behind = random.Random(seed), 0.0
        due = time.monotonic()
        end = due + WARMING_UP + seconds
        self._answered, self._refused = [], 0
        self._counted_from = time.time_ns() + int(1e9 * WARMING_UP)
        while (now := time.monotonic()) < end:
            while due <= now:
                behind = max(behind, now - due)
                self._invite()
                due += gaps.expovariate(rate)
            self._turn(min(due, end) - now)
        self._finish()
        lost = sum(sent >= self._counted_from for sent in self._waiting.values())
        if not self._answered:
            raise NoneAnswered(f"none of {self._begun} calls was answered, {rate:g} a second")
        return Times(self._answered, lost, self._refused, behind)

    def saturate(self, seconds: float) -> float:
        """Return how many calls end in a second when a new one begins for each, and many are always under way."""
        counted = time.monotonic() + WARMING_UP
        end, first = counted + seconds, None
        while (now := time.monotonic()) < end:
            if first is None and now >= counted:
                first = self._ended
            while self._open and next(iter(self._open.values())) < now - PATIENCE:
                del self._open[next(iter(self._open))]  # lost on the way, and would keep its place for ever
            while len(self._open) < AT_ONCE:
                self._invite()
            self._turn(0.01)
        found = (self._ended - (first or 0)) / seconds
        self._finish()
        return found

    def _finish(self) -> None:
        end = time.monotonic() + PATIENCE
        while (now := time.monotonic()) < end and self._open:
            self._turn(end - now)

    def _turn(self, longest: float) -> None:
        """Wait for datagrams and for the next BYE, and take what has come."""
        if self._byes:
            longest = min(longest, self._byes[0][0] - time.monotonic())
        ready, _, _ = select.select([self._caller, self._callee], [], [], max(0.0, longest))
        for each in ready:
            take = self._at_caller if each is self._caller else self._at_callee
            try:
                while True:
                    data, ancillary, _, source = each.recvmsg(65535, 64)
                    take(data, ancillary, source)
            except BlockingIOError:
                pass
        now = time.monotonic()
        while self._byes and self._byes[0][0] <= now:
            self._caller.sendto(self._byes.popleft()[1], self._server)

    # --- the caller ------------------------------------------------------------------------------------

    def _invite(self) -> None:
        self._begun += 1
        number = f"{self._prefix}-{self._begun}"
        port = self._caller.getsockname()[1]
        data = (
            f"INVITE sip:{self._whom}@{HOST}:{self._server[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {HOST}:{port};branch=z9hG4bK-{number}-i;rport\r\nMax-Forwards: 70\r\n"
            f'From: "caller" <sip:caller{number}@elsewhere.example>;tag={number}\r\n'
            f"To: <sip:{self._whom}@{HOST}:{self._server[1]}>\r\nCall-ID: {number}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:caller@{HOST}:{port}>\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(_SDP)}\r\n\r\n"
        ).encode() + _SDP
        call_id = number.encode()
        self._open[call_id] = time.monotonic()
        self._waiting[call_id] = time.time_ns()
        self._caller.sendto(data, self._server)

    def _at_caller(self, data: bytes, ancillary: list[tuple[int, int, bytes]], source: object) -> None:
        if data.startswith(b"SIP/2.0 1"):
            return
        found = _CALL_ID.search(data)
        assert found is not None
        call_id = found[1]
        if not data.startswith(b"SIP/2.0 2"):
            self._over(call_id, data)
            return
        if b" BYE\r\n" in data:
            self._ended += self._open.pop(call_id, None) is not None
            return
        self._caller.sendto(self._in_dialog(b"ACK", b"1", call_id, data), self._server)
        sent = self._waiting.pop(call_id, None)
        if sent is not None:
            if sent >= self._counted_from:
                self._answered.append((_kernel_time(ancillary) - sent) / 1e9)
            self._byes.append((time.monotonic() + TALK, self._in_dialog(b"BYE", b"2", call_id, data)))

    def _over(self, call_id: bytes, refusal: bytes) -> None:
        """Count a call that was refused, and tell the server that it was heard (RFC 3261 §17.1.1.3)."""
        self._refused += self._open.pop(call_id, None) is not None
        self._waiting.pop(call_id, None)
        to = _TO.search(refusal)
        if b" INVITE\r\n" in refusal and to is not None:
            port, whom = self._caller.getsockname()[1], self._whom.encode()
            self._caller.sendto(
                b"ACK sip:%s@%s:%d SIP/2.0\r\nVia: SIP/2.0/UDP %s:%d;branch=z9hG4bK-%s-i;rport\r\n"
                b'Max-Forwards: 70\r\nFrom: "caller" <sip:caller%s@elsewhere.example>;tag=%s\r\n%sCall-ID: %s\r\n'
                b"CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
                % (whom, *self._host_port, HOST.encode(), port, call_id, call_id, call_id, to[0], call_id),
                self._server,
            )

    def _in_dialog(self, method: bytes, cseq: bytes, call_id: bytes, answer: bytes) -> bytes:
        contact, to = _CONTACT.search(answer), _TO.search(answer)
        assert contact is not None
        assert to is not None
        routes = b"".join(b"Route: %s\r\n" % route for route in reversed(_RECORD_ROUTE.findall(answer)))
        port = self._caller.getsockname()[1]
        return (
            b"%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s:%d;branch=z9hG4bK-%s-%s;rport\r\n%sMax-Forwards: 70\r\n"
            b'From: "caller" <sip:caller%s@elsewhere.example>;tag=%s\r\n%sCall-ID: %s\r\nCSeq: %s %s\r\n'
            b"Content-Length: 0\r\n\r\n"
        ) % (
            method, contact[1], HOST.encode(), port, call_id, method, routes, call_id, call_id, to[0], call_id, cseq,
            method,
        )  # fmt: skip

    # --- the callee ------------------------------------------------------------------------------------

    def _at_callee(self, data: bytes, ancillary: object, source: tuple[str, int]) -> None:
        if data.startswith(b"INVITE "):
            copied = b"".join(_COPIED.findall(data))
            head = _TO.sub(lambda line: line[0].rstrip() + b";tag=callee\r\n", copied) + self._contact
            self._callee.sendto(b"SIP/2.0 180 Ringing\r\n%sContent-Length: 0\r\n\r\n" % head, source)
            self._callee.sendto(
                b"SIP/2.0 200 OK\r\n%sContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s"
                % (head, len(_SDP), _SDP),
                source,
            )
        elif data.startswith(b"BYE "):
            copied = b"".join(_COPIED.findall(data))
            self._callee.sendto(b"SIP/2.0 200 OK\r\n%sContent-Length: 0\r\n\r\n" % copied, source)


@contextmanager
def client(server_port: int, calling_port: int, service_port: int, whom: str = "service") -> Iterator[Client]:
    """Open the two sockets; the collector of this process rests meanwhile, as it would be in the way of the times."""
    with _socket(calling_port) as caller, _socket(service_port) as callee:
        gc.collect()
        gc.disable()
        try:
            yield Client(server_port, caller, callee, whom)
        finally:
            gc.enable()


def _socket(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
    made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    made.setblocking(False)
    made.bind((HOST, port))
    return made


def _kernel_time(ancillary: list[tuple[int, int, bytes]]) -> int:
    for _, kind, data in ancillary:
        if kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data[: _TIMESPEC.size])
            return int(seconds * 1_000_000_000 + nanoseconds)
    return time.time_ns()
