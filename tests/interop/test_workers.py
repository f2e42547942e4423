"""One switch of two worker processes: calls between the phones of both, and the death of either."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

import asyncpg
import pytest

from interop.harness import DOMAIN, PASSWORD, Roamer, RunningSwitch, until
from interop.test_two_nodes import PLANS, said, talk
from sipwright.commands import keeper, worker
from sipwright.sip import Request, StreamFramer

pytestmark = pytest.mark.peer("postgresql")

FIRST, SECOND = "node1", "node1+2"
OURS = PLANS | dict.fromkeys(("placing", "giving"), 'dial(f"{req.user}@local[transfer=place]")\n')
ACCOUNTS = ["bob", "dave", *((name, name, "") for name in OURS)]


class TcpRoamer(Roamer):
    """The same over one connection."""

    def __init__(self, account: str, to: tuple[str, int], host: str) -> None:
        super().__init__(account, DOMAIN, PASSWORD, to, host)
        self._socket.close()
        self.protocol, self._framer, self._read = "tcp", StreamFramer(), []
        self._socket = socket.create_connection(to, source_address=(host, 0))
        self.port = self._socket.getsockname()[1]

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def receive(self, patience: float = 60.0) -> bytes | None:
        """Return the next message."""
        return super(Roamer, self).receive(patience)

    @property
    def contact(self) -> str:
        """Where it can be reached."""
        return f"<sip:{self.account}@{self.host}:{self.port};transport=tcp>"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def switch(request: pytest.FixtureRequest) -> Iterator[RunningSwitch]:
    """A switch with accounts and dialplans."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        if request.param == "postgresql":
            monkeypatch.setenv(
                "SIPWRIGHT_DATABASE__URL", new_database(request.getfixturevalue("postgres_folder"))
            )
        monkeypatch.setenv("SIPWRIGHT_RUN__WORKERS", "2")
        made = RunningSwitch()
        made.set_dialplans(OURS)
        made.add_accounts(ACCOUNTS)
        start(made)
        yield made
        made.close()


def new_database(folder: Path) -> str:
    """Make an empty database, and return its URL."""

    async def create() -> None:
        connection = await asyncpg.connect(f"postgresql://postgres@/postgres?host={folder}")
        await connection.execute("DROP DATABASE IF EXISTS workers WITH (FORCE)")
        await connection.execute("CREATE DATABASE workers")
        await connection.close()

    asyncio.run(create())
    return f"postgresql://postgres@/workers?host={folder}"


@pytest.fixture(autouse=True)
def nothing_goes_wrong(switch: RunningSwitch) -> Iterator[None]:
    """Every test leaves both workers running, and no fault in the log."""
    if not switch.is_running():
        start(switch)
    yield
    # Whoever commits is a process of its own, and counts as away when it is given no processor for a second.
    assert [line for line in switch.new_faults() if "stored" not in line and "outage" not in line] == []


@pytest.fixture
def phone(switch: RunningSwitch) -> Iterator[Callable[..., Roamer]]:
    """Make phones that are registered at one of the workers, as their ports have it."""
    phones: list[Roamer] = []

    def is_agreed_on(account: str) -> bool:
        """Return whether both workers know what the database does; whom the kernel has asked depends on the port."""
        known = len(switch.bindings(account))
        for number in range(6):
            with Roamer(account, DOMAIN, PASSWORD, switch.address, f"127.0.0.{101 + number}") as asking:
                if len(asking.times_known()) != known:
                    return False
        return True

    def make(account: str, worker: str, *, over_tcp: bool = False) -> Roamer:
        for attempt in itertools.count():
            host = f"127.0.0.{len(phones) + 21}"  # the next port of the same address may lead to the other worker
            if over_tcp:
                made: Roamer = TcpRoamer(account, switch.address, host)
            else:
                made = Roamer(account, DOMAIN, PASSWORD, switch.address, host)
            phones.append(made)
            # A worker that is started again has 503 said until it is there.
            until(lambda phone=made: phone.register().status == 200, "the phone is registered")  # type: ignore[misc]
            rows = [row for row in switch.bindings(account) if str(made.port) in row["contact"]]
            if [row["source"].partition("!")[0] for row in rows] == [worker]:
                if attempt:
                    until(lambda: is_agreed_on(account), "the phones at the other worker are forgotten")
                made.sources.clear()
                return made
            made.unregister(switch.address)
        raise AssertionError

    yield make
    for each in phones:
        if switch.is_running():
            each.unregister(switch.address)
        each.close()


