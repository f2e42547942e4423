"""Two switches on one PostgreSQL database: one is killed, and its calls and scripts go on at the other."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from interop.harness import DOMAIN, HOST, PASSWORD, Roamer, RunningSwitch, until
from sipwright.sip import Request
from store.conftest import postgres_folder  # noqa: F401

pytestmark = pytest.mark.peer("postgresql")

LOST_AFTER = 2.0

PLANS = {
    "waiting": 'r = dial("bob@local", wait=True)\nlog("talked", r.answered)\nstore.set("talked", r.answered)\n',
    "impatient": 'dial("bob@local", ring=4)\nlog("nobody answered")\nrespond(480, "Nobody Home")\n',
    "sleeping": 'sleep(5)\nlog("awake")\nrespond(486, "Woken Up")\n',
}
ACCOUNTS = ["bob", *((name, name, "") for name in PLANS)]


class SharedSwitch(RunningSwitch):
    """A node of a name on a database that others have as well."""

    def __init__(self, name: str, url: str, key: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name, self._key = name, key
        monkeypatch.setenv("SIPWRIGHT_DATABASE__URL", url)
        super().__init__()
        monkeypatch.delenv("SIPWRIGHT_DATABASE__URL")
        listen = f'["{HOST}:{self.port}"]'
        (self.data / "sipwright.toml").write_text(
            f'node = "{name}"\n[sip]\nudp = {listen}\ntcp = {listen}\n'
            f'[database]\nurl = "{url}"\n[cluster]\nlost_after = {LOST_AFTER}\n'
        )

    def run_command(self, *arguments: str) -> str:
        """Run a command; the first one is `init`, which has to find the key of the database."""
        if self._key is not None:
            self.data.mkdir()
            shutil.copy(self._key, self.data / "sipwright.key")
            self._key = None
        return super().run_command(*arguments)


Pair = tuple[SharedSwitch, SharedSwitch]


@pytest.fixture(scope="module")
def nodes(postgres_folder: Path) -> Iterator[Pair]:  # noqa: F811
    """Two nodes with accounts and dialplans."""

    async def create() -> None:
        connection = await asyncpg.connect(f"postgresql://postgres@/postgres?host={postgres_folder}")
        await connection.execute("CREATE DATABASE nodes")
        await connection.close()

    asyncio.run(create())
    url = f"postgresql://postgres@/nodes?host={postgres_folder}"
    with pytest.MonkeyPatch.context() as monkeypatch:
        first = SharedSwitch("north", url, None, monkeypatch)
        second = SharedSwitch("south", url, first.data / "sipwright.key", monkeypatch)
    first.set_dialplans(PLANS)
    first.add_accounts(ACCOUNTS)
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
        each.unregister(pair[1].address)
        each.close()


def said(switch: RunningSwitch, call_id: str) -> list[str]:
    """Return what the script of a call has said in the log of a switch."""
    ours = {row["call_id"] for row in switch.all_cdrs() if row["sip_call_id"] == call_id}
    return [line for e in switch.events("dialplan says") if e["call_id"] in ours for line in e["lines"]]


def takeovers(pair: Pair) -> int:
    """Return how often the second node has taken over."""
    return len(pair[1].events("the calls of another node are taken over"))


def kill(pair: Pair) -> None:
    """Kill the first node, and wait until the second one has what it had."""
    before = takeovers(pair)
    pair[0].stop(signal.SIGKILL)
    until(lambda: takeovers(pair) > before, "the node is taken over", 15.0)


def talk(alice: Roamer, bob: Roamer):
    """Let one call the other, up to the ACK; return the dialog of each."""
    alice.invite(f"sip:bob@{DOMAIN}", f"call-{alice.port}")
    invite = bob.wait_for_request("INVITE")
    bob.answer(invite, 180, "Ringing")
    bob.answer(invite, 200, "OK")
    accepted = alice.wait_for_status(200)
    alice.acknowledge(accepted)
    bob.wait_for_request("ACK")
    return accepted, invite


def test_a_call_and_its_script_go_on_at_the_other_node(pair: Pair, phone: Callable[[str], Roamer]):
    """SIGKILL in mid-call, while the script waits for its end."""
    alice, bob = phone("waiting"), phone("bob")
    accepted, _ = talk(alice, bob)
    kill(pair)
    alice.to = bob.to = pair[1].address
    alice.say_in(accepted, "BYE", 10)
    alice.wait_for_status(200, "BYE")
    bye = bob.wait_for_request("BYE")
    bob.answer(bye, 200, "OK")
    until(lambda: said(pair[1], accepted.call_id), "the script goes on")
    cdrs = pair[1].cdrs(accepted.call_id, legs=2)

    assert [(cdr["status"], cdr["hung_up_by"]) for cdr in cdrs] == [(200, "caller"), (200, "caller")]
    assert said(pair[1], accepted.call_id) == ["talked True"]
    assert until(lambda: not pair[1].calls(), "no call is left") is True


def test_the_called_phone_hangs_up_at_the_other_node(pair: Pair, phone: Callable[[str], Roamer]):
    alice, bob = phone("waiting"), phone("bob")
    accepted, invite = talk(alice, bob)
    kill(pair)
    alice.to = bob.to = pair[1].address
    bob.say_in(invite, "BYE", 1)
    bob.wait_for_status(200, "BYE")
    bye = alice.wait_for_request("BYE")
    alice.answer(bye, 200, "OK")

    assert until(lambda: said(pair[1], accepted.call_id), "the script goes on") == ["talked True"]


def test_a_call_that_rings_is_given_up_by_the_script_at_the_other_node(
    pair: Pair, phone: Callable[[str], Roamer]
):
    alice, bob = phone("impatient"), phone("bob")
    alice.invite(f"sip:bob@{DOMAIN}", f"call-{alice.port}")
    invite = bob.wait_for_request("INVITE")
    bob.answer(invite, 180, "Ringing")
    alice.wait_for_status(180)
    kill(pair)
    alice.to = bob.to = pair[1].address
    cancel = bob.wait_for_request("CANCEL", 20.0)
    bob.answer(cancel, 200, "OK")
    bob.answer(invite, 487, "Request Terminated")
    refused = alice.wait_for_status(480)

    assert (cancel.call_id, refused.reason) == (invite.call_id, "Nobody Home")
    assert said(pair[1], refused.call_id) == ["nobody answered"]


def test_a_script_that_sleeps_wakes_up_at_the_other_node(pair: Pair, phone: Callable[[str], Roamer]):
    alice = phone("sleeping")
    alice.invite(f"sip:anybody@{DOMAIN}", f"call-{alice.port}")
    alice.wait_for_status(100)
    kill(pair)
    refused = alice.wait_for_status(486, patience=15.0)

    assert (refused.reason, said(pair[1], refused.call_id)) == ("Woken Up", ["awake"])


def test_a_node_that_was_stopped_for_long_stops_for_good(pair: Pair, phone: Callable[[str], Roamer]):
    """A zombie: its phones hear nothing of it any more, and its process ends."""
    first, second = pair
    alice, bob = phone("waiting"), phone("bob")
    accepted, _ = talk(alice, bob)
    before = takeovers(pair)
    first._process.send_signal(signal.SIGSTOP)
    until(lambda: takeovers(pair) > before, "the node is taken over", 15.0)
    alice.say_in(accepted, "BYE", 10)  # it is in the socket of the zombie when that goes on
    first._process.send_signal(signal.SIGCONT)
    until(lambda: not first.is_running(), "the zombie ends", 15.0)
    ended_at, first._process = time.monotonic(), None
    alice.to = bob.to = second.address
    alice.say_in(accepted, "BYE", 11)
    alice.wait_for_status(200, "BYE")
    bye = bob.wait_for_request("BYE")
    bob.answer(bye, 200, "OK")

    assert "another node has taken over" in first.log_text()
    assert time.monotonic() - ended_at < 10.0
    assert not [m for m in bob.heard if isinstance(m, Request) and m.method == "BYE" and m is not bye]


def test_a_node_that_is_started_again_at_once_keeps_its_calls(pair: Pair, phone: Callable[[str], Roamer]):
    first = pair[0]
    first.stop()
    first.start(CLUSTER__LOST_AFTER="60")
    before = takeovers(pair)
    alice, bob = phone("waiting"), phone("bob")
    accepted, _ = talk(alice, bob)
    first.stop(signal.SIGKILL)
    first.start()
    alice.say_in(accepted, "BYE", 10)
    alice.wait_for_status(200, "BYE")
    bob.answer(bob.wait_for_request("BYE"), 200, "OK")

    assert until(lambda: said(first, accepted.call_id), "the script goes on") == ["talked True"]
    assert takeovers(pair) == before
