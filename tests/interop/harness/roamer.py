"""A phone that talks to more than one switch from one socket, as phones do that SRV records send elsewhere."""

from __future__ import annotations

import itertools
import socket
import ssl
import time

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from sipwright.sip import Request, Response, digest, parse

from .phone import Phone

__all__ = ["Connected", "Roamer"]

SDP = "v=0\no=- 1 1 IN IP4 {host}\ns=-\nc=IN IP4 {host}\nt=0 0\nm=audio 6000 RTP/AVP 0\n"

Message = Request | Response

_calls = itertools.count(1)


class Roamer(Phone):
    """A UDP socket with an account; what it sends goes to the switch at `to`, what it hears may come from anywhere."""

    def __init__(self, account: str, domain: str, password: str, to: tuple[str, int], host: str) -> None:
        super().__init__(to, host)
        # Connected, it would hear one switch only.
        self._socket.close()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self.port = self._socket.getsockname()[1]
        self.account, self.domain, self.password, self.to = account, domain, password, to
        self.heard: list[Message] = []
        self.sources: list[tuple[str, int]] = []
        self._cseq = 0

    def send(self, data: bytes) -> None:
        """Send bytes as they are to the switch that it talks to now."""
        self._socket.sendto(data, self.to)

    def receive(self, patience: float = 60.0) -> bytes | None:
        """Return the next message, from wherever, or None when none comes."""
        self._socket.settimeout(patience)
        try:
            data, source = self._socket.recvfrom(65_536)
        except (BlockingIOError, TimeoutError, ConnectionError):
            return None
        self.sources.append(source)
        return data

    @property
    def contact(self) -> str:
        """Where it can be reached."""
        return f"<sip:{self.account}@{self.host}:{self.port}>"

    @property
    def address(self) -> str:
        """Its address-of-record."""
        return f"sip:{self.account}@{self.domain}"

    def register(self, seconds: int = 3600) -> Response:
        """Register for so long, and return the last answer."""
        return self._registers(f"Contact: {self.contact}\nExpires: {seconds}\n")

    def times_known(self) -> list[int]:
        """Return for how many seconds the switch knows each phone of the account: that is asked without a Contact."""
        return [int(contact.params["expires"] or 0) for contact in self._registers("").contacts]

    def forgotten(self) -> bool:
        """Take back all registrations of the account, and return whether none is known (RFC 3261 §10.2.2)."""
        return self._registers("Contact: *\nExpires: 0\n").status == 200 and not self.times_known()

    def unregister(self, at: tuple[str, int]) -> None:
        """Take its registration back at a switch, so that no later call rings here."""
        self.to = at
        self.register(0)

    def _registers(self, more: str) -> Response:
        return self.request(
            "REGISTER", f"sip:{self.domain}", self.address, call_id=f"reg-{self.host}-{self.port}", more=more
        )

    def request(
        self, method: str, uri: str, to: str, *, call_id: str, more: str = "", body: str = ""
    ) -> Response:
        """Send a request outside of a dialog with what it is challenged for, and return its final answer."""
        credentials = ""
        while True:
            self._cseq += 1
            self.send(self._wire(method, uri, f"<{to}>", call_id, credentials + more, body))
            response = self.wait_for(lambda m: _answers(m, call_id, self._cseq) and m.status >= 200)
            assert isinstance(response, Response)
            if response.status not in (401, 407) or credentials:
                return response
            if method == "INVITE":
                self.send(self._ack(uri, response, call_id, self._cseq))
            credentials = self._credentials(method, uri, response)

    def new_call_id(self) -> str:
        """Return a Call-ID that no phone has had: a port may be that of another one in the next test."""
        return f"call-{self.account}-{next(_calls)}"

    def invite(self, uri: str, call_id: str, more: str = "") -> None:
        """Call somebody, up to the first answer that is no challenge; `more` are further headers."""
        self._cseq += 1
        body = SDP.format(host=self.host)
        self.send(self._wire("INVITE", uri, f"<{uri}>", call_id, more, body))
        challenge = self.wait_for(lambda m: _answers(m, call_id, self._cseq) and m.status in (401, 407))
        assert isinstance(challenge, Response)
        self.send(self._ack(uri, challenge, call_id, self._cseq))
        self._cseq += 1
        credentials = self._credentials("INVITE", uri, challenge)
        self.invited = self._wire("INVITE", uri, f"<{uri}>", call_id, credentials + more, body)
        self.send(self.invited)

    def cancel(self, invited: bytes) -> None:
        """Give up what somebody was invited to, maybe by another phone that this one stands for (RFC 3261 §9.1)."""
        invite = parse(invited)
        assert isinstance(invite, Request)
        kept = ("via", "from", "to", "call-id", "max-forwards")
        head = [f"{name}: {value}" for name, value in invite.headers.items() if name.lower() in kept]
        head += [f"CSeq: {invite.cseq.number} CANCEL", "Content-Length: 0"]
        self.send(("\r\n".join([f"CANCEL {invite.uri_text} SIP/2.0", *head]) + "\r\n\r\n").encode())

    def acknowledge(self, response: Response) -> None:
        """Acknowledge a final response to an INVITE."""
        uri = str(response.contacts[0].uri if response.is_success else response.to_uri)
        routes = _routes(response) if response.is_success else ""
        self.send(self._ack(uri, response, response.call_id, response.cseq.number, routes))

    def answer(self, request: Request, status: int, reason: str) -> None:
        """Answer a request that came in, to the switch that it talks to now; a 2xx to an INVITE has a body."""
        head = [f"SIP/2.0 {status} {reason}"]
        kept = ("via", "from", "call-id", "cseq", "record-route")
        head += [f"{name}: {value}" for name, value in request.headers.items() if name.lower() in kept]
        to = request.headers.get("to") or ""
        head += [f"To: {to}" if "tag=" in to else f"To: {to};tag=t{self.port}", f"Contact: {self.contact}"]
        body = (
            SDP.format(host=self.host).replace("\n", "\r\n")
            if request.method == "INVITE" and status == 200
            else ""
        )
        if body:
            head.append("Content-Type: application/sdp")
        self.send(("\r\n".join([*head, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body).encode())

    def say_in(self, dialog: Message, method: str, number: int, more: str = "") -> None:
        """Send a request inside the dialog that a 2xx, or an INVITE that came in, has made; an INVITE has a body.

        With `more` header lines.
        """
        ours, theirs = dialog.headers.get("from"), dialog.headers.get("to")
        if isinstance(dialog, Request):
            ours, theirs = f"{theirs};tag=t{self.port}", ours
        body = ""
        if method == "INVITE":
            body = "Content-Type: application/sdp\n\n" + SDP.format(host=self.host).replace("\n", "\r\n")
        self.send(
            self.wire(
                f"{method} {dialog.contacts[0].uri} SIP/2.0\n{{via}}\nFrom: {ours}\nTo: {theirs}\n"
                f"Call-ID: {dialog.call_id}\nCSeq: {number} {method}\nMax-Forwards: 70\nContact: {self.contact}\n"
                f"{_routes(dialog)}{more}{body}"
            )
        )

    def wait_for(self, is_it, patience: float = 60.0) -> Message:  # type: ignore[no-untyped-def]
        """Return the next message that is the one; what else comes is kept in `heard`."""
        deadline = time.monotonic() + patience
        while (left := deadline - time.monotonic()) > 0:
            data = self.receive(left)
            if data is None:
                continue
            message = parse(data)
            self.heard.append(message)
            if is_it(message):
                return message
        raise TimeoutError(f"{self.account} heard only {[str(one) for one in self.heard]}")

    def wait_for_request(self, method: str, patience: float = 60.0) -> Request:
        """Return the next request of a method."""
        found = self.wait_for(lambda m: isinstance(m, Request) and m.method == method, patience)
        assert isinstance(found, Request)
        return found

    def wait_for_status(self, status: int, method: str = "INVITE", patience: float = 60.0) -> Response:
        """Return the next response of a status to a method."""
        found = self.wait_for(
            lambda m: isinstance(m, Response) and (m.status, m.cseq.method) == (status, method), patience
        )
        assert isinstance(found, Response)
        return found

    def _wire(self, method: str, uri: str, to: str, call_id: str, more: str, body: str) -> bytes:
        kind = "Content-Type: application/sdp\n" if body else ""
        if method != "REGISTER":
            kind = f"Contact: {self.contact}\n{kind}"
        text = (
            f"{method} {uri} SIP/2.0\n{{via}}\nFrom: <{self.address}>;tag=f{self.port}\nTo: {to}\n"
            f"Call-ID: {call_id}\nCSeq: {self._cseq} {method}\nMax-Forwards: 70\n{kind}{more}"
        ).rstrip("\n")
        return self.wire(text + ("\n\n" + body.replace("\n", "\r\n") if body else ""))

    def _ack(self, uri: str, response: Response, call_id: str, number: int, routes: str = "") -> bytes:
        via = "{via}" if response.is_success else f"Via: {response.headers.get('via')}"
        return self.wire(
            f"ACK {uri} SIP/2.0\n{via}\nFrom: {response.headers.get('from')}\nTo: {response.headers.get('to')}\n"
            f"Call-ID: {call_id}\nCSeq: {number} ACK\nMax-Forwards: 70\n{routes}"
        )

    def _credentials(self, method: str, uri: str, response: Response) -> str:
        name = "Authorization" if response.status == 401 else "Proxy-Authorization"
        values = response.headers.get_all(
            "www-authenticate" if response.status == 401 else "proxy-authenticate"
        )
        value = digest.answer(
            values, method, uri, self.account,
            lambda realm, algorithm: digest.ha1(self.account, realm, self.password, algorithm), "0a4f113b",
        )  # fmt: skip
        return f"{name}: {value}\n"


class Connected(Roamer):
    """A phone that keeps one connection to a switch, over TCP, TLS or a WebSocket, and nothing else leads to it."""

    def __init__(
        self, account: str, domain: str, password: str, to: tuple[str, int], host: str, protocol: str = "tcp"
    ) -> None:
        Phone.__init__(self, to, host, protocol)
        if protocol == "tls":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket)
        self._web = None
        if protocol == "ws":
            way = connect(f"ws://{to[0]}:{to[1]}/", sock=self._socket, subprotocols=[Subprotocol("sip")])
            self._web = way.__enter__()  # `close` leaves it
        self.account, self.domain, self.password, self.to = account, domain, password, to
        self.heard = []
        self.sources = []
        self._cseq = 0

    def send(self, data: bytes) -> None:
        """Send bytes as they are over its connection."""
        if self._web is None:
            Phone.send(self, data)
        else:
            self._web.send(data.decode())

    def receive(self, patience: float = 60.0) -> bytes | None:
        """Return the next message, or None when none comes."""
        self.sources.append(self.to)
        if self._web is None:
            return Phone.receive(self, patience)
        try:
            return str(self._web.recv(patience)).encode()
        except (TimeoutError, ConnectionClosed):
            return None

    def close(self) -> None:
        """End its connection."""
        if self._web is not None:
            self._web.close()
        Phone.close(self)

    @property
    def contact(self) -> str:
        """Where it can be reached: nowhere but over its connection (RFC 7118 §5)."""
        host = f"10.9.8.7:{self.port}" if self._web is None else f"{self.port}.invalid"
        return f"<sip:{self.account}@{host};transport={self.protocol}>"


def _routes(dialog: Message) -> str:
    """Return the Routes of a request inside a dialog, as what has made that recorded them (RFC 3261 §12.1)."""
    recorded = dialog.headers.get_list("Record-Route")
    recorded = recorded if isinstance(dialog, Request) else recorded[::-1]
    return "".join(f"Route: {route}\n" for route in recorded)


def _answers(message: Message, call_id: str, number: int) -> bool:
    return isinstance(message, Response) and message.call_id == call_id and message.cseq.number == number
