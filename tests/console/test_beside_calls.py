"""Strangers at the doors of a switch that carries calls: 300 scanners at its console, 1,000 guests at its pages."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress

import asyncssh
import httpx2
import pytest

from computing import fair_seconds
from conftest import StartSwitch
from interop.harness import DOMAIN, RunningSwitch, free_port, is_listening, until

pytestmark = pytest.mark.peer("sipp")

SCANNERS, CONNECTIONS, MOST = 300, 1_000, 100
CALLS, RATE = 40, 20
T1 = 0.5
"""Seconds after which a phone sends its INVITE again (RFC 3261 §17.1.1.2): until then nobody feels anything."""

ROUNDS, MOST_ROUNDS = 5, 20
"""Whom strangers hold up waits in each of them; whom something else on this machine holds up, in one or another."""

WORDS = (
    b"",
    b"SSH-2.0-scanner\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"SSH-2.0-x\r\n" + bytes(200),
    b"\xff" * 9_000,
)


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture(scope="module")
def switch(start_switch: StartSwitch, ports: tuple[int, int]) -> RunningSwitch:
    web, ssh = ports
    started = start_switch(
        ["caller", "callee"], WEB__LISTEN=f"127.0.0.1:{web}", WEB__CONNECTIONS=str(MOST),
        SSH__LISTEN=f"127.0.0.1:{ssh}",
    )  # fmt: skip
    until(lambda: is_listening("127.0.0.1", ssh, "tcp"), "the console listens")
    return started


def call(switch: RunningSwitch) -> list[float]:
    """Let an account call another one so often, and return how long each call waited for its answer."""
    known = {cdr["call_id"] for cdr in switch.all_cdrs()}
    callee = switch.answering("answer", "callee", calls=CALLS)
    switch.sipp("call", caller="caller", dialled=f"callee@{DOMAIN}", calls=CALLS, rate=RATE)
    callee.finish()

    def fresh() -> list[float]:
        found = [cdr for cdr in switch.all_cdrs() if cdr["leg"] == 0 and cdr["call_id"] not in known]
        return [cdr["answered_at"] - cdr["started_at"] for cdr in found if cdr["answered_at"]]

    return until(lambda: found if len(found := fresh()) == CALLS else [], "all calls have ended")


def feel_nothing(switch: RunningSwitch) -> bool:
    """Return whether there is a round of calls that do not feel whoever is at the doors.

    One in which the machine stood still says nothing of them.
    """
    felt = 0
    for _ in range(MOST_ROUNDS):
        with fair_seconds() as fair:
            began = time.monotonic()
            if p99(call(switch)) < T1:
                return True
            stood_still = time.monotonic() - began - fair()
        felt += stood_still < T1
        if felt == ROUNDS:
            break
    return False


async def knock(port: int, number: int) -> None:
    """Connect again and again from one of seven addresses, and say what scanners say."""
    while True:
        await visit(port, f"127.0.{3 + number % 7}.1", WORDS[number % len(WORDS)], 1.0)
        await asyncio.sleep(0.2)


async def linger(port: int, number: int) -> None:
    """Connect, say half of something or nothing, and come back when there was no room."""
    while True:
        await visit(port, "127.0.0.1", b"GET / HTTP/1.1\r\n" * (number % 2), 30.0)
        await asyncio.sleep(0.5)


async def visit(port: int, source: str, words: bytes, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    with closing(socket.socket()) as visitor, suppress(OSError, TimeoutError):
        visitor.setblocking(False)
        visitor.bind((source, 0))
        async with asyncio.timeout(seconds):
            await loop.sock_connect(visitor, ("127.0.0.1", port))
            await loop.sock_sendall(visitor, words)
            while await loop.sock_recv(visitor, 4_096):
                pass


@asynccontextmanager
async def crowd(come: Callable[..., object], port: int, count: int) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(come(port, number)) for number in range(count)]  # type: ignore[arg-type]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def is_served(url: str) -> bool:
    """Ask once; whoever waits longest for anything gives way to the next, and that may be us."""
    try:
        return httpx2.get(url, timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


def p99(times: list[float]) -> float:
    return sorted(times)[-(-len(times) * 99 // 100) - 1]


async def test_calls_do_not_feel_three_hundred_scanners_and_a_login_works(
    switch: RunningSwitch, ports: tuple[int, int]
):
    async with crowd(knock, ports[1], SCANNERS):
        are_well = await asyncio.to_thread(feel_nothing, switch)
        async with asyncssh.connect(
            "127.0.0.1", ports[1], username="root", password="very secret", known_hosts=None, client_keys=None,
            agent_path=None, config=None, local_addr=("127.0.0.2", 0),
        ) as console:  # fmt: skip
            assert (await console.run("calls --json")).stdout == "[]\n"

    assert are_well


async def test_calls_do_not_feel_a_thousand_connections_to_the_pages(
    switch: RunningSwitch, ports: tuple[int, int]
):
    url = f"http://127.0.0.1:{ports[0]}/healthz"
    async with crowd(linger, ports[0], CONNECTIONS):
        are_well = await asyncio.to_thread(feel_nothing, switch)
        assert await asyncio.to_thread(until, lambda: is_served(url), "somebody else is served as well")

    assert are_well