def start(switch: RunningSwitch) -> None:
    """Start the switch, and wait until both workers are there."""
    before = len(switch.events("switch started"))
    url = os.environ.get("SIPWRIGHT_DATABASE__URL", "sqlite:///sipwright.db")
    # However long a machine needs for that, a worker is started again, and none takes over from it.
    switch.start(RUN__WORKERS="2", DATABASE__URL=url, CLUSTER__LOST_AFTER="60")
    until(lambda: len(switch.events("switch started")) >= before + 2, "both workers have started")


def process_of(switch: RunningSwitch, number: int, program: ModuleType = worker) -> int | None:
    """Return the process of a worker."""
    for pid in Path(f"/proc/{switch.pid}/task/{switch.pid}/children").read_text().split():
        line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if program.__name__.encode() in line and line[-2] == str(number).encode():
            return int(pid)
    return None


def kill(switch: RunningSwitch, number: int, program: ModuleType = worker) -> float:
    """Kill a worker, and return when that was."""
    pid = process_of(switch, number, program)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return time.monotonic()


def workers_with_calls(switch: RunningSwitch) -> set[str]:
    """Return which workers have the calls in progress."""
    return {row["node"] for row in switch.calls("--legs")}


@pytest.mark.parametrize("over_tcp", [False, True], ids=["udp", "tcp"])
def test_a_call_goes_to_the_phone_of_another_worker(
    switch: RunningSwitch, phone: Callable[..., Roamer], over_tcp: bool
):
    """Both phones hear of one switch, and what they say finds the call, whichever worker reads it."""
    alice, bob = phone("waiting", FIRST, over_tcp=over_tcp), phone("bob", SECOND, over_tcp=over_tcp)
    accepted, invite = talk(alice, bob)
    at = workers_with_calls(switch)
    alice.say_in(accepted, "INFO", 10)
    bob.answer(bob.wait_for_request("INFO"), 200, "OK")
    alice.wait_for_status(200, "INFO")
    bob.say_in(invite, "BYE", 1)
    bob.wait_for_status(200, "BYE")
    alice.answer(alice.wait_for_request("BYE"), 200, "OK")

    assert at == {FIRST}
    assert until(lambda: said(switch, accepted.call_id), "the script goes on") == ["talked True"]
    assert [cdr["status"] for cdr in switch.cdrs(accepted.call_id, legs=2)] == [200, 200]
    assert "record-route" not in invite.headers.index()
    assert over_tcp or set(bob.sources) == {switch.address}


def test_a_cancel_over_another_connection_finds_the_call_of_another_worker(
    switch: RunningSwitch, phone: Callable[..., Roamer]
):
    """The kernel gives a new connection to any of them, and nothing in a CANCEL says whose it is.

    That one of nothing is answered 481 is in `node/several/test_crew.py` and `services/edge/test_cancels.py`.
    """
    alice, bob = phone("waiting", FIRST, over_tcp=True), phone("bob", FIRST)
    alice.invite(f"sip:bob@{DOMAIN}", alice.new_call_id())
    ringing = bob.wait_for_request("INVITE")
    bob.answer(ringing, 180, "Ringing")
    alice.wait_for_status(180)
    at = workers_with_calls(switch)
    again = phone("waiting", SECOND, over_tcp=True)
    again.cancel(alice.invited)
    again.wait_for_status(200, "CANCEL")
    bob.answer(bob.wait_for_request("CANCEL"), 200, "OK")
    bob.answer(ringing, 487, "Request Terminated")
    bob.wait_for_request("ACK")
    alice.acknowledge(alice.wait_for_status(487))

    assert at == {FIRST}


def test_a_phone_that_has_just_registered_can_be_called_from_another_worker(
    switch: RunningSwitch, phone: Callable[..., Roamer]
):
    """Nobody waits for the database to be looked at."""
    alice, bob = phone("impatient", FIRST), phone("bob", SECOND)

    def wait(number: int) -> float:
        """Let him come, and return how long he waits for the call."""
        bob.request(
            "REGISTER",
            f"sip:{DOMAIN}",
            bob.address,
            call_id=f"reg-{bob.host}-{bob.port}",
            more="Expires: 0\n",
        )
        alice.invite(f"sip:bob@{DOMAIN}", f"call-{number}-away")
        alice.acknowledge(refused := alice.wait_for_status(480))
        assert refused.reason == "Nobody Home"
        bob.register()
        alice.invite(f"sip:bob@{DOMAIN}", f"call-{number}-there")
        began = time.monotonic()
        invite = bob.wait_for_request("INVITE")
        took = time.monotonic() - began
        bob.answer(invite, 486, "Busy Here")
        bob.wait_for_request("ACK")
        alice.acknowledge(alice.wait_for_status(480))
        return took

    assert any(wait(number) < 1.0 for number in range(5))  # in some round the machine has nothing else to do


