import asyncio
from collections.abc import Callable

import pytest
import uvloop

from sipwright.sip.message import Request, Response
from sipwright.sip.parser import parse
from sipwright.sip.transaction import ServerTransaction
from sipwright.stack import Incoming, Pipeline, Stack
from sipwright.transport import MemoryNetwork, MemoryTransport, Resolver, Target


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run the tests with real sockets on both loops."""
    loops = {"asyncio": asyncio.new_event_loop}
    return {**loops, "uvloop": uvloop.new_event_loop} if item.path.name == "test_sockets.py" else loops


PEER = Target("udp", "192.0.2.2", 5062)


class Log:
    """Keeps what would have been logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def _note(self, event: str, **values: object) -> None:
        self.lines.append((event, values))

    warning = error = exception = info = _note

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.lines]


class User:
    """A transaction user that writes down what it hears."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.responses: list[Response] = []
        self.heard: list[str] = []

    def on_response(self, tx: object, response: Response) -> None:
        self.responses.append(response)

    def on_cancel(self, tx: object, cancel: ServerTransaction) -> None:
        self.heard.append("CANCEL")
        cancel.accept(self.clock())

    def on_ack(self, tx: object, request: Request) -> None:
        self.heard.append("ACK")

    def on_timeout(self, tx: object) -> None:
        self.heard.append("timeout")

    @property
    def statuses(self) -> list[tuple[int, bool]]:
        return [(response.status, response.local) for response in self.responses]


class Element:
    """A stack on a memory network whose pipeline calls `handle`, and what it received."""

    def __init__(self, network: MemoryNetwork, host: str, **options: object) -> None:
        self.network = network
        self.udp = network.transport(host, 5060)
        self.tcp = network.transport(host, 5060, "tcp")
        self.log = Log()
        self.received: list[Incoming] = []
        self.handle: Callable[[Incoming], object] = lambda incoming: True
        self.stack = Stack(
            (self.udp, self.tcp),
            Pipeline([self._step], logger=self.log),
            Resolver(),
            clock=network.clock,
            logger=self.log,
            **({"call_later": network.call_later} | options),
        )

    def _step(self, incoming: Incoming):
        self.received.append(incoming)
        return self.handle(incoming)


class Peer:
    """The bare other end: bytes out, messages in."""

    def __init__(self, transport: MemoryTransport) -> None:
        self.transport = transport
        self.received: list[Request | Response] = []
        self.raw: list[bytes] = []
        transport.on_message = self._receive

    def _receive(self, data: bytes, flow: object) -> None:
        self.raw.append(data)
        self.received.append(parse(data))

    def send(self, data: bytes | str, to: Element) -> None:
        data = data.encode() if isinstance(data, str) else data
        self.transport.flow((to.udp.local[0], 5060)).send(data)
        self.transport.network.advance(0.02)

    @property
    def statuses(self) -> list[int]:
        return [message.status for message in self.received if isinstance(message, Response)]


@pytest.fixture
def network() -> MemoryNetwork:
    return MemoryNetwork()


@pytest.fixture
def element(network: MemoryNetwork) -> Element:
    return Element(network, "192.0.2.1")


@pytest.fixture
def peer(network: MemoryNetwork) -> Peer:
    return Peer(network.transport("192.0.2.2", 5062))


def make_request(
    method: str = "OPTIONS",
    *,
    via: str = "SIP/2.0/UDP 192.0.2.2:5062;branch=z9hG4bK1;rport",
    to: str = "<sip:bob@192.0.2.1>",
    cseq: int = 1,
    extra: str = "",
    call_id: str = "abc@192.0.2.2",
) -> str:
    return (
        f"{method} sip:bob@192.0.2.1 SIP/2.0\r\nVia: {via}\r\nFrom: <sip:alice@192.0.2.2>;tag=a\r\n"
        f"To: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n{extra}"
        f"Content-Length: 0\r\n\r\n"
    )


def response_to(request: Request, status: int = 200) -> str:
    headers = request.headers
    lines = "".join(f"Via: {value}\r\n" for value in headers.get_all("Via"))
    return (
        f"SIP/2.0 {status} x\r\n{lines}From: {headers.get('From')}\r\nTo: {headers.get('To')};tag=z\r\n"
        f"Call-ID: {headers.get('Call-ID')}\r\nCSeq: {headers.get('CSeq')}\r\nContent-Length: 0\r\n\r\n"
    )


def fresh_request(method: str = "OPTIONS", call_id: str = "out", body: bytes = b"") -> Request:
    """A request of ours, without a Via."""
    return Request(
        method,
        "sip:bob@192.0.2.2",
        [
            ("From", "<sip:alice@192.0.2.1>;tag=x"),
            ("To", "<sip:bob@192.0.2.2>"),
            ("Call-ID", call_id),
            ("CSeq", f"1 {method}"),
            ("Max-Forwards", "70"),
        ],
        body,
    )


@pytest.fixture
def request_text() -> Callable[..., str]:
    return make_request


@pytest.fixture
def outgoing() -> Callable[..., Request]:
    return fresh_request


@pytest.fixture
def user(network: MemoryNetwork) -> User:
    return User(network.clock)


@pytest.fixture
def new_element(network: MemoryNetwork) -> Callable[..., Element]:
    return lambda host, **options: Element(network, host, **options)


@pytest.fixture
def new_peer(network: MemoryNetwork) -> Callable[..., Peer]:
    return lambda *where, **options: Peer(network.transport(*where, **options))
