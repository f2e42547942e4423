"""An attended transfer by a phone whose two calls are at different nodes (RFC 3891, RFC 5589)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from interop.harness import DOMAIN, PASSWORD, Roamer, SharedSwitch, new_database, until
from sipwright.sip import Message, Request, Response, parse

pytestmark = pytest.mark.peer("postgresql")

LOST_AFTER = 10.0
"""Seconds after which a node that says nothing is lost: no busy machine keeps one silent for so long."""

PLANS = {
    "waiting": 'r = dial(f"{req.user}@local[transfer=place]", wait=True)\nlog("talked", r.answered)\n',
    "placing": 'dial(f"{req.user}@local[transfer=place]")\n',
    "passing": 'dial(f"{req.user}@local")\n',
}
ACCOUNTS = ["dave", *((name, name, "") for name in PLANS)]

Pair = tuple[SharedSwitch, SharedSwitch]


@pytest.fixture(scope="module")
def filled(postgres_folder: Path) -> Iterator[SharedSwitch]:
    """A node with accounts and a dialplan, which never runs, and whose database is a template."""
    made = SharedSwitch("north", new_database(postgres_folder, "transfers"), None)
    made.set_dialplans(PLANS)
    made.add_accounts(ACCOUNTS)
    yield made
    made.close()


@pytest.fixture
def pair(postgres_folder: Path, filled: SharedSwitch) -> Iterator[Pair]:
    """Two nodes that run."""
    url = new_database(postgres_folder, "transferring", "transfers")
    nodes = tuple(SharedSwitch(name, url, filled.key, lost_after=LOST_AFTER) for name in ("north", "south"))
    for node in nodes:
        node.start()
    first, second = nodes
    yield first, second
    faults = [fault for node in nodes for fault in node.new_faults()]
    for node in nodes:
        node.close()
    assert faults == []


class World:
    """Alice talks to bob at the first node; bob calls dave, by the second one."""

    def __init__(self, pair: Pair, caller: str = "waiting") -> None:
        self.nodes = pair
        first, _ = pair
        self.alice, self.bob, self.dave = self.phones = tuple(
            Roamer(name, DOMAIN, PASSWORD, first.address, f"127.0.0.{21 + number}")
            for number, name in enumerate((caller, "placing", "dave"))
        )

    def begin(self) -> World:
        """Let the two calls begin."""
        _, second = self.nodes
        for phone in self.phones:
            assert phone.register().status == 200
        with Roamer("dave", DOMAIN, PASSWORD, second.address, "127.0.0.60") as asking:
            until(asking.times_known, "the second node knows where dave is")
        self.alice.invite(f"sip:placing@{DOMAIN}", "first-call")
        self.to_bob = self.bob.wait_for_request("INVITE")
        self.bob.answer(self.to_bob, 200, "OK")
        self.of_alice = self.alice.wait_for_status(200)
        self.alice.acknowledge(self.of_alice)
        self.bob.wait_for_request("ACK")
        self.bob.to = second.address
        self.bob.invite(f"sip:dave@{DOMAIN}", "second-call")
        self.to_dave = self.dave.wait_for_request("INVITE")
        return self

    def close(self) -> None:
        for phone in self.phones:
            phone.close()

    def dave_answers(self) -> Response:
        self.dave.answer(self.to_dave, 200, "OK")
        ok = self.bob.wait_for_status(200)
        self.bob.acknowledge(ok)
        self.dave.wait_for_request("ACK")
        return ok

    def refer(self, within: Message, to: str, call_id: str, to_tag: str, from_tag: str) -> None:
        value = quote(f"{call_id};to-tag={to_tag};from-tag={from_tag}", safe="")
        self.bob.say_in(within, "REFER", 70, f"Refer-To: <sip:{to}@{DOMAIN}?Replaces={value}>\n")
        self.bob.wait_for_status(202, "REFER")
        self.report()

    def report(self) -> str:
        notify = self.bob.wait_for_request("NOTIFY")
        self.bob.answer(notify, 200, "OK")
        return notify.body.decode().strip()

    def joined(self, target: Roamer, remaining: Roamer, *, is_asked: bool = True) -> None:
        """Let the target make an offer, and the remaining end take it; both of bob's calls then end."""
        if is_asked:
            target.answer(target.wait_for_request("INVITE"), 200, "OK")
        remaining.answer(remaining.wait_for_request("INVITE"), 200, "OK")
        remaining.wait_for_request("ACK")
        acknowledged = target.wait_for_request("ACK")
        assert f"c=IN IP4 {remaining.host}".encode() in acknowledged.body

    def bob_leaves(self, *call_ids: str) -> None:
        """Answer whatever bob is still told, until he has heard the good-byes of these calls."""
        left = set(call_ids)
        while left:
            said = self.bob.wait_for(lambda m: isinstance(m, Request))
            assert isinstance(said, Request)
            self.bob.answer(said, 200, "OK")
            if said.method == "BYE":
                left.discard(said.call_id)

    def hang_up(self, who: Roamer, dialog: Message, other: Roamer, number: int) -> None:
        who.say_in(dialog, "BYE", number)
        who.wait_for_status(200, "BYE")
        other.answer(other.wait_for_request("BYE"), 200, "OK")

    def are_idle(self) -> bool:
        return not any(node.calls() for node in self.nodes if node.is_running())

    def are_idle_when_all_answer(self) -> bool:
        """Let everybody answer what they are told once more, by the node that has taken over from who was answered."""
        for phone in self.phones:
            data = phone.receive(0.02)
            if data is not None and isinstance(said := parse(data), Request) and said.method != "ACK":
                phone.answer(said, 200, "OK")
        return self.are_idle()

    def said(self, switch: SharedSwitch) -> list[str]:
        return [line for event in switch.events("dialplan says") for line in event["lines"]]


