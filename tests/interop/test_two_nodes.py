"""Two switches on one PostgreSQL database: one is killed, and its calls and scripts go on at the other."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from computing import fair_seconds
from interop.harness import (
    DOMAIN,
    HOST,
    PASSWORD,
    Connected,
    Roamer,
    RunningSwitch,
    SharedSwitch,
    new_database,
    until,
)
from sipwright.sip import Request, Response

pytestmark = pytest.mark.peer("postgresql")

LOST_AFTER, SOON = 10.0, 5.0
"""Seconds after which a node that says nothing is lost: no busy machine keeps one silent for so long.

Where that is what a test is about, it is soon.
"""

PLANS = {
    "waiting": 'r = dial(f"{req.user}@local", wait=True)\nlog("talked", r.answered)\nstore.set("talked", r.answered)\n',
    "impatient": 'dial(f"{req.user}@local", ring=4)\nlog("nobody answered")\nrespond(480, "Nobody Home")\n',
    "picking": 'if not pick_up(req.user):\n    park(req.user, seconds=60)\nrespond(480, "Nothing Rings There")\n',
    "slots": 'if not pick_up(req.user):\n    park(req.user, seconds=60)\nrespond(480, "Nothing Rings There")\n',
    "sleeping": 'sleep(5)\nlog("awake")\nrespond(486, "Woken Up")\n',
}
ACCOUNTS = ["bob", "dave", "frank", *((name, name, "") for name in PLANS)]


Pair = tuple[SharedSwitch, SharedSwitch]


@pytest.fixture(scope="module")
def filled(postgres_folder: Path) -> Iterator[SharedSwitch]:
    """A node with accounts and dialplans, which never runs, and whose database is a template."""
    made = SharedSwitch("north", new_database(postgres_folder, "filled"), None)
    made.set_dialplans(PLANS)
    made.add_accounts(ACCOUNTS)
    yield made
    made.close()


@pytest.fixture
def lost_after() -> float:
    """After how many seconds without a word a node is lost."""
    return LOST_AFTER


@pytest.fixture
def nodes(postgres_folder: Path, filled: SharedSwitch, lost_after: float) -> Iterator[Pair]:
    """Two nodes with accounts and dialplans, new for each test: what dies in one leaves calls and phones behind."""
    url = new_database(postgres_folder, "nodes", "filled")
    first = SharedSwitch("north", url, filled.key, lost_after=lost_after)
    second = SharedSwitch("south", url, filled.key, lost_after=lost_after)
    second.start()
    yield first, second
    first.close()
    second.close()


@pytest.fixture
def pair(nodes: Pair) -> Iterator[Pair]:
    """Both of them, running."""
    for node in nodes:
        if not node.is_running():
            node.start()
    yield nodes
    assert nodes[1].new_faults() == []


@pytest.fixture
def phone(pair: Pair) -> Iterator[Callable[[str], Roamer]]:
    """Make phones that are registered at the first node."""
    phones: list[Roamer] = []

    def make(account: str) -> Roamer:
        made = Roamer(account, DOMAIN, PASSWORD, pair[0].address, f"127.0.0.{len(phones) + 21}")
        phones.append(made)
        assert made.register().status == 200
        return made

    yield make
    for each in phones:
        for node in pair:
            if node.is_running():
                each.unregister(node.address)
        each.close()


def said(switch: RunningSwitch, call_id: str) -> list[str]:
    """Return what the script of a call has said in the log of a switch."""
    ours = {row["call_id"] for row in switch.all_cdrs() if row["sip_call_id"] == call_id}
    return [line for e in switch.events("dialplan says") if e["call_id"] in ours for line in e["lines"]]


def until_taken_over(pair: Pair) -> None:
    """Wait until the second node has what the first one had, which says nothing."""
    until(lambda: pair[1].takeovers() == 1, "the node is taken over")


def talk(alice: Roamer, bob: Roamer, name: str = "bob") -> tuple[Response, Request]:
    """Let one call the other, up to the ACK; return the dialog of each."""
    alice.invite(f"sip:{name}@{DOMAIN}", alice.new_call_id())
    invite = bob.wait_for_request("INVITE")
    bob.answer(invite, 180, "Ringing")
    bob.answer(invite, 200, "OK")
    accepted = alice.wait_for_status(200)
    alice.acknowledge(accepted)
    bob.wait_for_request("ACK")
    return accepted, invite


ELSEWHERE = 1800
"""Seconds for which a phone registers at another node than its first: by that others show that they know of it."""


def at(phone: Roamer, switch: RunningSwitch) -> Roamer:
    """Let a phone talk to another node, and register there."""
    phone.to = switch.address
    assert phone.register(ELSEWHERE).status == 200
    phone.sources.clear()
    return phone


def until_known(account: str, switch: RunningSwitch, *, is_there: bool = True) -> None:
    """Wait until a node knows that the phone of an account is registered at another one, or nowhere."""
    with Roamer(account, DOMAIN, PASSWORD, switch.address, "127.0.0.60") as asking:

        def is_known() -> bool:
            found = [seconds <= ELSEWHERE for seconds in asking.times_known()]
            return found == ([True] if is_there else [])

        until(is_known, "the node knows where the phone is")


def ring(alice: Roamer, bob: Roamer) -> Request:
    """Let one call the other, up to the 180."""
    alice.invite(f"sip:{bob.account}@{DOMAIN}", alice.new_call_id())
    ringing = bob.wait_for_request("INVITE")
    bob.answer(ringing, 180, "Ringing")
    alice.wait_for_status(180)
    return ringing


def connected(account: str, switch: SharedSwitch, protocol: str = "tcp") -> Connected:
    """Return a phone that is registered over a connection to a switch."""
    port = {"tls": switch.tls_port, "ws": switch.ws_port}.get(protocol, switch.port)
    made = Connected(account, DOMAIN, PASSWORD, (HOST, port), "127.0.0.40", protocol)
    assert made.register(ELSEWHERE).status == 200
    return made


def test_a_phone_whose_connection_has_died_with_its_node_goes_on_over_another_one(
    pair: Pair,
):
    """One on TCP hears what a browser says that has opened another WebSocket."""
    first, second = pair
    browser, bob = connected("waiting", first, "ws"), connected("bob", first)
    accepted, _ = talk(browser, bob)
    first.stop(signal.SIGKILL)
    second.run_command("node", "takeover")
    browser_again, again = connected("waiting", second, "ws"), connected("bob", second)
    browser_again.say_in(accepted, "BYE", 10)
    bye = again.wait_for_request("BYE")
    again.answer(bye, 200, "OK")
    browser_again.wait_for_status(200, "BYE")
    for each in (browser, bob, browser_again, again):
        each.close()

    assert bye.to_tag == f"t{bob.port}"
    assert until(lambda: said(second, accepted.call_id), "the script goes on") == ["talked True"]


@pytest.mark.parametrize("lost_after", [SOON])
def test_calls_and_scripts_go_on_at_the_other_node(pair: Pair, phone: Callable[[str], Roamer]):
    """SIGKILL while two calls talk and their scripts wait for the end, one rings, and a script sleeps."""
    alice, bob = phone("waiting"), phone("bob")
    accepted, _ = talk(alice, bob)
    carol, dave = phone("waiting"), phone("dave")
    answered, invite = talk(carol, dave, "dave")
    erin, frank = phone("impatient"), phone("frank")
    erin.invite(f"sip:frank@{DOMAIN}", erin.new_call_id())
    ringing = frank.wait_for_request("INVITE")
    frank.answer(ringing, 180, "Ringing")
    erin.wait_for_status(180)
    grace = phone("sleeping")
    grace.invite(f"sip:anybody@{DOMAIN}", grace.new_call_id())
    grace.wait_for_status(100)
    first, second = pair
    first.stop(signal.SIGKILL)
    until_taken_over(pair)
    for each in (alice, bob, carol, dave, erin, frank, grace):
        each.to = second.address

    alice.say_in(accepted, "BYE", 10)
    alice.wait_for_status(200, "BYE")
    bob.answer(bob.wait_for_request("BYE"), 200, "OK")
    dave.say_in(invite, "BYE", 1)
    dave.wait_for_status(200, "BYE")
    carol.answer(carol.wait_for_request("BYE"), 200, "OK")
    cancel = frank.wait_for_request("CANCEL")
    frank.answer(cancel, 200, "OK")
    frank.answer(ringing, 487, "Request Terminated")
    given_up, woken = erin.wait_for_status(480), grace.wait_for_status(486)
    erin.acknowledge(given_up)
    grace.acknowledge(woken)

    assert (given_up.reason, woken.reason) == ("Nobody Home", "Woken Up")
    assert cancel.call_id == ringing.call_id
    for response, words in (
        (accepted, "talked True"), (answered, "talked True"), (given_up, "nobody answered"), (woken, "awake"),
    ):  # fmt: skip
        assert until(lambda r=response: said(second, r.call_id), "the script goes on") == [words]
    ended = {cdr["hung_up_by"] for cdr in second.cdrs(accepted.call_id, legs=2)}
    assert (ended, {cdr["hung_up_by"] for cdr in second.cdrs(answered.call_id, legs=2)}) == (
        {"caller"},
        {"callee"},
    )
    assert until(lambda: not second.calls(), "no call is left") is True


@pytest.mark.parametrize("lost_after", [SOON])
def test_a_node_that_was_stopped_for_long_stops_for_good(pair: Pair, phone: Callable[[str], Roamer]):
    """A zombie: its phones hear nothing of it any more, and its process ends."""
    first, second = pair
    alice, bob = phone("waiting"), phone("bob")
    accepted, _ = talk(alice, bob)
    first._process.send_signal(signal.SIGSTOP)
    until_taken_over(pair)
    alice.say_in(accepted, "BYE", 10)  # it is in the socket of the zombie when that goes on
    first._process.send_signal(signal.SIGCONT)
    until(lambda: not first.is_running(), "the zombie ends")
    first._process = None
    alice.to = bob.to = second.address
    with fair_seconds() as taken:
        alice.say_in(accepted, "BYE", 11)
        alice.wait_for_status(200, "BYE")
        bye = bob.wait_for_request("BYE")
    bob.answer(bye, 200, "OK")

    assert "another node has taken over" in first.log_text()
    assert taken() < 10.0
    assert not [m for m in bob.heard if isinstance(m, Request) and m.method == "BYE" and m is not bye]


@pytest.mark.parametrize("lost_after", [SOON])
def test_a_node_that_was_stopped_for_long_repeats_nothing(pair: Pair, phone: Callable[[str], Roamer]):
    """Its timers were due long ago, and its loop may come to them before it has asked whether its calls are its own."""
    first, second = pair
    alice, bob = phone("waiting"), phone("bob")
    alice.invite(f"sip:bob@{DOMAIN}", "repeats nothing")
    invite = bob.wait_for_request(
        "INVITE"
    )  # to which it says nothing, so that it is repeated (RFC 3261 §17.1.1.2)
    first._process.send_signal(signal.SIGSTOP)
    until_taken_over(pair)
    until(lambda: hears_from(bob, second), "the other node calls the phone")
    while alice.receive(0.0):
        pass  # what the first node has said in time
    for each in (alice, bob):
        each.sources.clear()
        each.to = second.address
    first._process.send_signal(signal.SIGCONT)
    until(lambda: not first.is_running(), "the zombie ends")
    first._process = None
    bob.answer(invite, 486, "Busy Here")
    until(lambda: hears_from(alice, second), "the caller hears how it went")
    while bob.receive(0.0):
        pass

    assert "another node has taken over" in first.log_text()
    assert first.address not in (*alice.sources, *bob.sources)


def hears_from(phone: Roamer, switch: RunningSwitch) -> bool:
    """Read one message, and return whether there was any of a switch."""
    phone.receive(0.1)
    return switch.address in phone.sources


def test_a_node_that_is_started_again_at_once_keeps_its_calls(pair: Pair, phone: Callable[[str], Roamer]):
    first, second = pair
    alice, bob = phone("waiting"), phone("bob")
    accepted, _ = talk(alice, bob)
    first.stop(signal.SIGKILL)
    first.start()
    alice.say_in(accepted, "BYE", 10)
    alice.wait_for_status(200, "BYE")
    bob.answer(bob.wait_for_request("BYE"), 200, "OK")

    assert until(lambda: said(first, accepted.call_id), "the script goes on") == ["talked True"]
    assert second.takeovers() == 0


def test_somebody_who_knows_need_not_wait(pair: Pair, phone: Callable[[str], Roamer]):
    """What keepalived calls."""
    first, second = pair
    alice, bob = phone("waiting"), phone("bob")
    accepted, _ = talk(alice, bob)
    before = nodes_of(second)
    first.stop(signal.SIGKILL)
    taken = json.loads(second.run_command("node", "takeover", "north", "--json"))
    alice.to = bob.to = second.address
    alice.say_in(accepted, "BYE", 10)
    alice.wait_for_status(200, "BYE")
    bob.answer(bob.wait_for_request("BYE"), 200, "OK")

    assert {name: (state, calls) for name, (state, calls, _) in before.items()} == {
        "north": ("up", 1),
        "south": ("up", 0),
    }
    assert before["north"][2] == 2
    assert taken == {"calls": 1}
    assert nodes_of(second)["north"][0] == "lost"


def test_a_planned_stop_hands_everything_over(pair: Pair, phone: Callable[[str], Roamer]):
    first, second = pair
    alice, bob = phone("waiting"), phone("bob")
    accepted, _ = talk(alice, bob)
    said_to = json.loads(first.run_command("node", "drain", "--json"))
    until_taken_over(pair)
    until(lambda: not first.is_running(), "the drained node ends")
    first._process = None
    alice.to = bob.to = second.address
    alice.say_in(accepted, "BYE", 10)
    alice.wait_for_status(200, "BYE")
    bob.answer(bob.wait_for_request("BYE"), 200, "OK")

    assert said_to == {"to": ["south"]}
    assert until(lambda: said(second, accepted.call_id), "the script goes on") == ["talked True"]
    assert nodes_of(second)["north"][0] == "drained"
    assert first.new_faults() == []


def nodes_of(switch: RunningSwitch) -> dict[str, tuple[str, int, int]]:
    """Return the state, the calls and the phones of each node, as the command line lists them."""
    rows = json.loads(switch.run_command("node", "list", "--json"))
    return {row["node"]: (row["state"], row["calls"], row["phones"]) for row in rows}
