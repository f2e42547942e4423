"""Calls that are parked and picked up by code while the switch is killed: real soft phones, a real process."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from conftest import StartSwitch
from interop.harness import DOMAIN, PASSWORD, Baresip, RunningSwitch, until

pytestmark = pytest.mark.peer("baresip")

OUT = """
if req.user in ("701", "702"):
    if not pick_up(req.user):
        park(req.user, seconds=12 if req.user == "701" else 5)
    respond(486, "Another Call Waits There")
if req.user.startswith("*8"):
    pick_up(req.user[2:])
    respond(480, "Nothing Rings There")
dial(f"{req.user}@local", ring=60)
"""

NewPhone = Callable[..., Baresip]


@pytest.fixture(scope="module")
def switch(start_switch: StartSwitch) -> RunningSwitch:
    names = ("ann", "ben", "cat")
    return start_switch([*((name, "out", "") for name in names), "701", "702"], {"out": OUT})


@pytest.fixture
def phones(switch: RunningSwitch) -> Iterator[NewPhone]:
    """Start the phones of ann, ben and cat, of which some answer by themselves."""
    made: list[Baresip] = []

    def new(name: str, answer: str = "auto") -> Baresip:
        host = f"127.0.0.{2 + ('ann', 'ben', 'cat').index(name)}"
        phone = Baresip(f"{name}@{DOMAIN}:{PASSWORD}", switch.address, host=host, answer=answer)
        made.append(phone)
        phone.wait_until_registered()
        return phone

    yield new
    for phone in made:
        phone.close()
    until(lambda: switch.calls() == [], "no call is left")


def kill(switch: RunningSwitch) -> None:
    switch.stop(signal.SIGKILL)
    switch.start()


def parked(phones: NewPhone, slot: str) -> tuple[Baresip, Baresip]:
    """Ann, whom ben has sent to a slot with the transfer key of his phone."""
    ann, ben = phones("ann"), phones("ben")
    ann.command("dial", f"sip:ben@{DOMAIN}")
    ben.wait_for("CALL_ESTABLISHED")
    ann.wait_for("CALL_ESTABLISHED")
    ben.command("transfer", slot)
    ben.wait_for("CALL_CLOSED")
    return ann, ben


def test_a_call_is_parked_by_a_transfer_and_picked_up_by_a_code_over_two_kills(
    switch: RunningSwitch, phones: NewPhone
):
    ann, _ = parked(phones, "701")
    kill(switch)
    cat = phones("cat")
    cat.command("dial", f"sip:701@{DOMAIN}")
    cat.wait_for("CALL_ESTABLISHED")
    kill(switch)
    before = ann.heard(), cat.heard()
    until(lambda: ann.heard() > before[0] + 800 and cat.heard() > before[1] + 800, "both hear each other")
    cat.command("hangup")

    ann.wait_for("CALL_CLOSED")


def test_a_parked_call_rings_back_after_a_kill(switch: RunningSwitch, phones: NewPhone):
    ann, ben = parked(phones, "702")
    kill(switch)
    ben.wait_for("CALL_ESTABLISHED", 2)
    before = ann.heard(), ben.heard()
    until(lambda: ann.heard() > before[0] + 800 and ben.heard() > before[1] + 800, "both hear each other")
    ben.command("hangup")

    ann.wait_for("CALL_CLOSED")


def test_a_call_that_rings_is_picked_up_by_a_code_over_a_kill(switch: RunningSwitch, phones: NewPhone):
    ann, ben, cat = phones("ann"), phones("ben", "manual"), phones("cat")
    ann.command("dial", f"sip:ben@{DOMAIN}")
    ben.wait_for("CALL_INCOMING")
    kill(switch)
    cat.command("dial", f"sip:*8ben@{DOMAIN}")
    cat.wait_for("CALL_ESTABLISHED")
    kill(switch)
    ben.wait_for("CALL_CLOSED")
    until(lambda: ann.heard() > 800 and cat.heard() > 800, "both hear each other")
    cat.command("hangup")

    ann.wait_for("CALL_CLOSED")
