"""A list of accounts, watched with one subscription (RFC 4662): real sockets, a real process, and its end."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from xml.dom.minidom import parseString

import pytest

from conftest import StartSwitch
from interop.harness import DOMAIN, HOST, PASSWORD, Connected, Roamer, RunningSwitch, until
from sipwright.sip import Request
from watching import listed, lit

MEMBERS = ("ben", "cat")
URI = f"sip:office@{DOMAIN}"
ALL = {"ben": [], "cat": []}


@pytest.fixture(scope="module")
def switch(start_switch: StartSwitch) -> RunningSwitch:
    return start_switch(["ann", "office", *MEMBERS])


@pytest.fixture
def phone(switch: RunningSwitch) -> Iterator[Callable[[str], Roamer]]:
    made: list[Roamer] = []

    def new(name: str, protocol: str = "udp") -> Roamer:
        kind = Roamer if protocol == "udp" else Connected
        made.append(kind(name, DOMAIN, PASSWORD, switch.address, HOST))
        assert made[-1].register().status == 200
        return made[-1]

    yield new
    for each in made:
        each.close()


def subscribe(phone: Roamer, more: str = "Expires: 600\nSupported: eventlist\n") -> int:
    """Subscribe to the list; returns the status."""
    wanted = f"Event: dialog\n{more}"
    return phone.request("SUBSCRIBE", URI, URI, call_id=f"keys-{phone.port}", more=wanted).status


def next_of(phone: Roamer) -> Request:
    """Return the next NOTIFY for the keys, which is answered, with all that is XML in it read as such."""
    notify = phone.wait_for_request("NOTIFY")
    phone.answer(notify, 200, "OK")
    assert notify.headers.get("Require") == "eventlist"
    for document in re.findall(r"<\?xml.*?</(?:list|dialog-info)>", notify.body.decode(), re.DOTALL):
        parseString(document)
    return notify


def until_lit(phone: Roamer, wanted: dict[str, str]) -> list[Request]:
    """Wait until the keys show this, however many NOTIFYs it takes; returns them."""
    shown, told = dict.fromkeys(wanted, ""), []
    while shown != wanted:
        told.append(next_of(phone))
        states = {name: (states or ["idle"])[-1] for name, states in lit(told[-1]).items()}
        shown.update({name: states[name] for name in wanted if name in states})
    return told


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_the_keys_of_a_list_follow_calls_and_the_list_over_a_kill(
    switch: RunningSwitch, phone: Callable[..., Roamer], protocol: str
):
    ann, ben, cat = phone("ann", protocol), phone("ben"), phone("cat")
    switch.run_command("account", "members", "office", *MEMBERS)
    until(lambda: subscribe(ann, "Expires: 0\n") == 421, "it is a list, which this phone cannot read")
    assert subscribe(ann) == 200
    first = next_of(ann)
    assert (listed(first).is_full, listed(first).version, lit(first)) == (True, 0, ALL)

    cat.invite(ben.address, cat.new_call_id())
    invite = ben.wait_for_request("INVITE")
    ben.answer(invite, 180, "Ringing")
    told = until_lit(ann, {"ben": "early", "cat": "early"})
    assert [listed(each).version for each in told] == list(range(1, len(told) + 1))
    assert not any(listed(each).is_full for each in told)

    switch.stop(signal.SIGKILL)
    switch.start()
    if protocol == "tcp":
        ann = phone("ann", protocol)  # its connection has ended with the process
        assert subscribe(ann) == 200
    again = next_of(ann)
    assert (listed(again).is_full, lit(again)) == (True, {"ben": ["early"], "cat": ["early"]})
    if protocol == "udp":
        assert listed(again).version > listed(told[-1]).version
    ben.answer(invite, 486, "Busy Here")
    until_lit(ann, {"ben": "terminated", "cat": "terminated"})
    switch.run_command("account", "members", "office", "cat", "ann")
    changed = next_of(ann)

    assert (listed(changed).is_full, list(lit(changed))) == (True, ["cat", "ann"])
    switch.run_command("account", "members", "office", "--none")
    last = ann.wait_for_request("NOTIFY")
    ann.answer(last, 200, "OK")
    assert last.headers.get("Subscription-State") == "terminated;reason=noresource"
