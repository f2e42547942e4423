"""An address that moves with the service: phones know no other one, and notice nothing of a node that dies.

What keepalived does is done here: the address is given to the other machine, and the command of docs/two-servers.md run
there. It needs network namespaces, and root.
"""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interop.harness import DOMAIN, PASSWORD, Namespaces, Roamer, SharedSwitch, new_database
from interop.test_two_nodes import PLANS, said, talk, until

pytestmark = pytest.mark.peer("postgresql")

FLOATING, OWN = "203.0.113.10", {"north": "203.0.113.1", "south": "203.0.113.2"}
PHONES = {"waiting": "203.0.113.21", "bob": "203.0.113.22"}
DOCS = Path(__file__).parents[2] / "docs" / "two-servers.md"


class Machine(SharedSwitch):
    """A node on a machine of its own."""

    def __init__(self, network: Namespaces, name: str, url: str, key: Path | None) -> None:
        self.within = network.inside(name)
        super().__init__(name, url, key, lost_after=300.0)

    @property
    def address(self) -> tuple[str, int]:
        return OWN[self.name], 5060

    def start(self, **settings: str) -> None:
        own = {
            "SIP__UDP": '["0.0.0.0:5060"]',
            "SIP__PUBLIC_ADDRESS": FLOATING,
            "CLUSTER__EDGE": f"{OWN[self.name]}:5060",
        }
        super().start(**own, SIP__TCP="[]", SIP__TLS="[]", SIP__WS="[]", **settings)

    def _answers(self) -> bool:
        """Return whether it listens: nobody who is here can ask it."""
        assert self.is_running(), self.log_text()
        return bool(self.events("switch started"))

    def notify(self) -> None:
        """Run what keepalived runs on the machine that has got the address."""
        (command,) = re.findall(r'notify_master "(.+)"', DOCS.read_text())
        program, *words = shlex.split(command.replace("/srv/sipwright", str(self.data)))
        assert Path(program).name == self.program.name
        subprocess.run([str(self.program), *words], check=True, capture_output=True, timeout=60)


@pytest.fixture
def network() -> Iterator[Namespaces]:
    """Two machines, and an office with the phones."""
    made = Namespaces(["office", *OWN], "swf")
    try:
        made.make()
        made.bridge("office", PHONES["waiting"])
        made.ip("office", "addr", "add", f"{PHONES['bob']}/24", "dev", "br0")
        for name, address in OWN.items():
            made.wire("office", name, "eth0", address)
        made.ip("north", "addr", "add", f"{FLOATING}/24", "dev", "eth0")
        with made.within("office"):
            pass
    except (subprocess.CalledProcessError, OSError) as error:
        made.close()
        pytest.skip(f"no network namespaces here: {getattr(error, 'stderr', error)!r}")
    yield made
    made.close()


@pytest.fixture
def machines(network: Namespaces, postgres_folder: Path) -> Iterator[tuple[Machine, Machine]]:
    url = new_database(postgres_folder, "floating")
    first = Machine(network, "north", url, None)
    second = Machine(network, "south", url, first.key)
    first.set_dialplans({"waiting": PLANS["waiting"]})
    first.add_accounts([("waiting", "waiting", ""), "bob"])
    try:
        for each in (first, second):
            each.start()
        yield first, second
    finally:
        for each in (first, second):
            each.close()


@pytest.fixture
def phone(network: Namespaces, machines: tuple[Machine, Machine]) -> Iterator[Callable[[str], Roamer]]:
    """Make phones that are registered at the address."""
    phones: list[Roamer] = []

    def make(account: str) -> Roamer:
        with network.within("office"):
            phones.append(Roamer(account, DOMAIN, PASSWORD, (FLOATING, 5060), PHONES[account]))
        assert phones[-1].register().status == 200
        return phones[-1]

    yield make
    for each in phones:
        each.close()


def test_phones_that_know_one_address_notice_nothing_of_a_node_that_dies(
    network: Namespaces, machines: tuple[Machine, Machine], phone: Callable[[str], Roamer]
):
    """Nobody repeats anything, so the first request after the command is answered; all of it comes from the address."""
    first, second = machines
    alice, bob = phone("waiting"), phone("bob")
    accepted, invite = talk(alice, bob)
    first.stop(signal.SIGKILL)
    network.ip("north", "addr", "del", f"{FLOATING}/24", "dev", "eth0")
    network.ip("south", "addr", "add", f"{FLOATING}/24", "dev", "eth0")
    network.ip("office", "neigh", "flush", "dev", "br0")  # keepalived says whose it is (gratuitous ARP)
    second.notify()

    alice.say_in(accepted, "INVITE", 10)
    bob.answer(bob.wait_for_request("INVITE"), 200, "OK")
    alice.acknowledge(alice.wait_for_status(200))
    bob.wait_for_request("ACK")
    assert [each.register().status for each in (bob, alice)] == [200, 200]
    bob.say_in(invite, "BYE", 1)
    alice.answer(alice.wait_for_request("BYE"), 200, "OK")
    bob.wait_for_status(200, "BYE")
    assert until(lambda: said(second, accepted.call_id), "the script goes on") == ["talked True"]
    talk(alice, bob)

    assert {*alice.sources, *bob.sources} == {(FLOATING, 5060)}
    assert second.takeovers() == 1
    assert second.new_faults() == []
