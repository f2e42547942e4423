"""A Kamailio in front of two nodes, as docs/two-servers.md sets it up: phones know it alone, and any node may die."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator

import pytest

from interop.harness import DOMAIN, PASSWORD, Connected, Kamailio, Roamer, until
from interop.test_two_nodes import SOON, Pair, filled, nodes, nodes_of, pair, talk  # noqa: F401
from sipwright.sip import Request, Response

pytestmark = [pytest.mark.peer("postgresql"), pytest.mark.peer("kamailio")]

HOST = "127.0.0.9"


@pytest.fixture
def lost_after() -> float:
    """Nobody says that a node is dead: the requests of its calls are repeated until another one has them."""
    return SOON


@pytest.fixture
def edge(pair: Pair) -> Iterator[Kamailio]:  # noqa: F811
    made = Kamailio(HOST, nodes=[node.address for node in pair])
    yield made
    made.close()


@pytest.fixture
def phone(edge: Kamailio) -> Iterator[Callable[..., Roamer]]:
    """Make phones that are registered through the edge, over UDP or a connection to it."""
    phones: list[Roamer] = []

    def make(account: str, protocol: str = "udp") -> Roamer:
        host, to = f"127.0.0.{len(phones) + 51}", (edge.host, edge.port)
        if protocol == "udp":
            made = Roamer(account, DOMAIN, PASSWORD, to, host)
        else:
            made = Connected(account, DOMAIN, PASSWORD, to, host, protocol)
        phones.append(made)
        assert made.register().status == 200
        return made

    yield make
    for each in phones:
        each.close()


def everybody_knows(switches: Pair, phones: int) -> None:
    """Wait until every node knows where that many phones are, from its own memory."""

    def ask() -> bool:
        known = [json.loads(switch.run_command("status", "--json")) for switch in switches]
        return all(one["counts"]["phones"] == phones for one in known)

    until(ask, "all nodes know the phones", pause=0.1)


def hangs_up(phone: Roamer, dialog: Request | Response, other: Roamer) -> None:
    """Let one end the call, of which the other one hears."""
    phone.say_in(dialog, "BYE", 20)
    other.answer(other.wait_for_request("BYE"), 200, "OK")
    phone.wait_for_status(200, "BYE")


def test_phones_behind_the_edge_call_each_other_whichever_node_dies(pair: Pair, phone: Callable[..., Roamer]):  # noqa: F811
    """Over UDP, and over a connection that nobody else could open; nobody but the edge notices anything (RFC 3327)."""
    alice, bob = phone("waiting"), phone("bob", "tcp")
    everybody_knows(pair, 2)
    accepted, _ = talk(bob, alice, "waiting")
    hangs_up(bob, accepted, alice)
    accepted, invite = talk(alice, bob)
    dead, left = pair if nodes_of(pair[0])["north"][1] else pair[::-1]
    dead.stop(signal.SIGKILL)

    alice.say_in(accepted, "INFO", 10)
    bob.answer(bob.wait_for_request("INFO", 30.0), 200, "OK")
    alice.wait_for_status(200, "INFO", 30.0)
    hangs_up(bob, invite, alice)
    assert [each.register().status for each in (alice, bob)] == [200, 200]
    _, invite = talk(bob, alice, "waiting")
    hangs_up(alice, invite, bob)

    (row,) = left.bindings("bob")
    assert (
        row["path"]
        == f"<sip:{alice.to[0]}:{alice.to[1]};lr;received=sip:{bob.host}:{bob.port}%3Btransport%3Dtcp>"
    )
    assert set(alice.sources) == {alice.to}
    assert left.new_faults() == []


def test_phones_that_number_their_flows_are_registered_all_the_same(phone: Callable[..., Roamer]):
    """The edge is none of RFC 5626, which it does not let them believe: else they would be answered 439 (§6)."""
    bob = phone("bob", "tcp")
    numbered = (
        f'Contact: {bob.contact};reg-id=1;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"'
    )
    address = f"sip:bob@{DOMAIN}"
    answer = bob.request(
        "REGISTER",
        f"sip:{DOMAIN}",
        address,
        call_id="numbered",
        more=f"{numbered}\nSupported: path, outbound\n",
    )

    assert (answer.status, answer.headers.get("Require")) == (200, None)
    assert "reg-id" not in (answer.headers.get("Contact") or "")
