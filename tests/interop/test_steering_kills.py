"""Calls that are steered from outside while the switch is killed in the middle: real soft phones, a real process.

What was asked for is stored before it is answered, so a SIGKILL while the next phone rings changes nothing: the switch
that is started again carries it out.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from conftest import StartSwitch
from interop.harness import DOMAIN, PASSWORD, Baresip, RunningSwitch, until
from sipwright.config import Settings
from sipwright.usecases import Actor, UseCases

pytestmark = pytest.mark.peer("baresip")

ROOT = Actor(1, "root", "admin", "rest")
NewPhone = Callable[..., Baresip]


@pytest.fixture(scope="module")
def switch(start_switch: StartSwitch) -> RunningSwitch:
    return start_switch()


@pytest.fixture
def new_phone(switch: RunningSwitch) -> Iterator[NewPhone]:
    """Start a baresip with an account of its own, which answers when it is told to."""
    phones: list[Baresip] = []

    def new(host: str, answer: str = "auto") -> Baresip:
        account = switch.new_account()
        phone = Baresip(f"{account}@{DOMAIN}:{PASSWORD}", switch.address, host=host, answer=answer)
        phone.account = account  # type: ignore[attr-defined]
        phones.append(phone)
        phone.wait_until_registered()
        return phone

    yield new
    for phone in phones:
        phone.close()


def steer(switch: RunningSwitch, what: str, *arguments: str) -> Any:
    """Do what REST, the pages and the console do."""

    async def do() -> Any:
        uses = await UseCases.open(Settings.load(switch.data))
        try:
            return await getattr(uses.calls, what)(ROOT, *arguments)
        finally:
            await uses.close()

    return asyncio.run(do())


def kill(switch: RunningSwitch) -> None:
    """Kill the switch, and start it again."""
    switch.stop(signal.SIGKILL)
    switch.start()


def the_call(switch: RunningSwitch) -> str:
    (call,) = until(switch.calls, "the call is listed")
    found: str = call["id"]
    return found


def name(phone: Baresip) -> str:
    found: str = phone.account  # type: ignore[attr-defined]
    return found


def both_hear(one: Baresip, other: Baresip) -> None:
    before = one.heard(), other.heard()
    until(
        lambda: one.heard() > before[0] + 800 and other.heard() > before[1] + 800,
        "both hear a tenth of a second",
    )


def ends(switch: RunningSwitch, one: Baresip, other: Baresip) -> None:
    one.command("hangup")
    other.wait_for("CALL_CLOSED")
    until(lambda: switch.calls() == [], "no call is left")


def test_a_call_that_was_placed_goes_on(switch: RunningSwitch, new_phone: NewPhone):
    """While the first phone rings, and again while the second one does."""
    first, second = new_phone("127.0.0.2", "manual"), new_phone("127.0.0.3", "manual")
    placed = steer(switch, "place", name(first), name(second))
    first.wait_for("CALL_INCOMING")
    kill(switch)
    first.command("accept")
    second.wait_for("CALL_INCOMING")
    kill(switch)
    second.command("accept")
    second.wait_for("CALL_ESTABLISHED")

    assert the_call(switch) == placed
    both_hear(first, second)
    ends(switch, first, second)


def test_a_transfer_goes_on(switch: RunningSwitch, new_phone: NewPhone):
    caller, callee, third = new_phone("127.0.0.2"), new_phone("127.0.0.3"), new_phone("127.0.0.4", "manual")
    caller.command("dial", f"sip:{name(callee)}@{DOMAIN}")
    callee.wait_for("CALL_ESTABLISHED")
    steer(switch, "transfer", the_call(switch), name(third))
    third.wait_for("CALL_INCOMING")
    kill(switch)
    third.command("accept")
    third.wait_for("CALL_ESTABLISHED")
    left = until(lambda: [one for one in (caller, callee) if closed(one)], "one of the two is let go")
    (remaining,) = {caller, callee} - set(left)

    both_hear(remaining, third)
    ends(switch, third, remaining)


def closed(phone: Baresip) -> bool:
    phone._read()
    return any(event.get("type") == "CALL_CLOSED" for event in phone.events)


@pytest.mark.parametrize("what", ["pickup", "redirect"])
def test_a_call_that_rings_goes_elsewhere(switch: RunningSwitch, new_phone: NewPhone, what: str):
    caller, callee = new_phone("127.0.0.2"), new_phone("127.0.0.3", "manual")
    taker = new_phone("127.0.0.4", "manual")
    caller.command("dial", f"sip:{name(callee)}@{DOMAIN}")
    callee.wait_for("CALL_INCOMING")
    steer(switch, what, the_call(switch), name(taker))
    taker.wait_for("CALL_INCOMING")
    kill(switch)
    taker.command("accept")
    taker.wait_for("CALL_ESTABLISHED")
    callee.wait_for("CALL_CLOSED")

    both_hear(caller, taker)
    ends(switch, caller, taker)


def test_a_call_that_was_hung_up_does_not_come_back(switch: RunningSwitch, new_phone: NewPhone):
    caller, callee = new_phone("127.0.0.2"), new_phone("127.0.0.3")
    caller.command("dial", f"sip:{name(callee)}@{DOMAIN}")
    callee.wait_for("CALL_ESTABLISHED")
    steer(switch, "hangup", the_call(switch))
    kill(switch)

    caller.wait_for("CALL_CLOSED")
    callee.wait_for("CALL_CLOSED")
    until(lambda: switch.calls() == [], "no call is left")
