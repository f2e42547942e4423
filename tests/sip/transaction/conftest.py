"""A bench for transactions: a layer on a wire that writes down what it is given, and time that jumps."""

import pytest

from sipwright.sip import Request, Response, make_response, parse
from sipwright.sip.transaction import TransactionLayer


class Flow:
    """A flow to the peer; `is_broken` makes every sending on it fail."""

    def __init__(self, is_reliable):
        self.is_reliable = is_reliable
        self.is_broken = False
        self.sent = []

    def send(self, data):
        if self.is_broken:
            raise OSError("the peer is gone")
        self.sent.append(data)


class Bench:
    """One layer, its clock, and what was sent and heard, each with its time.

    It is also the TU of every transaction made with it. `reaction` is what that TU does in the middle of a
    callback.
    """

    def __init__(self):
        self.now = 0.0
        self.sent = []
        self.heard = []
        self.reaction = None
        self.holds_cancels = False
        self.udp = Flow(is_reliable=False)
        self.tcp = Flow(is_reliable=True)
        self.layer = TransactionLayer(self._send)

    def _send(self, data, flow):
        flow.send(data)
        self.sent.append((self.now, parse(data)))

    # The TU.

    def on_response(self, tx, response):
        self._hear(tx, response.status)

    def on_cancel(self, tx, cancel):
        if not self.holds_cancels:
            cancel.accept(self.now)
        self._hear(tx, "CANCEL")

    def on_ack(self, tx, request):
        self._hear(tx, request.method)

    def on_timeout(self, tx):
        self._hear(tx, "timeout")

    def on_no_ack(self):
        self._hear(None, "timeout")

    def _hear(self, tx, what):
        self.heard.append((self.now, what))
        if self.reaction:
            self.reaction(tx)

    # What tests do.

    def client(self, request, flow=None):
        return self.layer.client(request, flow or self.udp, self, self.now)

    def server(self, request, flow=None):
        return self.layer.server(request, flow or self.udp, self, self.now)

    def receive(self, message, flow=None):
        message = parse(bytes(message))
        if isinstance(message, Response):
            return self.layer.match_response(message, self.now)
        return self.layer.match_request(message, self.now, flow)

    def respond(self, tx, status, **more):
        """Answer as a TU does."""
        return tx.respond(make_response(tx.request or invite(), status, **{"to_tag": "b"} | more), self.now)

    def run_until(self, until):
        """Let time pass from deadline to deadline; return what was sent meanwhile."""
        before = len(self.sent)
        while (deadline := self.layer.next_deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self.layer.advance(self.now)
        self.now = until
        return [(now, label(message)) for now, message in self.sent[before:]]

    def labels(self):
        return [label(message) for _, message in self.sent]

    def leftovers(self):
        """Give how much is left in the tables and the queue after a long time."""
        self.run_until(self.now + 1000.0)
        return len(self.layer), self.layer.snapshot().timers, len(self.layer._merge_keys)


def label(message):
    return message.method if isinstance(message, Request) else message.status


def request(
    method, branch="z9hG4bK-1", *more, to="<sip:bob@example.com>", cseq=1, call_id="c1", uri="sip:bob@example.com"
):  # fmt: skip
    """Build a request as it stands on the wire."""
    return Request(
        method,
        uri,
        [
            ("Via", f"SIP/2.0/UDP 192.0.2.1:5060{';branch=' + branch if branch else ''}"),
            ("Via", "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bK-0"),
            ("Max-Forwards", "69"),
            ("From", '"Alice" <sip:alice@example.com>;tag=a'),
            ("To", to),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} {method}"),
            *more,
        ],
    )


def invite(*args, **kwargs):
    return request("INVITE", *args, **kwargs)


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture(name="request_of")
def _request_of():
    return request


@pytest.fixture(name="invite")
def _invite():
    return invite


@pytest.fixture(params=["udp", "tcp"])
def any_flow(request, bench):
    return getattr(bench, request.param)
