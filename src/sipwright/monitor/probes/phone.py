"""The phone inside a node: it registers and is called as any phone is, on a stack and a socket of its own.

It has two accounts: one registers here, the other calls that one through a dialplan. Nothing rings, and what it says
is answered at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from sipwright.sip import Request, Response, digest
from sipwright.sip.build import credentials_of, make_request
from sipwright.sip.client_auth import ClientAuth
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import ClientInvite, ClientTransaction
from sipwright.stack import Exchange, Incoming, Pipeline, Stack
from sipwright.transport import Target, TcpTransport, Transport, UdpTransport
from sipwright.transport.certificates import Certificates
from sipwright.transport.tls import TlsTransport

from .result import Lost

__all__ = ["PATIENCE", "Identity", "ProbePhone"]

PATIENCE = 3.0
"""Seconds that a part may take for what takes a few milliseconds."""

EXPIRES = 300
USER_AGENT = ("User-Agent", "Sipwright probe")
SDP = "application/sdp"
ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS")


@dataclass(frozen=True, slots=True)
class Identity:
    """An account that a phone speaks for."""

    name: str
    domain: str
    password: str

    @property
    def aor(self) -> str:
        """The address-of-record."""
        return f"sip:{self.name}@{self.domain}"

    def ha1(self, realm: str, algorithm: str) -> str:
        """Return the secret that challenges are answered with."""
        return digest.ha1(self.name, realm, self.password, algorithm)


class ProbePhone:
    """One phone; must be made inside a running event loop. It makes one call at a time."""

    def __init__(
        self, server: Target, *, host: str, caller: Identity | None = None, callee: Identity | None = None,
        patience: float = PATIENCE, clock: Callable[[], float] = time.perf_counter, is_called: bool = True,
    ) -> None:  # fmt: skip
        """`server` is who is asked, `host` our own address; one that is not to be called refuses whoever calls it."""
        self._server = server
        self._caller = caller
        self._callee = callee
        self._is_called = is_called
        self.patience = patience
        self._clock = clock
        self.stack = Stack([_transport(server.protocol, host)], Pipeline([self._take]))
        self._auth: dict[str, ClientAuth] = {}
        self._cseq = 0
        self._registration = self.stack.random_token()
        self._dialog: Dialog

    @property
    def source(self) -> tuple[str, int]:
        """Where it speaks from."""
        return self.stack.transports[0].local

    async def open(self) -> None:
        """Take a socket. Raises OSError."""
        await self.stack.start()

    async def close(self) -> None:
        """Give the socket back."""
        await self.stack.close()

    # What it asks; each returns the milliseconds until the answer, and raises Lost without one.

    async def options(self, uri: str, *, is_call_wanted: bool = True) -> float:
        """Ask for OPTIONS (RFC 3261 §11): whatever is answered, somebody is there.

        A 503 says that no calls are taken (§21.5.4), which is a loss if that `is_call_wanted`.
        """
        began = self._clock()
        request = self._outside("OPTIONS", uri, f"<{uri}>", f"<sip:probe@{self.source[0]}>")
        response = await self._ask(request)
        if response.status == 503 and is_call_wanted:
            raise Lost(f"503 {response.reason}")
        return self._since(began)

    async def is_answered_by(self, stack: Stack, uri: str) -> bool:
        """Return whether it is that stack which answers, and no other one at the same address, by its tag."""
        request = self._outside("OPTIONS", uri, f"<{uri}>", f"<sip:probe@{self.source[0]}>")
        try:
            response = await self._ask(request)
        except Lost:
            return False
        return response.to_tag == stack.tag_for(request)

    async def register(self) -> float:
        """Register the callee."""
        callee = _there(self._callee)
        headers = [USER_AGENT, ("Contact", self._contact(callee)), ("Expires", str(EXPIRES))]
        began = self._clock()
        response = await self._signed(callee, lambda: self._register(callee, headers))
        if not response.is_success:
            raise Lost(f"{response.status} {response.reason} to REGISTER")
        return self._since(began)

    async def fetch_registration(self) -> float:
        """Ask what is registered (RFC 3261 §10.2.3), which changes nothing there.

        Without a password the challenge is an answer, too: whoever sends it is a registrar.
        """
        callee = _there(self._callee)
        began = self._clock()
        if callee.password:
            response = await self._signed(callee, lambda: self._register(callee, [USER_AGENT]))
        else:
            response = await self._ask(self._register(callee, [USER_AGENT]))
        if not response.is_success and (callee.password or response.status not in (401, 403, 404, 407)):
            raise Lost(f"{response.status} {response.reason} to REGISTER")
        return self._since(began)

    def _register(self, callee: Identity, headers: list[tuple[str, str]]) -> Request:
        aor = f"<{callee.aor}>"
        return self._outside(
            "REGISTER", f"sip:{callee.domain}", aor, aor, headers, call_id=self._registration
        )

    async def call(self, uri: str | None = None, expected: int = 200) -> float:
        """Call the callee, or whoever has that URI, and hang up at once; it counts until the answer.

        A dialplan may refuse the call with the status that is `expected`, so that nobody has to be rung.
        """
        caller = _there(self._caller)
        uri = uri or _there(self._callee).aor
        tag, call_id = self.stack.random_token(), self.stack.random_token()
        headers = [USER_AGENT, ("Contact", self._contact(caller)), ("Content-Type", SDP)]
        began = self._clock()
        response = await self._signed(
            caller,
            lambda: self._outside(
                "INVITE", uri, f"<{uri}>", f"<{caller.aor}>", headers, call_id=call_id, tag=tag,
                body=self._description(),
            ),
        )  # fmt: skip
        took = self._since(began)
        if response.is_success:
            await self._hang_up()
        if response.status != expected:
            raise Lost(f"{response.status} {response.reason} to INVITE")
        return took

    # What comes in.

    def _take(self, incoming: Incoming) -> bool:
        """Answer a call at once; what belongs to none that was answered is refused."""
        request, method = incoming.request, incoming.request.method
        if method == "ACK":
            return True
        if method == "INVITE" and request.to_tag is None:
            callee = self._callee
            if callee is None or not self._is_called:
                incoming.reply_statelessly(404)
                return True
            headers = (("Contact", self._contact(callee)), USER_AGENT)
            incoming.respond(200, headers=headers, body=self._description(), content_type=SDP)
        elif method in ("BYE", "OPTIONS"):
            incoming.respond(200, headers=(ALLOW,))
        else:
            incoming.respond(405, headers=(ALLOW,))
        return True

    # What goes out.

    def _since(self, began: float) -> float:
        return round((self._clock() - began) * 1_000, 3)

    def _contact(self, who: Identity) -> str:
        host, port = self.source
        shown = f"[{host}]" if ":" in host else host
        transport = "" if self._server.protocol == "udp" else f";transport={self._server.protocol}"
        return f"<sip:{who.name}@{shown}:{port}{transport}>"

    def _description(self) -> bytes:
        host = self.source[0]
        kind = "IP6" if ":" in host else "IP4"
        lines = (
            "v=0",
            f"o=probe 1 1 IN {kind} {host}",
            "s=-",
            f"c=IN {kind} {host}",
            "t=0 0",
            "m=audio 9 RTP/AVP 8",
        )
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _outside(
        self, method: str, uri: str, to: str, from_: str, headers: list[tuple[str, str]] | None = None, *,
        call_id: str | None = None, tag: str | None = None, body: bytes = b"",
    ) -> Request:  # fmt: skip
        self._cseq += 1
        token = self.stack.random_token
        return make_request(
            method, uri, from_=from_, to=to, call_id=call_id or token(), cseq=self._cseq, from_tag=tag or token(),
            headers=headers or [USER_AGENT], body=body,
        )  # fmt: skip

    async def _signed(self, who: Identity, make: Callable[[], Request]) -> Response:
        """Send a request with the credentials that were asked for last, and again if others are (RFC 3261 §22)."""
        auth = self._auth.setdefault(who.name, ClientAuth())
        rounds = 0
        while True:
            request = make()
            auth.sign(request, who.name, who.ha1, self.stack.random_token())
            response = await self._ask(request)
            if not auth.learn(request, response, who.ha1, rounds):
                return response
            rounds += 1

    async def _ask(self, request: Request) -> Response:
        """Send a request and wait for its final response; a 2xx to an INVITE is acknowledged."""
        user = _Asking(self, request)
        try:
            transaction = self.stack.send_request(request, self._server, user)
        except OSError as error:
            raise Lost(f"{request.method} cannot be sent: {error.strerror or error}") from None
        try:
            async with asyncio.timeout(self.patience):
                response = await asyncio.shield(user.final)
        except TimeoutError:
            if isinstance(transaction, ClientInvite):
                transaction.cancel(self.stack.clock())
            raise Lost(f"no answer to {request.method} within {self.patience:g} s") from None
        finally:
            user.is_awaited = False
        if response.local:
            raise Lost(f"no answer to {request.method}: {response.reason}")
        return response

    def acknowledge(self, invite: Request, response: Response, *, is_wanted: bool) -> None:
        """Send the ACK for a 2xx, also for each copy (RFC 3261 §13.2.2.4); one that comes too late is hung up."""
        dialog = Dialog.as_uac(invite, response)
        ack = dialog.make_request(
            "ACK", headers=(USER_AGENT, *credentials_of(invite)), cseq=response.cseq.number
        )
        self.stack.send_stateless(ack, self._server)
        if is_wanted:
            self._dialog = dialog
        else:
            self.stack.send_request(dialog.make_request("BYE", headers=(USER_AGENT,)), self._server, None)

    async def _hang_up(self) -> None:
        dialog, caller = self._dialog, _there(self._caller)
        response = await self._signed(caller, lambda: dialog.make_request("BYE", headers=(USER_AGENT,)))
        if not response.is_success:
            raise Lost(f"{response.status} {response.reason} to BYE")


class _Asking(Exchange):
    """Waits for a response, and acknowledges a 2xx to an INVITE."""

    def __init__(self, phone: ProbePhone, request: Request) -> None:
        super().__init__()
        self._phone = phone
        self._request = request
        self.is_awaited = True

    def on_response(self, tx: ClientTransaction, response: Response) -> None:
        """Take a response."""
        if response.is_success and self._request.method == "INVITE":
            self._phone.acknowledge(self._request, response, is_wanted=self.is_awaited)
        super().on_response(tx, response)


def _transport(protocol: str, host: str) -> Transport:
    if protocol == "tls":  # where whoever is there has to show a certificate that the system believes
        return TlsTransport(host, 0, Certificates(()))
    return TcpTransport(host, 0) if protocol == "tcp" else UdpTransport(host, 0)


def _there(who: Identity | None) -> Identity:
    if who is None:
        raise Lost("there is no account to probe with")
    return who
