"""A whole node and its phones on a network in memory, where time is a number and datagrams get lost.

The node is made of the parts that `node/wiring.py` puts together, with a real database below it; only sockets and the
clock are not real. The database gets its turn after every slice of virtual time, so a run with the same seed always
goes the same way.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from sipwright.node.directory_views import ServedNames
from sipwright.services.authentication import Authenticator
from sipwright.services.registrar import LocationService, LocationTable, Registrar
from sipwright.services.switch import Destinations, Origins, Router, Switch, SwitchSettings
from sipwright.sip import Request, make_response
from sipwright.sip.dialog import Dialog
from sipwright.sip.digest import answer, ha1
from sipwright.sip.nonces import NonceKeeper
from sipwright.sip.transaction import ClientInvite
from sipwright.stack import Pipeline, Stack
from sipwright.transport import MemoryNetwork, Target
from sipwright.transport.loopback import LoopbackTransport

DOMAIN = "sip.test"
PASSWORD = "secret"
NODE_ADDRESS = ("192.0.2.1", 5060)
UNIX_TIME = 1_795_000_000.0
SLICE = 0.01
PHONES = 16

OFFER = b"v=0\r\no=- 1 1 IN IP4 192.168.1.10\r\ns=-\r\nc=IN IP4 192.168.1.10\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n"


class SimulatedNode:
    """Stack, registrar and switch on a `MemoryNetwork`, with a store that is already open."""

    def __init__(self, network: MemoryNetwork, store, *, seed: int, ring: float = 20.0) -> None:
        self.network, self.store = network, store
        tokens = random.Random(seed)
        loop = LoopbackTransport(lambda call, *arguments: network.call_later(0.0, lambda: call(*arguments)))
        self.pipeline = Pipeline()
        self.stack = Stack(
            [network.transport(*NODE_ADDRESS), loop], self.pipeline, clock=network.clock, call_later=network.call_later,
            random_token=lambda: f"{tokens.getrandbits(64):016x}",
            on_stray_response=lambda response, flow: self.switch.late_response(response, flow),
        )  # fmt: skip
        names = ServedNames(store.directory, self.stack)
        self.locations = LocationTable()
        authenticator = Authenticator(
            names, NonceKeeper(b"n" * 32), unix_time=self.unix_time, flow_keys=self.locations.flow_keys
        )
        service = LocationService(self.locations, store.writer, unix_time=self.unix_time)
        self.registrar = Registrar(names, authenticator, service)
        router = Router(names, authenticator, Origins(names, self.stack))
        destinations = Destinations(names, self.locations, router.find, network.clock)
        self.switch = Switch(
            self.stack, router, destinations, store.writer, SwitchSettings(ring=ring),
            node="node1", clock=network.clock, wall_clock=self.unix_time, call_later=self.stack.call_later,
            token=self.stack.random_token,
        )  # fmt: skip
        self.pipeline.steps = (self.registrar, self.switch)

    def unix_time(self) -> float:
        """What the clock on the wall shows."""
        return UNIX_TIME + self.network.now

    async def run(self, seconds: float) -> None:
        """Let virtual time pass, and the database commit in between."""
        end = self.network.now + seconds
        while self.network.now < end:
            self.network.advance(SLICE)
            await self.store.writer.drain()

    def left_over(self) -> dict[str, int]:
        """Count what must be gone when all calls are over."""
        snapshot = self.switch.snapshot()
        return {
            "transactions": len(self.stack.layer),
            "timers": self.stack.layer.snapshot().timers,
            "calls": sum(snapshot.calls.values()),
            "legs": snapshot.legs,
            "failed": self.stack.snapshot().failed,
        }


@dataclass
class PhoneCall:
    """One call as one phone sees it, from the first INVITE to `outcome`: the final status, or how it was hung up."""

    phone: SimulatedPhone
    call_id: str
    is_caller: bool
    dialog: Dialog | None = None
    invite: ClientInvite | None = None
    server: object = None
    ack: bytes = b""
    repeater: object = None
    outcome: str | None = None
    has_authenticated: bool = False
    plan: dict[str, float] = field(default_factory=dict)


class SimulatedPhone:
    """A phone with an account; chance decides how it behaves when it is called, and how its calls go on."""

    def __init__(self, network: MemoryNetwork, host: str, account: str, *, seed: int) -> None:
        self.network, self.account, self.host = network, account, host
        self.chance = random.Random(f"{seed} {host}")
        self.calls: dict[str, PhoneCall] = {}
        self.registered = False
        self._nonce: list[str] = []
        self._count = 0
        self.stack = Stack(
            [network.transport(host)], Pipeline([self.incoming]), clock=network.clock, call_later=network.call_later,
            random_token=lambda: f"{self.chance.getrandbits(64):016x}",
        )  # fmt: skip
        flow = self.stack.outbound.find(Target("udp", *NODE_ADDRESS))
        assert flow is not None
        self.flow = flow
        self.contact = f"<sip:{account}@{host}:5060>"

    # Registering.

    def register(self) -> None:
        """Register, as often as it takes."""
        self._register(())

    def _register(self, credentials) -> None:
        request = self._new_request(
            "REGISTER", f"sip:{DOMAIN}", self.account, self.stack.random_token(), credentials
        )
        self.stack.send_request(request, self.flow, Answered(self._registered))

    def _registered(self, response) -> None:
        if response.status == 401:
            self._register(self._credentials(response, "REGISTER", f"sip:{DOMAIN}"))
        elif response.is_success:
            self.registered = True
        elif response.is_final:
            self._register(())

    # Calling.

    def call(self, account: str, *, give_up_after: float | None = None) -> PhoneCall:
        """Call an account."""
        call = PhoneCall(self, self.stack.random_token(), True)
        self.calls[call.call_id] = call
        self._invite(call, account, ())
        if give_up_after is not None:
            self.network.call_later(give_up_after, lambda: self._give_up(call))
        return call

    def _invite(self, call: PhoneCall, account: str, credentials) -> None:
        uri = f"sip:{account}@{DOMAIN}"
        request = self._new_request("INVITE", uri, account, call.call_id, credentials, OFFER)
        user = Answered(lambda response: self._call_answered(call, account, request, response))
        call.invite = self.stack.send_request(request, self.flow, user)

    def _give_up(self, call: PhoneCall) -> None:
        if call.dialog is None and call.outcome is None and call.invite is not None:
            call.invite.cancel(self.network.now)

    def _call_answered(self, call: PhoneCall, account: str, request: Request, response) -> None:
        if response.is_provisional:
            return
        if response.status == 401 and not call.has_authenticated:
            call.has_authenticated = True
            self._invite(call, account, self._credentials(response, "INVITE", request.uri_text))
        elif not response.is_success:
            call.outcome = call.outcome or f"refused {response.status}"
        elif call.dialog is not None:
            self.flow.send(call.ack)
        else:
            call.dialog = Dialog.as_uac(request, response)
            self._acknowledge(call, request.cseq.number)
            self._talk(call)

    def _acknowledge(self, call: PhoneCall, number: int) -> None:
        ack = call.dialog.make_request("ACK", via=self._via(), cseq=number)
        call.ack = bytes(ack)
        self.flow.send(call.ack)

    def _talk(self, call: PhoneCall) -> None:
        """Let chance decide what this end does during the call; somebody hangs up in the end."""
        if self.chance.random() < 0.4:
            self.network.call_later(self.chance.uniform(0.2, 3.0), lambda: self._hold(call))
        if call.is_caller or self.chance.random() < 0.5:
            self.network.call_later(self.chance.uniform(0.0, 6.0), lambda: self._hang_up(call))

    def _hold(self, call: PhoneCall) -> None:
        if call.outcome is not None:
            return
        request = call.dialog.make_request(
            "INVITE", contact=self.contact, body=OFFER + b"a=sendonly\r\n", content_type="application/sdp"
        )
        number = request.cseq.number

        def answered(response) -> None:
            if response.is_success and call.outcome is None:
                self._acknowledge(call, number)
            elif response.status in (408, 481):
                self._hang_up(call)

        self.stack.send_request(request, self.flow, Answered(answered))

    def _hang_up(self, call: PhoneCall) -> None:
        if call.outcome is None:
            call.outcome = "hung up"
            self._stop_repeating(call)
            bye = call.dialog.make_request("BYE")
            self.stack.send_request(bye, self.flow, Answered(lambda response: None))

    # Being called.

    def incoming(self, incoming) -> bool:
        """Take a request, as a step of the pipeline."""
        request = incoming.request
        call = self.calls.get(request.call_id)
        if request.method == "ACK":
            if call is not None:
                self._stop_repeating(call)
        elif request.method == "INVITE" and request.to_tag is None:
            self._ring(incoming)
        elif call is None or call.outcome is not None:
            incoming.respond(481 if request.method != "BYE" else 200)
        elif request.method == "BYE":
            call.outcome = "was hung up on"
            self._stop_repeating(call)
            incoming.respond(200)
        else:
            self._answer(call, incoming.transaction, request)
        return True

    def _ring(self, incoming) -> None:
        request = incoming.request
        call = PhoneCall(self, request.call_id, False)
        self.calls[call.call_id] = call
        transaction = incoming.open(Cancelled(lambda cancel: self._cancelled(call, cancel)))
        transaction.local_tag = self.stack.random_token()
        call.server = transaction
        draw = self.chance.random()
        if draw < 0.8:
            incoming.respond(180, headers=[("Contact", self.contact)])
        if draw < 0.7:
            self.network.call_later(self.chance.uniform(0.0, 4.0), lambda: self._pick_up(call, request))
        elif draw < 0.85:
            self.network.call_later(self.chance.uniform(0.0, 2.0), lambda: self._refuse(call, request))

    def _pick_up(self, call: PhoneCall, request: Request) -> None:
        if call.outcome is None:
            call.dialog = Dialog.as_uas(request, call.server.local_tag)
            self._answer(call, call.server, request)
            self._talk(call)

    def _refuse(self, call: PhoneCall, request: Request) -> None:
        if call.outcome is None:
            call.outcome = "refused"
            response = make_response(request, 486, to_tag=call.server.local_tag)
            call.server.respond(response, self.network.now)

    def _cancelled(self, call: PhoneCall, cancel) -> None:
        cancel.accept(self.network.now)
        if call.outcome is None and call.dialog is None:
            call.outcome = "cancelled"
            request = call.server.request
            response = make_response(request, 487, to_tag=call.server.local_tag)
            call.server.respond(response, self.network.now)

    def _answer(self, call: PhoneCall, transaction, request: Request) -> None:
        """Send a 200, and repeat it until the ACK comes."""
        tag = request.to_tag or call.server.local_tag
        response = make_response(
            request,
            200,
            to_tag=tag,
            headers=[("Contact", self.contact)],
            body=OFFER,
            content_type="application/sdp",
        )
        transaction.respond(response, self.network.now)
        if request.method == "INVITE":
            self._stop_repeating(call)
            call.repeater = self.stack.layer.repeat(
                bytes(response), self.flow, lambda: self._hang_up(call), self.network.now
            )

    def _stop_repeating(self, call: PhoneCall) -> None:
        if call.repeater is not None:
            call.repeater.stop()
            call.repeater = None

    # Requests.

    def _new_request(
        self, method: str, uri: str, to: str, call_id: str, credentials, body: bytes = b""
    ) -> Request:
        self._count += 1
        headers = [
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self.account}@{DOMAIN}>;tag=t{call_id}"),
            ("To", f"<sip:{to}@{DOMAIN}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{self._count} {method}"),
            ("Contact", self.contact),
            *credentials,
        ]
        if body:
            headers.append(("Content-Type", "application/sdp"))
        return Request(method, uri, headers, body)

    def _credentials(self, response, method: str, uri: str) -> list[tuple[str, str]]:
        secret = ha1(self.account, DOMAIN, PASSWORD)
        challenge = response.headers.get_all("www-authenticate")
        value = answer(challenge, method, uri, self.account, lambda *_: secret, "c0ffee")
        return [("Authorization", value)]

    def _via(self) -> str:
        return self.stack.new_via(self.flow)


class Answered:
    """The user of a client transaction: hands every response to a function."""

    def __init__(self, then) -> None:
        self.then = then

    def on_response(self, transaction, response) -> None:
        """Take a response."""
        self.then(response)


class Cancelled:
    """The user of a server transaction: hands a CANCEL to a function."""

    def __init__(self, then) -> None:
        self.then = then

    def on_cancel(self, transaction, cancel) -> None:
        """Take the CANCEL."""
        self.then(cancel)

    def on_ack(self, transaction, ack) -> None:
        """Take the ACK to a failure."""

    def on_timeout(self, transaction) -> None:
        """Take it that the ACK never came."""
