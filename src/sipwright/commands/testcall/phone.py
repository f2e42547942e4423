"""A simulated phone: one user agent with one call, on a stack of its own and a real socket (RFC 3261 §8, §12-15).

It behaves like a phone behind a NAT: its Contact and its session descriptions carry private addresses, so
it can only be reached at the socket that it calls from. Whoever drives it says what it sends and when it answers;
only what no phone asks its user about (BYE, OPTIONS, repeated messages) it does by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from sipwright.sip import Request, Response, digest
from sipwright.sip.build import credentials_of, make_request
from sipwright.sip.client_auth import ClientAuth
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import ClientInvite, ClientTransaction, ReliableResponse, ServerTransaction
from sipwright.stack import Exchange, Incoming, Pipeline, Stack
from sipwright.transport import Address, Target, TcpTransport, Transport, UdpTransport

from .ladder import Ladder, Side
from .report import Unfinished

__all__ = ["Phone"]

PATIENCE = 8.0
"""How many seconds a phone waits for what should come in a few milliseconds; a busy machine may stand still for two."""

CHANGES, GLARE = 3, 0.2
"""How often a change of the call is asked for while both ends want one, and the seconds between (RFC 3261 §14.1)."""

USER_AGENT = ("User-Agent", "Sipwright call-test")
SDP = "application/sdp"
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS"

Pairs = tuple[tuple[str, str], ...]


class Phone:
    """One phone; must be made inside a running event loop.

    Attributes:
        side: Its place in the ladder.
        account: The name that it registers.
        home: The private address that it believes to have.
        heard: The status of every provisional response to its call.
    """

    def __init__(
        self, side: Side, account: str, password: str, domain: str, *, switch: Target, host: str, home: str,
        ladder: Ladder,
    ) -> None:  # fmt: skip
        self.side = side
        self.account = account
        self.home = home
        self.heard: list[int] = []
        self.dialog: Dialog | None = None
        self._password = password
        self._domain = domain
        self._switch = switch
        transport: Transport = UdpTransport(host, 0) if switch.protocol == "udp" else TcpTransport(host, 0)
        self._stack = Stack([transport], Pipeline([self._take]))
        self._stack.tap.listen(ladder.listener(side))
        self._inbox: asyncio.Queue[Incoming] = asyncio.Queue()
        self._kept: list[Incoming] = []
        self._calling: tuple[ClientInvite, Exchange] | None = None
        self._ringing: Incoming | None = None
        self._repeater: ReliableResponse | None = None
        self._cseq = 0
        self._registration = self._stack.random_token()

    def __str__(self) -> str:
        return f"phone {self.side}"

    @property
    def address(self) -> Address:
        """The socket that it really is at."""
        return self._stack.transports[0].local

    @property
    def aor(self) -> str:
        """The address-of-record."""
        return f"sip:{self.account}@{self._domain}"

    @property
    def contact(self) -> str:
        """The address that it believes to be reached at."""
        transport = ";transport=tcp" if self._switch.protocol == "tcp" else ""
        return f"<sip:{self.account}@{self.home}:5060{transport}>"

    async def open(self) -> None:
        """Take a socket. Raises OSError."""
        await self._stack.start()

    async def close(self) -> None:
        """Give the socket back; whatever was under way is dropped."""
        if self._repeater is not None:
            self._repeater.stop()
        await self._stack.close()

    # Requests outside a call.

    async def ping(self, patience: float = PATIENCE) -> bool:
        """Ask the switch for a sign of life (RFC 3261 §11)."""
        request = self._outside("OPTIONS", f"sip:{self._domain}", self.aor)
        try:
            return not (await self._ask(request, patience)).local
        except Unfinished:
            return False

    async def register(self, expires: int) -> Response:
        """Register with digest, or take the registration back with `expires` 0; returns the final response."""
        registrar = f"sip:{self._domain}"
        headers = (("Contact", self.contact), ("Expires", str(expires)))

        def make() -> Request:
            return self._outside("REGISTER", registrar, self.aor, headers, call_id=self._registration)

        return await self._with_digest(make)

    # The call, as the caller.

    async def call(self, number: str, body: bytes) -> Response:
        """Call a number with digest; returns the final response, which was acknowledged."""
        uri = f"sip:{number}@{self._domain}"
        tag, call_id = self._stack.random_token(), self._stack.random_token()
        headers = (("Contact", self.contact), ("Content-Type", SDP))

        def make() -> Request:
            return self._outside("INVITE", uri, uri, headers, body, tag=tag, call_id=call_id)

        return await self._with_digest(make)

    # The call, as the callee.

    async def ringing(self) -> Incoming:
        """Wait for a call, and ring."""
        incoming = self._ringing = await self.expect("INVITE")
        self.dialog = Dialog.as_uas(incoming.request, incoming.transaction.local_tag or "")
        incoming.respond(180, headers=(("Contact", self.contact), USER_AGENT))
        return incoming

    async def answer(self, incoming: Incoming, body: bytes) -> Request:
        """Answer a call, or a change of one, and wait for the ACK."""
        self._ringing = None
        wire = incoming.respond(
            200, headers=(("Contact", self.contact), USER_AGENT), body=body, content_type=SDP
        )
        if self.dialog is not None:
            self.dialog.refresh_target(incoming.request)
        layer, now = self._stack.layer, self._stack.clock()
        give_up: Callable[[], None] = partial(setattr, self, "_repeater", None)
        self._repeater = layer.repeat(wire, incoming.transaction.flow, give_up, now)
        return (await self.expect("ACK", incoming.request.cseq.number)).request

    # Both ends.

    async def change(self, body: bytes) -> Response:
        """Send a re-INVITE; returns the final response, which was acknowledged.

        A 491 says that the other end was about to change something, too, or that an ACK of it is still on its way over
        another transport: it is asked again a little later, as by any phone (RFC 3261 §14.1).
        """
        left = CHANGES
        while True:
            response = await self._within_call("INVITE", (("Contact", self.contact), USER_AGENT), body)
            left -= 1
            if response.status != 491 or not left:
                return response
            await asyncio.sleep(GLARE)

    async def hang_up(self) -> Response:
        """Send a BYE; returns the response to it."""
        response = await self._within_call("BYE", (USER_AGENT,))
        self.dialog = None
        return response

    async def give_up(self) -> None:
        """Leave whatever call is on: hang up, give up calling, or refuse a call that rings."""
        if self._ringing is not None:
            self._ringing.respond(480)
        elif self.dialog is not None:
            await self.hang_up()
        elif self._calling is not None:
            transaction, user = self._calling
            transaction.cancel(self._stack.clock())
            try:
                async with asyncio.timeout(PATIENCE):
                    await asyncio.shield(user.final)
            except TimeoutError:
                raise Unfinished(f"{self} got no final response to the INVITE that it cancelled") from None

    async def expect(self, method: str, cseq: int | None = None, patience: float = PATIENCE) -> Incoming:
        """Wait for a request of the switch; others that come are kept.

        Raises:
            Unfinished: It did not come in time.
        """

        def fits(incoming: Incoming) -> bool:
            request = incoming.request
            return request.method == method and cseq in (None, request.cseq.number)

        for incoming in self._kept:
            if fits(incoming):
                self._kept.remove(incoming)
                return incoming
        try:
            async with asyncio.timeout(patience):
                while not fits(incoming := await self._inbox.get()):
                    self._kept.append(incoming)
                return incoming
        except TimeoutError:
            raise Unfinished(f"{self} got no {method} within {patience:g} s") from None

    # What comes in.

    def _take(self, incoming: Incoming) -> bool:
        """Keep a request for whoever drives the phone; answer at once what needs no decision."""
        request, method = incoming.request, incoming.request.method
        if request.to_tag is not None and not self._is_of_call(request):
            incoming.reply_statelessly(481)
            return True
        if method == "INVITE":
            # From now on the transaction absorbs copies of it.
            incoming.open(_Called(incoming))
        elif method == "ACK":
            if self._repeater is not None:
                self._repeater.stop()
                self._repeater = None
        elif method == "BYE":
            incoming.respond(200)
            self.dialog = None
        else:
            incoming.respond(200 if method == "OPTIONS" else 405, headers=(("Allow", ALLOW),))
            return True
        self._inbox.put_nowait(incoming)
        return True

    def _is_of_call(self, request: Request) -> bool:
        """Return whether a request belongs to the dialog (RFC 3261 §12.2.2)."""
        dialog = self.dialog
        if dialog is None or dialog.id != (request.call_id, request.to_tag, request.from_tag):
            return False
        return dialog.accepts(request)

    # What goes out.

    def _outside(
        self, method: str, uri: str, to: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"", *,
        tag: str | None = None, call_id: str | None = None,
    ) -> Request:  # fmt: skip
        """Build a request outside a dialog (RFC 3261 §8.1.1); the stack adds its Via."""
        self._cseq += 1
        token = self._stack.random_token
        return make_request(
            method, uri, from_=f'"Phone {self.side}" <{self.aor}>', to=f"<{to}>", call_id=call_id or token(),
            cseq=self._cseq, from_tag=tag or token(), headers=(USER_AGENT, *headers), body=body,
        )  # fmt: skip

    async def _within_call(self, method: str, headers: Pairs, body: bytes = b"") -> Response:
        dialog = self.dialog
        if dialog is None:
            raise Unfinished(f"{self} has no call any more")

        def make() -> Request:
            content_type = SDP if body else None
            return dialog.make_request(method, headers=headers, body=body, content_type=content_type)

        return await self._with_digest(make)

    async def _with_digest(self, make: Callable[[], Request]) -> Response:
        """Send a request, and again with credentials when it is challenged (RFC 3261 §22)."""
        auth, rounds, request = ClientAuth(), 0, make()
        response = await self._ask(request)
        while auth.learn(request, response, self._ha1, rounds):
            rounds += 1
            request = make()
            auth.sign(request, self.account, self._ha1, self._stack.random_token())
            response = await self._ask(request)
        return response

    def _ha1(self, realm: str, algorithm: str) -> str:
        return digest.ha1(self.account, realm, self._password, algorithm)

    async def _ask(self, request: Request, patience: float = PATIENCE) -> Response:
        """Send a request and wait for its final response; one to an INVITE is acknowledged.

        Raises:
            Unfinished: It did not come in time, or the switch cannot be reached.
        """
        user = _Asking(self, request)
        try:
            transaction = self._stack.send_request(request, self._switch, user)
            if isinstance(transaction, ClientInvite):
                self._calling = transaction, user
            async with asyncio.timeout(patience):
                response = await asyncio.shield(user.final)
        except TimeoutError:
            raise Unfinished(
                f"{self} got no final response to its {request.method} within {patience:g} s"
            ) from None
        except OSError as error:
            raise Unfinished(f"{self} cannot send: {error.strerror or error}") from None
        if request.method == "INVITE":
            self._calling = None
        return response

    def acknowledge(self, invite: Request, response: Response) -> None:
        """Send the ACK for a 2xx, also for each copy of it (RFC 3261 §13.2.2.4)."""
        dialog = self.dialog
        if dialog is None:
            dialog = self.dialog = Dialog.as_uac(invite, response)
        headers = (USER_AGENT, *credentials_of(invite))
        ack = dialog.make_request("ACK", headers=headers, cseq=response.cseq.number)
        self._stack.send_stateless(ack, self._switch)


class _Asking(Exchange):
    """Waits for a response, hears what comes before it, and acknowledges a 2xx to an INVITE."""

    def __init__(self, phone: Phone, request: Request) -> None:
        super().__init__()
        self._phone = phone
        self._request = request

    def on_response(self, tx: ClientTransaction, response: Response) -> None:
        """Take a response."""
        if response.is_provisional:
            self._phone.heard.append(response.status)
        elif response.is_success and self._request.method == "INVITE":
            self._phone.acknowledge(self._request, response)
        super().on_response(tx, response)


class _Called:
    """The user of the transaction of an INVITE that came in."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming

    def on_cancel(self, tx: ServerTransaction, cancel: ServerTransaction) -> None:
        """The caller gave up (RFC 3261 §9.2)."""
        cancel.accept(self._incoming.stack.clock())
        self._incoming.respond(487)

    def on_ack(self, tx: ServerTransaction, request: Request) -> None:
        """Nothing is left to do after a failure."""

    def on_timeout(self, tx: ServerTransaction) -> None:
        """Nobody acknowledged the failure, and nobody needs to."""
