"""A call of one node that is steered at another one: by REST, SSH and the command line, with a bus and without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh
import httpx2
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from interop.harness import DOMAIN, PASSWORD, Roamer, SharedSwitch, free_port, new_database, until
from interop.harness.switch import ADMIN, ADMINS_PASSWORD, HOST
from interop.test_faces_across_nodes import Nats
from interop.test_two_nodes import (  # noqa: F401
    LOST_AFTER,
    Pair,
    at,
    filled,
    phone,
    ring,
    talk,
    until_known,
)
from sipwright.sip import Message, Request, Response
from web.conftest import make_tokens

pytestmark = [pytest.mark.peer("postgresql"), pytest.mark.peer("nats-server")]

Phones = Callable[[str], Roamer]

PATIENCE = 60_000
"""Milliseconds in which a page shows what it shall, however much else the machine has to do."""


class Faces:
    """The faces of the second node, which has no call."""

    def __init__(self, switch: SharedSwitch, web: int, ssh: int, token: str) -> None:
        self.switch, self._ssh, self._token = switch, ssh, token
        self.pages = f"http://{HOST}:{web}/"
        self._url = f"{self.pages}api/v1"

    def rest(self, method: str, path: str, **body: str) -> httpx2.Response:
        """Ask by REST; a node that is busy has not begun within a second, and is asked again."""
        headers = {"Authorization": f"Bearer {self._token}"}

        def ask() -> httpx2.Response | None:
            answer = httpx2.request(
                method, f"{self._url}{path}", headers=headers, json=body or None, timeout=60, verify=False
            )
            return None if answer.status_code == 503 else answer

        return until(ask, f"{method} {path}")

    def ssh(self, command: str) -> str:
        """Run a command over SSH."""

        async def run() -> str:
            async with asyncssh.connect(
                HOST, self._ssh, username=ADMIN, password=ADMINS_PASSWORD, known_hosts=None, client_keys=None,
                agent_path=None, config=None,
            ) as connection:  # fmt: skip
                return str((await connection.run(command, check=True)).stdout)

        return asyncio.run(run())

    def the_call(self) -> str:
        """Return the one call in progress, which is at the other node."""
        (call,) = until(lambda: self.rest("GET", "/calls").json()["items"], "the call is listed")
        assert call["node"] == "north"
        return str(call["id"])


POLLED = pytest.mark.parametrize("faces", ["polled"], indirect=True)
BY_BUS = pytest.mark.parametrize("faces", ["nats"], indirect=True)
EITHER = pytest.mark.parametrize("faces", ["polled", "nats"], indirect=True)


@pytest.fixture(scope="module")
def nodes(postgres_folder: Path, filled: SharedSwitch) -> Iterator[Pair]:  # noqa: F811
    """Two nodes, of which none dies here, so that all tests have the same."""
    url = new_database(postgres_folder, "steered", "filled")
    first, second = (
        SharedSwitch(name, url, filled.key, lost_after=LOST_AFTER) for name in ("north", "south")
    )
    yield first, second
    first.close()
    second.close()


@pytest.fixture(scope="module")
def token(nodes: Pair) -> str:
    """A token of the admin's."""
    return str(asyncio.run(make_tokens(nodes[1], {"root": ADMIN}))["root"])


@pytest.fixture(scope="module")
def faces(
    request: pytest.FixtureRequest, nodes: Pair, token: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Faces]:
    first, second = nodes
    web, ssh = free_port(), free_port()
    bus = Nats(tmp_path_factory.mktemp("bus"))
    if request.param == "nats":
        bus.start()
    told = {"CLUSTER__NATS": bus.url} if request.param == "nats" else {}
    second.start(WEB__LISTEN=f"{HOST}:{web}", SSH__LISTEN=f"{HOST}:{ssh}", **told)
    first.start(**told)
    yield Faces(second, web, ssh, token)
    first.stop()
    second.stop()
    bus.stop()


@pytest.fixture
def pair(faces: Faces, nodes: Pair) -> Iterator[Pair]:
    """Both nodes, running."""
    yield nodes
    assert [fault for node in nodes for fault in node.new_faults()] == []


def answer_all(phone: Roamer, method: str) -> Request:  # noqa: F811
    """Answer whatever the phone is told, up to a request of a method."""

    def is_it(message: Message) -> bool:
        if isinstance(message, Request) and message.method != "ACK":
            phone.answer(message, 200, "OK")
        return isinstance(message, Request) and message.method == method

    found = phone.wait_for(is_it)
    assert isinstance(found, Request)
    return found


def cancelled(phone: Roamer, ringing: Request) -> None:  # noqa: F811
    """Let a phone stop ringing."""
    phone.answer(phone.wait_for_request("CANCEL"), 200, "OK")
    phone.answer(ringing, 487, "Request Terminated")
    phone.wait_for_request("ACK")


def end(who: Roamer, dialog: Request | Response, other: Roamer, nodes: Pair) -> None:
    """Let one hang up, and the other hear of it."""
    who.say_in(dialog, "BYE", 90)
    answer_all(other, "BYE")
    who.wait_for_status(200, "BYE")
    until(lambda: not any(node.calls() for node in nodes), "no call is left")


@EITHER
def test_calls_are_hung_up(faces: Faces, pair: Pair, phone: Phones):  # noqa: F811
    alice, bob = phone("waiting"), phone("bob")
    hang_up: dict[str, Callable[[str], object]] = {
        "rest": lambda call: faces.rest("POST", f"/calls/{call}/hangup").raise_for_status(),
        "ssh": lambda call: faces.ssh(f"hangup {call}"),
        "command": lambda call: faces.switch.run_command("calls", "hangup", call),
    }
    for way in hang_up.values():
        talk(alice, bob)
        call = faces.the_call()
        way(call)
        for each in (alice, bob):
            answer_all(each, "BYE")

        assert until(lambda: not pair[0].calls(), "no call is left") is True
        assert faces.rest("POST", f"/calls/{call}/hangup").status_code == 404
        assert faces.rest("GET", f"/calls/{call}/trace").json()["call"] == call


