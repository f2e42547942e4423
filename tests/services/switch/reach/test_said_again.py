"""What is said once more to a phone that may have heard it: by the edge that it knows it by, wherever it is by now.

It tells a request by its branch and by who is named beside that in the top Via (RFC 3261 §17.2.3), which is the edge
that has brought it. By any other way an INVITE would be a loop, or cross itself (§8.2.2.2), and an INFO would be two.
"""

import pytest

from sipwright.services.edge.routed_flow import NO_EDGE

from ..conftest import SDP
from .test_failed_flow import North, among_others, talk

FIRST = "north!udp/10.0.0.2:5060/40.0.0.1:40001"
CONTACT = "sip:carol@40.0.0.1"

PLACES = {
    "there still": FIRST,
    "the same, here": "udp/10.0.0.1:5060/40.0.0.1:40001",
    "the same, at a third node": "n2!udp/10.0.0.3:5060/40.0.0.1:40001",
    "at another port, there": "north!udp/10.0.0.2:5060/40.0.0.1:40002",
    "at another port, here": "udp/10.0.0.1:5060/40.0.0.1:40002",
    "at another port, at a third node": "n2!udp/10.0.0.3:5060/40.0.0.1:40002",
    "nowhere": None,
}
"""Where a phone has registered since that has heard it by the edge of another node."""

HERE = "udp/10.0.0.1:5060/40.0.0.1:40001"

WITHOUT = {
    "there still": (HERE, "carol"),
    "the same, at another node": ("n2!udp/10.0.0.3:5060/40.0.0.1:40001", "carol"),
    "at another port, here": ("udp/10.0.0.1:5060/40.0.0.1:40002", "moved"),
    "at another port, at another node": ("n2!udp/10.0.0.3:5060/40.0.0.1:40002", "edge"),
    "nowhere": (None, "carol"),
}
"""Where one has registered since that has heard it here, by no edge; who hears the same."""


class Edges(North):
    """Edges of other nodes that each process of this one finds, and a phone that talks over UDP by one of them."""

    def __init__(self, bench):
        super().__init__(bench)
        self.move(FIRST)
        bench.start = among_others(bench, self)

    def move(self, source):
        if source is None:
            self.bench.accounts.bindings[self.account] = []
        else:
            self.register(source, CONTACT)

    def hear_again(self, method):
        """Return what phones were told again by edges: the requests, where to, and which edges these name."""
        names = [
            key.partition("!")[0] if name is None else name
            for key, name in zip(self.keys, self.names, strict=True)
        ]
        ways = [key.rpartition("/")[2] for key in self.keys]
        heard = [bytes(each) for each in self.edge.heard]
        said = [each for each in zip(heard, ways, names, strict=True) if each[0].startswith(method.encode())]
        return tuple(map(set, zip(*said, strict=True)))

    def forget(self):
        for each in (self.edge.heard, self.keys, self.names):
            each.clear()


@pytest.fixture
def edges(bench):
    return Edges(bench)


AGAIN = pytest.mark.parametrize("restarts", [True, False], ids=["by the next process", "by a timer"])
METHODS = pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO", "MESSAGE", "BYE"])


def asks(alice, method, ok):
    body = SDP.format("20.0.0.1") if method in ("INVITE", "UPDATE") else None
    alice.send(alice.in_dialog(method, ok, body=body))


def said_again(bench, edges, source, restarts):
    """Let a phone move, and everything be said once more."""
    edges.move(source)
    edges.forget()
    if restarts:
        bench.restart()
    else:
        bench.run(0.7)


@AGAIN
@pytest.mark.parametrize("place", PLACES)
@METHODS
def test_what_is_said_in_a_call_by_an_edge(bench, alice, edges, method, place, restarts):
    source = PLACES[place]
    asks(alice, method, talk(alice, edges))
    first = edges.edge.last(method)
    said_again(bench, edges, source, restarts)

    assert edges.hear_again(method) == ({bytes(first)}, {(source or FIRST).rpartition("/")[2]}, {"north"})


@AGAIN
@pytest.mark.parametrize("place", WITHOUT)
@METHODS
def test_what_is_said_in_a_call_without_an_edge(bench, alice, edges, method, place, restarts):
    source, heard_by = WITHOUT[place]
    carol, moved = (bench.phone("carol", "40.0.0.1", port=port) for port in (40_001, 40_002))
    edges.move(HERE)
    alice.invite("sip:carol@example.org")
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    alice.ack(alice.last(200))
    asks(alice, method, alice.last(200))
    first = carol.last(method)
    carol.clear()
    said_again(bench, edges, source, restarts)
    heard = {
        name: {bytes(each) for each in phone.heard if getattr(each, "method", None) == method}
        for name, phone in (("carol", carol), ("moved", moved), ("edge", edges.edge))
    }

    assert heard == {name: {bytes(first)} if name == heard_by else set() for name in heard}
    assert heard_by != "edge" or edges.hear_again(method)[1:] == ({"40.0.0.1:40002"}, {NO_EDGE.node})


@AGAIN
@pytest.mark.parametrize("begins", [FIRST, HERE], ids=["by an edge", "without one"])
@pytest.mark.parametrize("method", ["INVITE", "CANCEL"])
def test_what_is_said_to_one_that_moves_on_and_on(bench, alice, edges, method, begins, restarts):
    """It was said by the second edge in the name of the first, which the next process has to know."""
    carol = bench.phone("carol", "40.0.0.1", port=40_001)
    edges.move(begins)
    invite = alice.invite("sip:carol@example.org")
    first = (carol if begins == HERE else edges.edge).last("INVITE")
    said_again(bench, edges, "n2!udp/10.0.0.3:5060/40.0.0.1:40002", restarts=False)
    if method == "CANCEL":
        edges.edge.answer(first, 180)
        alice.send(alice.request("CANCEL", invite.uri_text, cseq=1, branch=invite.top_via.branch))
        first = edges.edge.last("CANCEL")
    if restarts:
        bench.restart()
    said_again(bench, edges, "n3!udp/10.0.0.4:5060/40.0.0.1:40003", restarts)
    edges.forget()
    bench.run(4.5)

    name = "north" if begins == FIRST else NO_EDGE.node
    assert edges.hear_again(method) == ({bytes(first)}, {"40.0.0.1:40003"}, {name})


@AGAIN
@pytest.mark.parametrize("place", [place for place in PLACES if place != "nowhere"])
@pytest.mark.parametrize("method", ["INVITE", "CANCEL"])
def test_what_is_said_before_the_answer(bench, alice, edges, method, place, restarts):
    """A process that begins says the INVITE first to where the phone was, and by Timer A to where it is."""
    source = PLACES[place]
    invite = alice.invite("sip:carol@example.org")
    if method == "CANCEL":
        edges.edge.answer(edges.edge.last("INVITE"), 180)
        alice.send(alice.request("CANCEL", invite.uri_text, cseq=1, branch=invite.top_via.branch))
    first = edges.edge.last(method)
    said_again(bench, edges, source, restarts)
    edges.forget()
    bench.run(1.2)

    assert edges.hear_again(method) == ({bytes(first)}, {(source or FIRST).rpartition("/")[2]}, {"north"})