def test_a_phone_on_a_connection_begins_a_call_where_its_other_one_is(
    switch: RunningSwitch, phone: Callable[..., Roamer]
):
    """All that it says comes to the worker that has its connection, which so knows where its call is."""
    alice, bob, dave = phone("waiting", FIRST), phone("bob", SECOND, over_tcp=True), phone("dave", SECOND)
    _, invite = talk(alice, bob)
    answered, _ = talk(bob, dave, "dave")
    at = workers_with_calls(switch)

    def are_two() -> bool:  # what a test before this one has left may still be ending
        status = json.loads(switch.run_command("status", "--json"))
        assert [one["up"] for one in status["workers"]] == [True, True]
        return bool(status["calls"] == 2)

    until(are_two, "both calls are counted")
    bob.say_in(answered, "BYE", 10)
    bob.wait_for_status(200, "BYE")
    dave.answer(dave.wait_for_request("BYE"), 200, "OK")
    bob.say_in(invite, "BYE", 1)
    bob.wait_for_status(200, "BYE")
    alice.answer(alice.wait_for_request("BYE"), 200, "OK")

    assert at == {FIRST}


def test_a_phone_joins_a_call_that_it_was_called_by_with_one_that_it_has_begun(
    switch: RunningSwitch, phone: Callable[..., Roamer]
):
    """Its answer went to the worker of the caller, its INVITE came to its own (RFC 3891, RFC 5589)."""
    alice, bob, dave = phone("placing", FIRST), phone("bob", SECOND), phone("dave", FIRST)
    of_alice, first = talk(alice, bob)
    second, _ = talk(bob, dave, "dave")
    at = workers_with_calls(switch)
    named = quote(f"{second.call_id};to-tag={second.to_tag};from-tag={second.from_tag}", safe="")
    bob.say_in(first, "REFER", 70, f"Refer-To: <sip:dave@{DOMAIN}?Replaces={named}>\n")
    bob.wait_for_status(202, "REFER")
    dave.answer(dave.wait_for_request("INVITE"), 200, "OK")
    alice.answer(alice.wait_for_request("INVITE"), 200, "OK")
    for each in (alice, dave):
        each.wait_for_request("ACK")
    bob_leaves(bob, first.call_id, second.call_id)
    alice.say_in(of_alice, "BYE", 80)
    alice.wait_for_status(200, "BYE")
    dave.answer(dave.wait_for_request("BYE"), 200, "OK")

    assert at == {FIRST, SECOND}
    assert until(lambda: not switch.calls(), "no call is left") is True


def bob_leaves(bob: Roamer, *call_ids: str) -> None:
    """Answer whatever bob is still told, until he has heard the good-byes of these calls."""
    is_left = [*call_ids]
    while is_left:
        said = bob.wait_for(lambda m: isinstance(m, Request))
        assert isinstance(said, Request)
        bob.answer(said, 200, "OK")
        if said.method == "BYE":
            is_left.remove(said.call_id)


def test_calls_of_two_workers_are_joined(switch: RunningSwitch, phone: Callable[..., Roamer]):
    """One phone was called by both: the call that its REFER names comes to the worker of the other (RFC 3891)."""
    alice, carol, bob = phone("placing", FIRST), phone("giving", SECOND), phone("bob", FIRST)
    of_alice, first = talk(alice, bob)
    _, second = talk(carol, bob)
    at = workers_with_calls(switch)
    named = quote(f"{second.call_id};to-tag={second.from_tag};from-tag=t{bob.port}", safe="")
    bob.say_in(first, "REFER", 70, f"Refer-To: <sip:giving@{DOMAIN}?Replaces={named}>\n")
    bob.wait_for_status(202, "REFER")
    carol.answer(carol.wait_for_request("INVITE"), 200, "OK")
    alice.answer(alice.wait_for_request("INVITE"), 200, "OK")
    for each in (alice, carol):
        each.wait_for_request("ACK")
    bob_leaves(bob, first.call_id, second.call_id)
    alice.say_in(of_alice, "BYE", 80)
    alice.wait_for_status(200, "BYE")
    carol.answer(carol.wait_for_request("BYE"), 200, "OK")

    assert at == {FIRST, SECOND}
    assert until(lambda: not switch.calls(), "no call is left") is True