@EITHER
def test_a_call_is_transferred(faces: Faces, pair: Pair, phone: Phones):  # noqa: F811
    """Who was called goes on with a phone of the other node; the caller is let go."""
    alice, bob = phone("waiting"), phone("bob")
    dave = at(phone("dave"), pair[1])
    until_known("dave", pair[0])
    _, to_bob = talk(alice, bob)
    answer = faces.rest("POST", f"/calls/{faces.the_call()}/transfer", to="dave")
    assert answer.status_code == 204, answer.text
    to_dave = dave.wait_for_request("INVITE")
    dave.answer(to_dave, 200, "OK")
    answer_all(bob, "INVITE")
    answer_all(alice, "BYE")
    end(bob, to_bob, dave, pair)


@pytest.mark.peer("chromium")
@POLLED
def test_a_call_is_transferred_and_hung_up_on_the_page(faces: Faces, pair: Pair, phone: Phones):  # noqa: F811
    """Each of them is seen there, steered there, and gone from there when it is over."""
    alice, bob = phone("waiting"), phone("bob")
    dave = at(phone("dave"), pair[1])
    until_known("dave", pair[0])
    with switchboard(faces) as page:
        calls = page.get_by_test_id("call")
        talk(alice, bob)
        # What rings is redirected by the same button.
        expect(calls.get_by_test_id("state")).to_have_text("talking", timeout=PATIENCE)
        calls.get_by_role("button", name="Transfer", exact=True).click()
        page.get_by_label("Transfer to").fill("dave")
        page.get_by_role("button", name="Transfer call").click()
        to_dave = dave.wait_for_request("INVITE")
        dave.answer(to_dave, 200, "OK")
        answer_all(bob, "INVITE")
        answer_all(alice, "BYE")
        expect(page.get_by_text("Transferred to dave.")).to_be_visible(timeout=PATIENCE)
        expect(calls.filter(has_text="dave")).to_have_count(1, timeout=PATIENCE)
        calls.get_by_role("button", name="Hang up", exact=True).click()
        for each in (bob, dave):
            answer_all(each, "BYE")
        expect(calls).to_have_count(0, timeout=PATIENCE)

    assert until(lambda: not any(node.calls() for node in pair), "no call is left") is True


@contextmanager
def switchboard(faces: Faces) -> Iterator[Page]:
    """Show the switchboard of the second node in Chromium, which is ended with it: it has a loop in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"], timeout=PATIENCE
        )
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(faces.pages)
        page.get_by_label("Name").fill(ADMIN)
        page.get_by_label("Password").fill(ADMINS_PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_function("!window.path_prefix || window.socket?.connected")
        page.get_by_text("No calls at the moment").wait_for()
        yield page
        browser.close()


@POLLED
def test_a_call_that_rings_is_redirected(faces: Faces, pair: Pair, phone: Phones):  # noqa: F811
    alice, bob = phone("waiting"), phone("bob")
    dave = at(phone("dave"), pair[1])
    until_known("dave", pair[0])
    ringing = ring(alice, bob)
    assert faces.rest("POST", f"/calls/{faces.the_call()}/redirect", to="dave").status_code == 204
    cancelled(bob, ringing)
    to_dave = dave.wait_for_request("INVITE")
    dave.answer(to_dave, 200, "OK")
    accepted = alice.wait_for_status(200)
    alice.acknowledge(accepted)
    dave.wait_for_request("ACK")
    end(alice, accepted, dave, pair)


@BY_BUS
def test_a_call_that_rings_is_picked_up(faces: Faces, pair: Pair, phone: Phones):  # noqa: F811
    """The phones of who takes it are called, which are at the other node."""
    alice, bob = phone("waiting"), phone("bob")
    dave = at(phone("dave"), pair[1])
    until_known("dave", pair[0])
    ringing = ring(alice, bob)
    assert faces.rest("POST", f"/calls/{faces.the_call()}/pickup", by="dave").status_code == 204
    to_dave = dave.wait_for_request("INVITE")
    dave.answer(to_dave, 200, "OK")
    cancelled(bob, ringing)
    accepted = alice.wait_for_status(200)
    alice.acknowledge(accepted)
    dave.wait_for_request("ACK")
    end(alice, accepted, dave, pair)


@POLLED
def test_a_call_is_placed_between_phones_of_another_node(faces: Faces, pair: Pair, phone: Phones):  # noqa: F811
    alice, bob = phone("frank"), phone("bob")
    for each in (alice, bob):
        with Roamer(each.account, DOMAIN, PASSWORD, pair[1].address, "127.0.0.60") as asking:
            until(asking.times_known, "the other node knows where the phone is")
    placed = faces.rest("POST", "/calls", **{"from": "frank", "to": "bob"})
    assert placed.status_code == 202, placed.text
    to_alice = alice.wait_for_request("INVITE")
    alice.answer(to_alice, 200, "OK")
    to_bob = bob.wait_for_request("INVITE")
    bob.answer(to_bob, 200, "OK")
    answer_all(alice, "INVITE")
    bob.wait_for_request("ACK")
    shown = faces.rest("GET", f"/calls/{placed.json()['id']}").json()
    end(bob, to_bob, alice, pair)

    assert (shown["node"], shown["state"]) == ("south", "talking")