@pytest.fixture
def world(pair: Pair) -> Iterator[World]:
    made = World(pair)
    try:
        yield made.begin()
    finally:
        made.close()


def test_the_other_call_comes_to_the_node_of_the_first(world: World):
    """The REFER is said in the call of the first node, and names that of the second."""
    ok = world.dave_answers()
    world.refer(world.to_bob, "dave", ok.call_id, ok.to_tag or "", ok.from_tag or "")
    world.joined(world.dave, world.alice)
    assert world.report() == "SIP/2.0 200 OK"
    world.bob_leaves(world.to_bob.call_id, "second-call")
    world.hang_up(world.dave, world.to_dave, world.alice, 80)

    first, _ = world.nodes
    assert until(world.are_idle, "no call is left") is True
    assert until(lambda: world.said(first), "the script goes on") == ["talked True"]


def test_a_script_that_waits_for_the_end_goes_along(world: World):
    """The REFER is said in the call of the second node, which has none, and names that of the first."""
    ok = world.dave_answers()
    to_bob = world.to_bob
    tag, theirs = to_bob.from_tag or "", f"t{world.bob.port}"
    world.refer(ok, "waiting", to_bob.call_id, tag, theirs)
    world.joined(world.alice, world.dave)
    assert world.report() == "SIP/2.0 200 OK"
    world.bob_leaves(to_bob.call_id, "second-call")
    world.hang_up(world.alice, world.of_alice, world.dave, 80)

    first, second = world.nodes
    assert until(world.are_idle, "no call is left") is True
    assert until(lambda: world.said(second), "the script goes on") == ["talked True"]
    assert world.said(first) == []


def test_a_call_that_rings_stays_and_the_other_one_comes_there(world: World):
    """A semi-attended transfer: bob does not wait until dave has answered (RFC 5589 §7.3)."""
    world.dave.answer(world.to_dave, 180, "Ringing")
    ringing = world.bob.wait_for_status(180)
    world.refer(world.to_bob, "dave", ringing.call_id, ringing.to_tag or "", ringing.from_tag or "")
    world.bob.acknowledge(world.bob.wait_for_status(487))
    world.dave.answer(world.to_dave, 200, "OK")
    world.dave.wait_for_request("ACK")
    world.joined(world.dave, world.alice)
    world.bob_leaves(world.to_bob.call_id)
    world.hang_up(world.alice, world.of_alice, world.dave, 80)

    _, second = world.nodes
    assert until(world.are_idle, "no call is left") is True
    assert until(lambda: world.said(second), "the script goes on") == ["talked True"]


def test_a_refer_that_is_passed_on_names_the_other_call_as_its_far_end_knows_it(pair: Pair):
    """Phones of one owner transfer by themselves; only a node that has both calls can put that into their terms."""
    with closing(World(pair, "passing")) as world:
        refers_to_the_other_call(world.begin())


def refers_to_the_other_call(world: World) -> None:
    ok = world.dave_answers()
    value = quote(f"{ok.call_id};to-tag={ok.to_tag};from-tag={ok.from_tag}", safe="")
    world.bob.say_in(world.to_bob, "REFER", 70, f"Refer-To: <sip:dave@{DOMAIN}?Replaces={value}>\n")
    passed = world.alice.wait_for_request("REFER")
    world.alice.answer(passed, 603, "Decline")
    world.bob.wait_for_status(603, "REFER")
    to_dave = world.to_dave
    theirs = quote(f"{to_dave.call_id};to-tag=t{world.dave.port};from-tag={to_dave.from_tag}", safe="")
    world.hang_up(world.dave, to_dave, world.bob, 80)
    world.hang_up(world.alice, world.of_alice, world.bob, 81)

    assert passed.headers.get("refer-to") == f"<sip:dave@{DOMAIN}?Replaces={theirs}>"
    assert until(world.are_idle, "no call is left") is True


@pytest.mark.parametrize("who", ["giver", "taker"])
def test_the_call_goes_on_whichever_of_the_nodes_dies(world: World, who: str):
    ok = world.dave_answers()
    world.refer(world.to_bob, "dave", ok.call_id, ok.to_tag or "", ok.from_tag or "")
    world.joined(world.dave, world.alice)
    assert world.report() == "SIP/2.0 200 OK"
    world.bob_leaves(world.to_bob.call_id, "second-call")
    first, second = world.nodes
    dies, goes_on = (second, first) if who == "giver" else (first, second)
    dies.stop(signal.SIGKILL)
    goes_on.run_command("node", "takeover")
    for phone in world.phones:
        phone.to = goes_on.address
    world.hang_up(world.dave, world.to_dave, world.alice, 80)

    assert until(world.are_idle_when_all_answer, "no call is left") is True
