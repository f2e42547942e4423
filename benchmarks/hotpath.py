"""What one registration and one call cost inside the process, step by step, without sockets and disk.

Feeds datagrams to the stack of a whole node, whose sends go into a list and whose writer commits at once, and
gives the CPU time of each step, the best of some rounds: so a change that makes a step slower is seen, and in
which step. What a stored row costs is measured by `writer.py`, and everything together, beside Kamailio, by
`bench.py`. With `--profile STEP` one step is profiled.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import gc
import pstats
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Hashable
from pathlib import Path
from typing import Any

import uvloop

from sipwright.config import Settings
from sipwright.node.node import Node
from sipwright.services.rows import CallRow
from sipwright.sip import parse
from sipwright.sip.digest import answer, ha1
from sipwright.store import Store
from sipwright.store.admin.specs import AccountSpec
from sipwright.store.crypto import create_key_file
from sipwright.transport import UdpTransport

PHONE, CALLEE = ("127.0.0.1", 6060), ("127.0.0.1", 6090)
SDP = (
    b"v=0\r\no=user1 53655765 2353687637 IN IP4 192.168.1.10\r\ns=-\r\nc=IN IP4 192.168.1.10\r\nt=0 0\r\n"
    b"m=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n\r\n"
)

Datagrams = list[bytes]

DOCUMENT = CallRow._fields.index("document")


class InstantWriter:
    """Commits when it is told to, and keeps nothing."""

    is_away = False

    def __init__(self) -> None:
        self.rows = self.size = 0
        self._callbacks: list[Callable[[], None]] = []

    def put(
        self,
        kind: str,
        key: Hashable,
        row: tuple[Any, ...] | Callable[[], tuple[Any, ...]] | None,
        on_commit: Callable[[], None] | None = None,
    ) -> None:
        self.rows += 1
        if callable(row):
            row = row()
        if kind == "call" and row is not None:
            self.size += len(row[DOCUMENT])
        if on_commit is not None:
            self._callbacks.append(on_commit)

    def commit(self) -> None:
        callbacks, self._callbacks = self._callbacks, []
        for on_commit in callbacks:
            on_commit()


class Bench:
    """A node, the datagrams that it sends, and what each step has cost."""

    def __init__(self, node: Node, writer: InstantWriter, profiled: str | None) -> None:
        self._node = node
        self._writer = writer
        self._profiled = profiled
        self._sent: list[tuple[bytes, Any]] = []
        self.found: dict[str, tuple[float, str]] = {}
        udp = node.stack.transports[0]
        assert isinstance(udp, UdpTransport)
        udp.sendto = lambda data, peer: self._sent.append((data, peer))  # type: ignore[assignment]
        udp.is_closed = False
        node.stack.addresses.note_bound()
        self._udp = udp

    order = "tottime"

    def step(self, name: str, datagrams: Datagrams, source: tuple[str, int]) -> tuple[Datagrams, Datagrams]:
        """Feed datagrams from one address, and return what was sent to the phone and to the callee."""
        receive, flow, commit = self._node.stack.receiver.receive, self._udp.flow(source), self._writer.commit
        self._sent.clear()
        rows, size = self._writer.rows, self._writer.size
        profile = cProfile.Profile() if name == self._profiled else None
        started = time.process_time()
        if profile is not None:
            profile.enable()
        for data in datagrams:
            receive(data, flow)
            commit()
        if profile is not None:
            profile.disable()
            pstats.Stats(profile).sort_stats(self.order).print_stats(60)
        spent = (time.process_time() - started) / len(datagrams)
        rows, size = self._writer.rows - rows, self._writer.size - size
        self.report(
            name, spent, f"{rows / len(datagrams):4.1f} rows, {size / len(datagrams):5.0f} bytes of calls"
        )
        return tuple([data for data, peer in self._sent if peer == to] for to in (PHONE, CALLEE))  # type: ignore[return-value]

    def report(self, name: str, spent: float, more: str = "") -> None:
        if name:
            best, _ = self.found.get(name, (spent, more))
            self.found[name] = (min(best, spent), more)

    def forget(self, name: str, count: int) -> None:
        """Let the timers of all transactions run out."""
        started = time.process_time()
        for later in (5.0, 33.0, 70.0):
            self._node.stack.layer.advance(time.monotonic() + later)
        self.report(name, (time.process_time() - started) / count)
        assert len(self._node.stack.layer) == 0


def register(user: str, number: int, cseq: int, authorization: str = "") -> bytes:
    return (
        f"REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6060;branch=z9hG4bK-{number}-{cseq};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{user}@127.0.0.1>;tag={number}\r\nTo: <sip:{user}@127.0.0.1>\r\n"
        f"Call-ID: {number}-4711@127.0.0.1\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:{user}@127.0.0.1:6060>\r\n"
        f"Expires: 3600\r\nUser-Agent: phone\r\n{authorization}Content-Length: 0\r\n\r\n"
    ).encode()


def authorized(user: str, number: int, challenged: bytes) -> bytes:
    challenges = parse(challenged).headers.get_all("WWW-Authenticate")
    value = answer(
        challenges, "REGISTER", "sip:127.0.0.1", user, lambda realm, _: ha1(user, realm, "secret"), "c1"
    )
    return register(user, number, 2, f"Authorization: {value}\r\n")


def invite(number: int) -> bytes:
    return (
        "INVITE sip:service@127.0.0.1:5060 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:6060;branch=z9hG4bK-{number}-i;rport\r\nMax-Forwards: 70\r\n"
        f'From: "caller" <sip:caller@elsewhere.example>;tag=c{number}\r\nTo: <sip:service@127.0.0.1:5060>\r\n'
        f"Call-ID: {number}-4712@127.0.0.1\r\nCSeq: 1 INVITE\r\nContact: <sip:caller@127.0.0.1:6060>\r\n"
        f"User-Agent: phone\r\nContent-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n"
    ).encode() + SDP


def in_dialog(number: int, method: str, answered: bytes) -> bytes:
    response = parse(answered)
    cseq = 1 if method == "ACK" else 2
    return (
        f"{method} {response.contacts[0].uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:6060;branch=z9hG4bK-{number}-{method};rport\r\nMax-Forwards: 70\r\n"
        f'From: "caller" <sip:caller@elsewhere.example>;tag=c{number}\r\nTo: {response.headers.get("To")}\r\n'
        f"Call-ID: {number}-4712@127.0.0.1\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def respond(request: bytes, status: str, number: int, body: bytes = b"") -> bytes:
    """Answer a request as sipp does: the lines of the request, our tag, a Contact."""
    lines = request.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    kept = [line for line in lines if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))]
    if ";tag=" not in kept[2]:
        kept = [f"{line};tag=s{number}" if line.startswith("To:") else line for line in kept]
    kind = "Content-Type: application/sdp\r\n" if body else ""
    head = "\r\n".join([f"SIP/2.0 {status}", *kept, "Contact: <sip:service@127.0.0.1:6090;transport=UDP>"])
    return f"{head}\r\n{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body


def measure(bench: Bench, users: int, first: int) -> None:
    """Register so many users, then let each call the callee; `first` keeps the rounds apart.

    Each round has users of its own: what a memo knows of them from the last one is not what a phone finds that comes
    back after an hour.
    """
    numbers = range(first, first + users)
    names = [f"u{number}" for number in numbers]
    asked = [register(name, number, 1) for name, number in zip(names, numbers, strict=True)]
    challenged, _ = bench.step("REGISTER -> 401", asked, PHONE)
    triples = zip(names, numbers, challenged, strict=True)
    accepted, _ = bench.step("REGISTER -> 200", [authorized(*triple) for triple in triples], PHONE)
    assert all(data.startswith(b"SIP/2.0 200") for data in accepted)
    bench.forget("timers of a registration", users)

    _, challenged = bench.step("", [to_callee(register("service", -first, 1))], CALLEE)
    bench.step("", [to_callee(authorized("service", -first, challenged[0]))], CALLEE)

    _, invites = bench.step("INVITE -> INVITE", [invite(n) for n in numbers], PHONE)
    ringing = [respond(data, "180 Ringing", n) for n, data in zip(numbers, invites, strict=True)]
    told, _ = bench.step("180 -> 180", ringing, CALLEE)
    answers = [respond(data, "200 OK", n, SDP) for n, data in zip(numbers, invites, strict=True)]
    answered, acks = bench.step("200 -> 200, ACK", answers, CALLEE)
    acknowledged = [in_dialog(n, "ACK", data) for n, data in zip(numbers, answered, strict=True)]
    bench.step("ACK", acknowledged, PHONE)
    hung_up = [in_dialog(n, "BYE", data) for n, data in zip(numbers, answered, strict=True)]
    done, byes = bench.step("BYE -> BYE, 200", hung_up, PHONE)
    bench.step(
        "200 to the BYE", [respond(data, "200 OK", n) for n, data in zip(numbers, byes, strict=True)], CALLEE
    )
    assert len(told) == len(acks) == len(done) == users
    bench.forget("timers of a call", users)


def to_callee(datagram: bytes) -> bytes:
    return datagram.replace(b":6060", b":6090")


@contextlib.asynccontextmanager
async def open_bench(users: int, profiled: str | None = None) -> AsyncIterator[Bench]:
    """Make a node with so many accounts, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        create_key_file(Path(folder) / "sipwright.key")
        settings = Settings.load(Path(folder))
        settings.sip.udp, settings.sip.tcp = ["127.0.0.1:5060"], []
        settings.sip.calls_per_account = 20_000  # all of them ring at once
        settings.dialplan.user_runs = 200_000
        store = await Store.open(f"sqlite:///{folder}/bench.db", Path(folder) / "sipwright.key")
        await store.ensure_domains(["localhost"])
        await store.add_user("admin", "secret", role="admin")
        names = [f"u{number}" for number in range(users)] + ["service"]
        await store.import_accounts([AccountSpec(name, "secret") for name in names])
        await store.catch_up()
        real_writer, writer = store.writer, InstantWriter()
        store.writer = writer  # type: ignore[assignment]
        node = Node(settings, store, b"secret")
        gc.collect()
        gc.freeze()
        gc.disable()  # as `node/collector.py` has it
        try:
            yield Bench(node, writer, profiled)
        finally:
            await node.scripts.close()
            store.writer = real_writer
            await store.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", help="profile this step, such as '180 -> 180'")
    arguments = parser.parse_args()
    users, rounds = arguments.users, arguments.rounds
    async with open_bench(users * (rounds + 1), arguments.profile) as bench:
        for first in range(users, users * (rounds + 1), users):
            measure(bench, users, first)
        for name, (spent, more) in bench.found.items():
            print(f"  {name:26}{1e6 * spent:7.1f} us  {more}")


if __name__ == "__main__":
    uvloop.run(main())