def test_a_call_of_another_worker_is_joined_and_taken_over(
    switch: RunningSwitch, phone: Callable[..., Roamer]
):
    """The kernel has brought the INVITE to the worker of its phone, which knows no such call (RFC 3911, RFC 3891)."""
    alice, bob = phone("placing", FIRST), phone("bob", FIRST)
    of_alice, invite = talk(alice, bob)
    at, desk = workers_with_calls(switch), phone("bob", SECOND)
    named = f"{invite.call_id};to-tag={invite.from_tag};from-tag=t{bob.port}"
    desk.invite(f"sip:placing@{DOMAIN}", desk.new_call_id(), f"Join: {named}\n")
    joining = alice.wait_for_request("INVITE")
    alice.answer(joining, 486, "Busy Here")
    desk.acknowledge(desk.wait_for_status(486))
    desk.invite(f"sip:placing@{DOMAIN}", desk.new_call_id(), f"Replaces: {named}\n")
    alice.answer(alice.wait_for_request("INVITE"), 200, "OK")
    desk.acknowledge(desk.wait_for_status(200))
    bob.answer(bob.wait_for_request("BYE"), 200, "OK")
    alice.say_in(of_alice, "BYE", 80)
    desk.answer(desk.wait_for_request("BYE"), 200, "OK")

    assert at == {FIRST}
    assert (joining.headers.get("Join") or "").startswith(f"{of_alice.call_id};")
    assert until(lambda: not switch.calls(), "no call is left") is True


def lose_a_worker(switch: RunningSwitch, phone: Callable[..., Roamer]) -> float:
    """Kill one while calls of both talk, and look what becomes of all; return how long a call had to wait for that."""
    alice, bob = phone("waiting", FIRST), phone("bob", SECOND)
    accepted, invite = talk(alice, bob)
    carol, dave = phone("waiting", SECOND), phone("dave", FIRST)
    answered, _ = talk(carol, dave, "dave")
    grace = phone("sleeping", FIRST)
    grace.invite(f"sip:anybody@{DOMAIN}", grace.new_call_id())
    grace.wait_for_status(100)
    before = process_of(switch, 2)
    killed_at = kill(switch, 1)
    carol.say_in(answered, "BYE", 10)
    carol.wait_for_status(200, "BYE")
    bob.say_in(invite, "BYE", 1)  # is read by the worker that lives, and is for the one that was killed
    bob.wait_for_status(200, "BYE")
    took = time.monotonic() - killed_at
    alice.answer(alice.wait_for_request("BYE"), 200, "OK")
    dave.answer(dave.wait_for_request("BYE"), 200, "OK")
    woken = grace.wait_for_status(486)
    grace.acknowledge(woken)

    assert until(lambda: said(switch, accepted.call_id), "the script goes on") == ["talked True"]
    assert until(lambda: said(switch, answered.call_id), "the script goes on") == ["talked True"]
    assert woken.reason == "Woken Up"
    assert process_of(switch, 2) == before
    assert not switch.events("the calls of another node are taken over")
    for each in (alice, bob, carol, dave, grace):
        each.unregister(switch.address)
    return took


def test_calls_and_scripts_of_a_killed_worker_go_on(switch: RunningSwitch, phone: Callable[..., Roamer]):
    """One talks, another one's script sleeps; those of the other worker notice nothing."""
    # It takes 2 s on a machine that has nothing else to do, which it has not in every round.
    assert any(lose_a_worker(switch, phone) < 8.0 for _ in range(3))


def test_the_switch_ends_and_goes_on_as_one(switch: RunningSwitch, phone: Callable[..., Roamer]):
    alice, bob = phone("waiting", FIRST), phone("bob", SECOND)
    carol, dave = phone("waiting", SECOND), phone("dave", FIRST)
    accepted, _ = talk(alice, bob)
    answered, _ = talk(carol, dave, "dave")
    switch.stop()
    ended = len(switch.events("switch stopped"))
    start(switch)
    for caller, callee, response in ((alice, bob, accepted), (carol, dave, answered)):
        caller.say_in(response, "BYE", 10)
        caller.wait_for_status(200, "BYE")
        callee.answer(callee.wait_for_request("BYE"), 200, "OK")
        assert until(lambda r=response: said(switch, r.call_id), "the script goes on") == ["talked True"]

    assert ended >= 2


def test_calls_go_on_while_the_keeper_of_the_database_is_started_again(
    switch: RunningSwitch, phone: Callable[..., Roamer]
):
    """What is to be stored meanwhile does not wait for it."""
    if process_of(switch, 0, keeper) is None:
        pytest.skip("PostgreSQL is kept by its server")
    alice, bob = phone("waiting", FIRST), phone("bob", SECOND)
    accepted, invite = talk(alice, bob)
    kill(switch, 0, keeper)
    bob.say_in(invite, "BYE", 1)
    bob.wait_for_status(200, "BYE")
    alice.answer(alice.wait_for_request("BYE"), 200, "OK")

    assert until(lambda: said(switch, accepted.call_id), "the script goes on") == ["talked True"]
    assert [cdr["status"] for cdr in switch.cdrs(accepted.call_id, legs=2)] == [200, 200]
