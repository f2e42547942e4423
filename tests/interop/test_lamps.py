"""The lamps and the presence of real soft phones: their own SUBSCRIBEs and PUBLISHes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from conftest import StartSwitch
from interop.harness import DOMAIN, PASSWORD, Baresip, RunningSwitch, until
from interop.harness.linphone import Linphone

pytestmark = pytest.mark.peer("baresip")


@pytest.fixture(scope="module")
def switch(start_switch: StartSwitch) -> RunningSwitch:
    return start_switch(["ann", "ben"])


@pytest.fixture
def phone(switch: RunningSwitch) -> Iterator[Callable[..., Baresip]]:
    made: list[Baresip] = []

    def new(name: str, host: str, **more: str) -> Baresip:
        phone = Baresip(f"{name}@{DOMAIN}:{PASSWORD}", switch.address, host=host, **more)
        made.append(phone)
        phone.wait_until_registered()
        return phone

    yield new
    for each in made:
        each.close()


def hears(phone: Baresip, text: str, what: str, patience: float = 60.0) -> None:
    """Wait until a phone has printed something; its story is the failure where it does not."""
    try:
        until(lambda: text in phone.output(), what, patience)
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{phone.story()}") from error


def subscribes_for_ever(phone: Baresip) -> bool:
    """Whether it reads no answers any more: one of thirty baresips 1.0 is caught in its module for message lamps."""
    return phone.output().rpartition("SIP/2.0 ")[2].count("\nSUBSCRIBE ") > 5


def _is_settled(phone: Baresip) -> bool:
    return "Messages-Waiting: no" in phone.output() or subscribes_for_ever(phone)


def test_the_message_lamp_of_a_phone(switch: RunningSwitch, phone: Callable[..., Baresip]):
    for _ in range(3):
        ann = phone("ann", "127.0.0.2", more=";mwi=yes", modules="mwi.so")
        until(partial(_is_settled, ann), "it is told something, or never will be")
        if not subscribes_for_ever(ann):
            break
        ann.kill()
    hears(ann, "Messages-Waiting: no", "the lamp is told that no message waits")
    switch.run_command("account", "messages", "ann", "--new", "3", "--old", "1")

    hears(ann, "Voice-Message: 3/1 (0/0)", "the lamp is told of three messages")


def test_what_a_phone_publishes_is_told_to_the_one_that_watches(
    switch: RunningSwitch, phone: Callable[..., Baresip]
):
    ann = phone(
        "ann", "127.0.0.2", modules="contact.so presence.so", contact=f'"Ben" <sip:ben@{DOMAIN}>;presence=p2p'
    )
    hears(ann, "application/pidf+xml", "ann is told of ben")
    phone("ben", "127.0.0.3", more=";pubint=60", modules="contact.so presence.so")

    hears(ann, "<basic>open</basic>", "ben is there")


@pytest.mark.peer("linphonec")
def test_two_linphones_see_how_the_other_is(switch: RunningSwitch):
    """Both publish, and watch each other: one hears of what is not there, of what comes, and of what goes."""
    phones: list[Linphone] = []

    def new(name: str, friend: str, host: str) -> Linphone:
        address = f"{friend}@{DOMAIN}"
        phone = Linphone(name, DOMAIN, PASSWORD, switch.address, transport="udp", host=host, friend=address)
        phones.append(phone)
        return phone

    try:
        ann = new("ann", "ben", "127.0.0.4")
        ann.wait_for("is Offline")
        ben = new("ben", "ann", "127.0.0.5")
        for phone in phones:
            phone.wait_for("is Online")
        ben.quit()
        ann.wait_for("is Offline", 2)
        assert "SIP/2.0 489" not in ann.output()
    finally:
        for phone in phones:
            phone.close()
