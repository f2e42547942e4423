"""What is said once more to a phone that may have heard it: by the edge that it knows it by, wherever it is by now.

It tells a request by its branch and by who is named beside that in the top Via (RFC 3261 §17.2.3), which is the edge
that has brought it. By any other way an INVITE would be a loop, or cross itself (§8.2.2.2), and an INFO would be two.
"""

import pytest

from ..conftest import SDP
from .test_failed_flow import North, among_others, talk

FIRST = "north!udp/10.0.0.2:5060/40.0.0.1:40001"
CONTACT = "sip:carol@40.0.0.1"

PLACES = {
    "there still": (FIRST, FIRST, None),
    "the same, here": ("udp/10.0.0.1:5060/40.0.0.1:40001", FIRST, None),
    "the same, at a third node": ("n2!udp/10.0.0.3:5060/40.0.0.1:40001", FIRST, None),
    "at another port, there": (
        "north!udp/10.0.0.2:5060/40.0.0.1:40002", "north!udp/10.0.0.2:5060/40.0.0.1:40002", None
    ),
    "at another port, here": (
        "udp/10.0.0.1:5060/40.0.0.1:40002", "n1!udp/10.0.0.1:5060/40.0.0.1:40002", "north"
    ),
    "at another port, at a third node": (
        "n2!udp/10.0.0.3:5060/40.0.0.1:40002", "n2!udp/10.0.0.3:5060/40.0.0.1:40002", "north"
    ),
    "nowhere": (None, FIRST, None),
}  # fmt: skip
"""Where the phone has registered since; by which way it hears the same, and in whose name."""


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

    def hears_again(self, method):
        """Return what the edges were told again, by which ways, and in whose names."""
        heard = [bytes(each) for each in self.edge.heard]
        said = [
            each
            for each in zip(heard, self.keys, self.names, strict=True)
            if each[0].startswith(method.encode())
        ]
        return tuple(map(set, zip(*said, strict=True)))

    def forget(self):
        for each in (self.edge.heard, self.keys, self.names):
            each.clear()


@pytest.fixture
def edges(bench):
    return Edges(bench)


@pytest.mark.parametrize("restarts", [True, False], ids=["by the next process", "by a timer"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO", "MESSAGE", "BYE"])
def test_what_is_said_in_a_call(bench, alice, edges, method, place, restarts):
    source, way, name = PLACES[place]
    ok = talk(alice, edges)
    alice.send(
        alice.in_dialog(method, ok, body=SDP.format("20.0.0.1") if method in ("INVITE", "UPDATE") else None)
    )
    first = edges.edge.last(method)
    edges.move(source)
    edges.forget()
    if restarts:
        bench.restart()
    else:
        bench.run(0.7)

    assert edges.hears_again(method) == ({bytes(first)}, {way}, {name})
