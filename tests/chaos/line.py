"""A socket with the phones behind it: registrations, and which call a message belongs to."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sipwright.sip import Request, Response, digest
from sipwright.stack import Exchange, Incoming, Pipeline, Stack
from sipwright.transport import Flow, Target, TcpTransport, UdpTransport
from sipwright.transport.base import ignore_undelivered
from sipwright.transport.flow import Address
from sipwright.transport.networks import networks
from sipwright.transport.udp_socket import UdpFlow
from tcp_flows import connect

from .callee import Callee
from .end import MOST_CHALLENGES, End
from .process import DOMAIN, HOST, PASSWORD

if TYPE_CHECKING:
    from .load import Load

__all__ = ["Line"]

ROOM = 4 << 20
"""Bytes that may wait at a socket: behind one of ours are hundreds of phones, each of which would have its own."""

REFRESH = 6.0
BEAT = 0.2
_IDENTITY = re.compile(rb"\r\nTo: ([^\r]+)\r\nCall-ID: (\S+)\r\n.*?CSeq: (\d+ [A-Z]+)\r\n", re.DOTALL)


class Line:
    """One socket. A `phone` on TCP keeps one connection and does not listen; a trunk does."""

    def __init__(
        self, load: Load, port: int, accounts: Iterable[str], protocol: str = "udp", *, is_phone: bool = True
    ) -> None:
        self.load = load
        self.ledger = load.ledger
        self.dice = load.dice
        self.accounts = tuple(accounts)
        self.protocol = protocol
        self.port = port
        self.is_phone = is_phone
        self.home = load.address
        """The switch that it talks to now."""
        self.transport = UdpTransport(HOST, port) if protocol == "udp" else TcpTransport(HOST, port)
        # The answer to what comes again after a restart opens a connection to the switch (RFC 3261 §18.2.2).
        near = networks([f"{HOST}/32"])
        self.stack = Stack(
            [self.transport], Pipeline([self.take]), networks=near, on_stray_response=self._stray
        )
        self.transport.on_message = self.hear
        self.transport.on_undelivered = ignore_undelivered  # a phone repeats itself while the switch is away
        self.ends: dict[str, End] = {}
        self.flow: Flow | None = None
        self._followed: list[UdpFlow] = []
        self._is_up = asyncio.Event()
        self._seen: dict[tuple[bytes, ...], int] = {}
        self._cseq = 0
        self._challenges: dict[str, tuple[list[str], int]] = {}
        self._connections = 0
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self.stack.start()
        if isinstance(self.transport, UdpTransport):
            self.transport._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        if self.protocol == "udp" or not self.is_phone:
            self._is_up.set()
        for account in self.accounts if self.protocol == "udp" else ():
            await self.register(account)
        if self.protocol == "tcp" and self.is_phone:
            self.transport._server.close()  # like a phone behind a NAT
            self._task = asyncio.create_task(self._stay_connected())
            await self._is_up.wait()
        elif self.accounts:
            self._task = asyncio.create_task(self._refresh())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        await self.stack.close()

    @property
    def is_tcp(self) -> bool:
        return self.protocol == "tcp"

    async def way(self) -> Flow | Target:
        """Return where requests go, once it can be used."""
        await self._is_up.wait()
        return self.flow or Target(self.protocol, *self.home)

    async def connection(self) -> Flow:
        """Return a connection that is open now (only over TCP)."""
        while True:
            way = await self.way()
            if not isinstance(way, Target) and not way.is_closed:
                return way
            try:
                return await connect(self.transport, self.home)
            except OSError:
                await asyncio.sleep(0.2)

    async def own_connection(self) -> Flow:
        """Return a connection that no other call has, which a call may close."""
        while True:
            try:
                return await self.connect_beside()
            except OSError:
                await asyncio.sleep(0.2)

    async def connect_beside(self) -> Flow:
        """Open a connection beside the one that there is. Raises OSError."""
        assert isinstance(self.transport, TcpTransport)
        known, remote = self.transport._flows, self.home
        shared = known.pop(remote, None)
        flow = self.transport.flow(remote)
        del known[remote]
        if shared is not None:
            known[remote] = shared
        await flow.wait_open()
        return flow

    def follow(self, before: Address, after: Address) -> None:
        """Notice that a switch is somewhere else now: where it was, all that is under way goes on there."""
        for transport in self.udp:
            for flows in (transport._young, transport._old):
                flow = flows.pop(before, None)
                if flow is not None:
                    self._followed.append(flow)
            self._followed.append(transport.flow(before))  # what is still said there goes on, too
        for flow in self._followed:
            if flow._peer == before:
                flow._peer = after
        if isinstance(self.transport, TcpTransport):
            known = self.transport._flows.get(before)
            for flow in {self.flow, known} - {None}:
                if flow.remote == before and not flow.is_closed:
                    flow.close()
        if self.home == before:
            self.go_to(after)

    def came_back(self, address: Address) -> None:
        """Notice that a switch is there again: what is said to it from now on stays there."""
        for transport in self.udp:
            for flows in (transport._young, transport._old):
                if flows.get(address) in self._followed:
                    del flows[address]

    def go_to(self, home: Address) -> None:
        """Talk to another switch from now on, in what is new."""
        self.home = home
        if isinstance(self.flow, UdpFlow):
            self.flow = self.transport.flow(home)

    @property
    def udp(self) -> list[UdpTransport]:
        """The sockets that it speaks from."""
        return [self.transport] if isinstance(self.transport, UdpTransport) else []

    def way_now(self) -> Flow | Target:
        return self.flow or Target(self.protocol, *self.home)

    # Registrations.

    def contact(self, account: str) -> str:
        if not self.is_tcp:
            return f"<sip:{account}@{HOST}:{self.port}>"
        if not self.is_phone:
            return f"<sip:{account}@{HOST}:{self.port};transport=tcp>"
        if account in ("xa", "xb"):  # another address with each connection, but the same device
            instance = f"urn:uuid:00000000-0000-4000-8000-00000000{account.encode().hex()}"
            port = 40_000 + self._connections
            return f'<sip:{account}@10.8.7.6:{port};transport=tcp>;reg-id=1;+sip.instance="<{instance}>"'
        return f"<sip:{account}@10.8.7.6:5062;transport=tcp>"

    async def register(self, account: str, *, contact: bool = True) -> Response:
        aor = f"sip:{account}@{DOMAIN}"

        def make(extra: list[tuple[str, str]]) -> Request:
            self._cseq += 1
            headers = [
                ("Max-Forwards", "70"), ("From", f"<{aor}>;tag={self.stack.random_token()}"), ("To", f"<{aor}>"),
                ("Call-ID", f"reg-{account}-{self.port}"), ("CSeq", f"{self._cseq} REGISTER"), *extra,
            ]  # fmt: skip
            if contact:
                headers += [("Contact", self.contact(account)), ("Expires", "3600")]
            return Request("REGISTER", f"sip:{DOMAIN}", headers)

        response = await self._ask(request := make(self.credentials(account)))
        for _ in range(MOST_CHALLENGES):
            if response.status != 401:
                break
            if (
                account in self._challenges
                and "stale=true" not in (response.headers.get("WWW-Authenticate") or "").lower()
            ):
                self.ledger.fault("registration", account, "a nonce was forgotten")
            self._challenges[account] = (response.headers.get_all("WWW-Authenticate"), 0)
            response = await self._ask(request := make(self.credentials(account)))
        if response.status == 200 and contact:
            self.load.replays.hear("REGISTER", account, f"sip:{DOMAIN}", request, self.home)
        return response

    def credentials(self, account: str) -> list[tuple[str, str]]:
        if account not in self._challenges:
            return []
        challenges, count = self._challenges[account]
        self._challenges[account] = (challenges, count + 1)
        return [self.answer(account, challenges, "REGISTER", f"sip:{DOMAIN}", count + 1)]

    def answer(
        self, account: str, challenges: list[str], method: str, uri: str, count: int = 1
    ) -> tuple[str, str]:
        value = digest.answer(
            challenges, method, uri, account, lambda realm, algorithm: digest.ha1(account, realm, PASSWORD, algorithm),
            self.stack.random_token(), count,
        )  # fmt: skip
        assert value is not None
        return "Authorization", value

    async def _ask(self, request: Request) -> Response:
        exchange = Exchange()
        self.stack.send_request(request, self.way_now(), exchange)
        return await exchange.final

    async def feel_pulse(self) -> None:
        """Call a script that refuses, again and again, and note how long that takes."""
        async with asyncio.TaskGroup() as beats:
            while True:
                beats.create_task(self._beat())
                await asyncio.sleep(BEAT)

    async def _beat(self) -> None:
        to, tag, asked = f"sip:s-pulse@{DOMAIN}", self.stack.random_token(), time.monotonic()
        headers = [
            ("Max-Forwards", "70"), ("From", f"<sip:pulse@outside.example>;tag={tag}"), ("To", f"<{to}>"),
            ("Call-ID", f"pulse-{tag}"), ("CSeq", "1 INVITE"), ("Contact", self.contact("pulse")),
        ]  # fmt: skip
        response = await self._ask(Request("INVITE", to, headers))
        self.ledger.refused(response.status, response.reason, time.monotonic())
        if response.status != 486:
            self.ledger.fault("ending", "pulse", f"pulse-{tag}: {response.status} {response.reason}")
        self.ledger.beat(asked, time.monotonic())

    async def _refresh(self) -> None:
        """Register all accounts anew, one after the other."""
        while True:
            for account in self.accounts:
                await asyncio.sleep(REFRESH / len(self.accounts))
                response = await self.register(account)
                self.ledger.counts["registrations refreshed"] += 1
                if response.status != 200:
                    self.ledger.fault(
                        "registration", account, f"refused: {response.status} {response.reason}"
                    )

    async def _stay_connected(self) -> None:
        while True:
            if self.flow is None or self.flow.is_closed:
                self._is_up.clear()
                try:
                    self.flow = await connect(self.transport, self.home)
                    self._connections += 1
                    response = await self.register(self.accounts[0])
                except OSError:
                    self.flow = None
                else:
                    if response.status == 200:
                        self._is_up.set()
                    elif not response.local:
                        self.ledger.fault(
                            "registration", self.accounts[0], f"refused: {response.status} {response.reason}"
                        )
            await asyncio.sleep(0.2)

    async def connect_anew(self) -> None:
        """Register over another connection, as a phone that changes networks does."""
        try:
            flow = await self.connect_beside()
        except OSError:
            return  # the switch is away, and with it the connection
        self.flow = flow
        self._connections += 1
        await self.register(self.accounts[0])

    # What comes in.

    def hear(self, data: bytes, flow: Flow) -> None:
        if not data.startswith((b"SIP/2.0 ", b"ACK ", b"MESSAGE ")):
            self.compare(data)
        self.stack.receiver.receive(data, flow)

    def compare(self, data: bytes) -> None:
        """Check that a CSeq number is never used again for something else (RFC 3261 §12.2.1.1)."""
        match = _IDENTITY.search(data)
        if match is None:
            return
        key, content = match.groups(), hash(self.load.said(data))
        if self._seen.setdefault(key, content) != content:
            self.ledger.fault("cseq", match[2].decode(), f"{match[3].decode()} came again with other content")

    def challenges(self, incoming: Incoming, number: int) -> bool:
        """Return whether a request of call `number` was challenged, and has been answered so."""
        return False

    def take(self, incoming: Incoming) -> bool:
        request = incoming.request
        tag = request.to_tag
        if tag is not None:
            end = self.ends.get(tag)
            if end is not None and end.dialog is not None and end.dialog.call_id == request.call_id:
                end.take(incoming)
            elif request.method != "ACK":
                incoming.reply_statelessly(481)
            return True
        if request.method == "INVITE":
            self._invited(incoming)
        elif request.method == "MESSAGE":
            self.load.texts.take(self, incoming)
        elif request.method != "ACK":
            incoming.respond(200 if request.method == "OPTIONS" else 481)
        return True

    def _invited(self, incoming: Incoming) -> None:
        request = incoming.request
        plan = self.load.plans.get(_number_of(request))
        account = request.request_uri.user or ""
        if plan is None:
            self.ledger.fault("invite", request.call_id, f"an INVITE to {account} that belongs to no call")
            incoming.respond(404)
            return
        if self.challenges(incoming, plan.id):
            return
        ends = plan.callees.setdefault(account, [])
        behaviour = plan.behaviours.get(account)
        if behaviour is None or not behaviour.may_ring:
            self.ledger.fault("invite", plan, f"{account} should not have rung")
            incoming.respond(486)
        elif ends:
            self.ledger.fault("invite", plan, f"{account} rang again: {ends[0].call_id}, {request.call_id}")
            incoming.respond(486)
        else:
            ends.append(Callee(self, plan, account, incoming))

    def _stray(self, response: Response, flow: Flow) -> None:
        """Acknowledge a 2xx that comes late (RFC 3261 §13.2.2.4); one phone in five does not bother."""
        end = self.ends.get(response.from_tag or "")
        if end is not None and response.is_success and response.cseq.method == "INVITE" and end.plan.id % 5:
            end.acknowledge_late(response)


def _number_of(request: Request) -> int:
    """Return the number of the call that an INVITE belongs to; one that the switch makes by itself says it in From."""
    text = request.headers.get("X-Chaos") or (request.from_.uri.user or "").removeprefix("p")
    return int(text) if text.isdigit() else -1
