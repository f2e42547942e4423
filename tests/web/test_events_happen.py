"""Each event that there is: made to happen on a switch that runs, and read over REST's stream and over SSH."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import asyncssh
import httpx2
import pytest

from conftest import StartSwitch
from docs.event_fields import event_fields
from interop.harness import DOMAIN, PASSWORD, Phone, free_port, is_listening, until
from sipwright.control.events import TYPES
from web.conftest import Rest, make_tokens

TALKING = 'log("on my way")\ndial(f"{req.user}@local", ring=20)\n'
FAILING = 'log("so far so good")\nx = 1 // 0\n'
COMES_WITH_THE_GUARD = {kind for kind in TYPES if kind.startswith(("ban.", "guard."))}
"""Whoever is banned here is nobody else any more: these are made to happen in node/test_guarding.py."""

Told = dict[str, Any]


class Listener:
    """Somebody who reads all that they may, over REST and over SSH at once."""

    def __init__(self, rest: Rest, ssh_port: int, who: str, password: str) -> None:
        self.by_rest: dict[str, Told] = {}
        self.by_ssh: dict[str, Told] = {}
        self._rest, self._ssh_port, self._who, self._password = rest, ssh_port, who, password
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._listen(),))
        self._thread.start()
        until(self._are_both_reading, f"{who} reads")
        if self._faults:
            self.close()
            raise self._faults[0]

    _is_reading = False
    _faults: tuple[BaseException, ...] = ()

    def _are_both_reading(self) -> bool:
        """Return whether events have come over SSH, and all that are kept are being read over REST."""
        if not self.by_ssh:
            self._rest("PUT", "/store/poke", who=self._who, json={"value": 1})
        return self._is_reading or bool(self._faults)

    async def _listen(self) -> None:
        self._stop = asyncio.Event()
        tasks = [asyncio.create_task(self._over_rest()), asyncio.create_task(self._over_ssh())]
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        self._faults = tuple(fault for task in tasks if task.done() and (fault := task.exception()))
        for task in (*tasks, stopping):
            task.cancel()
        await asyncio.gather(*tasks, stopping, return_exceptions=True)

    async def _over_rest(self) -> None:
        # All that is kept, as it was before anybody read over SSH.
        headers = {"Authorization": f"Bearer {self._rest.tokens[self._who]}", "Last-Event-ID": "0"}
        while not self.by_ssh:  # noqa: ASYNC110 (the other reader fills it)
            await asyncio.sleep(0.02)
        async with (
            httpx2.AsyncClient(timeout=None) as client,
            client.stream("GET", f"{self._rest.url}/api/v1/events", headers=headers) as answer,
        ):
            async for line in answer.aiter_lines():
                if line.startswith(":"):
                    self._is_reading = True
                elif line.startswith("data: "):
                    event = json.loads(line[6:])
                    self.by_rest[event["id"]] = event

    async def _over_ssh(self) -> None:
        async with (
            asyncssh.connect(
                "127.0.0.1", self._ssh_port, username=self._who, password=self._password, known_hosts=None,
                client_keys=None, agent_path=None, config=None,
            ) as connection,
            connection.create_process("events --json") as process,
        ):  # fmt: skip
            async for line in process.stdout:
                event = json.loads(line)
                self.by_ssh[event["id"]] = event

    def hear(self, kind: str, is_meant: Callable[[Told], object] = bool) -> Told:
        """Return the first event of a kind that is meant, once it has come both ways, and the same."""

        def found() -> Told | None:
            for number, event in list(self.by_rest.items()):
                if event["type"] == kind and is_meant(event) and number in self.by_ssh:
                    return event
            return None

        def heard() -> str:
            return "\n".join(str(event) for event in self.by_rest.values())

        try:
            event: Told = until(found, f"{kind} is heard")  # type: ignore[assignment]
        except TimeoutError as error:
            raise AssertionError(f"{error}; heard was:\n{heard()}") from None
        assert self.by_ssh[event["id"]] == event
        assert event["data"].keys() <= event_fields()[kind]
        return event

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="module")
def rest(start_switch: StartSwitch) -> Rest:
    web, ssh = free_port(), free_port()
    switch = start_switch(
        [("caller", "talking", ""), ("clumsy", "failing", ""), "bob"],
        {"talking": TALKING, "failing": FAILING},
        TRACE__CALLS="all",
        WEB__LISTEN=f"127.0.0.1:{web}", SSH__LISTEN=f"127.0.0.1:{ssh}",
    )  # fmt: skip
    switch.run_command("user", "add", "alice", "--password", "a long secret")
    tokens = asyncio.run(make_tokens(switch, {"root": "root", "alice": "alice"}))
    made = Rest(switch, f"http://127.0.0.1:{web}", tokens)
    made.ssh_port = ssh  # type: ignore[attr-defined]
    until(lambda: is_listening("127.0.0.1", ssh, "tcp"), "the console listens")
    return made


@pytest.fixture(scope="module")
def root(rest: Rest) -> Iterator[Listener]:
    listener = Listener(rest, rest.ssh_port, "root", "very secret")  # type: ignore[attr-defined]
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def alice(rest: Rest) -> Iterator[Listener]:
    listener = Listener(rest, rest.ssh_port, "alice", "a long secret")  # type: ignore[attr-defined]
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def talked(rest: Rest, root: Listener) -> str:
    """A call that has rung, was answered, held, taken up again and ended; returns its id."""
    callee = rest.switch.answering("answer-held", "bob")
    rest.switch.sipp("call-hold", caller="caller", dialled=f"bob@{DOMAIN}")
    callee.finish()
    call: str = root.hear("call.ended", lambda one: one["data"]["answered"] and one["user"] == "root")["call"]
    return call


SHOWN_BY: dict[str, str] = {}


def shows(*kinds: str) -> Callable[[Any], Any]:
    """Note which kinds of events a test makes happen."""

    def around(test: Any) -> Any:
        SHOWN_BY.update(dict.fromkeys(kinds, test.__name__))
        return test

    return around


def test_every_event_that_there_is_is_made_to_happen():
    assert set(TYPES) - COMES_WITH_THE_GUARD == set(SHOWN_BY)


def test_a_call_begins_before_its_script_does(root: Listener, talked: str):
    kinds = [event["type"] for event in root.by_rest.values() if event["call"] == talked]

    assert "script.line" in kinds
    assert (kinds[0], kinds.count("call.started")) == ("call.started", 1)


@shows("node.state")
def test_the_first_who_reads_hears_that_the_switch_runs(root: Listener):
    event = root.hear("node.state")

    assert (event["node"], event["data"]["state"], event["user"]) == ("node1", "running", None)


@shows("audit")
def test_a_change_is_told_with_who_made_it(rest: Rest, root: Listener, alice: Listener):
    rest("PUT", "/store/greeting", who="alice", json={"value": "top secret"})
    event = alice.hear("audit", lambda event: event["data"]["subject"] == "greeting of alice")

    assert (event["user"], event["call"]) == ("alice", None)
    assert {name: event["data"].get(name) for name in ("subject", "by", "face", "address", "changed")} == {
        "subject": "greeting of alice", "by": "alice", "face": "rest", "address": "127.0.0.1", "changed": ["letters"],
    }  # fmt: skip
    assert "top secret" not in str(event)
    assert root.hear("audit", lambda event: event["data"]["subject"] == "greeting of alice") == event


def test_what_the_command_line_changes_is_told_too(rest: Rest, root: Listener, alice: Listener):
    rest.switch.run_command("user", "add", "carol", "--password", "another long secret")
    event = root.hear("audit", lambda event: event["data"]["subject"] == "carol")

    assert (event["data"]["face"], "another long secret" in str(event)) == ("cli", False)
    assert event["id"] not in alice.by_rest


def test_who_logs_in_over_ssh_is_told(rest: Rest, root: Listener, alice: Listener):
    asyncio.run(_log_in(rest, "alice", "a long secret", "127.0.0.4"))
    event = alice.hear("audit", lambda event: event["data"].get("address") == "127.0.0.4")

    assert [event["data"][name] for name in ("action", "by", "face")] == ["login.log_in", "alice", "ssh"]
    assert root.hear("audit", lambda one: one["id"] == event["id"])


async def _log_in(rest: Rest, name: str, password: str, source: str) -> None:
    async with asyncssh.connect(
        "127.0.0.1", rest.ssh_port, username=name, password=password, known_hosts=None,  # type: ignore[attr-defined]
        client_keys=None, agent_path=None, config=None, local_addr=(source, 0),
    ):  # fmt: skip
        pass


@shows("security.refused")
def test_a_wrong_token_is_told_to_the_admin(rest: Rest, root: Listener, alice: Listener):
    refused = rest("GET", "/me", who="", headers={"Authorization": "Bearer sipwright_nothing"})
    event = root.hear("security.refused", lambda event: event["data"].get("reason") == "token")

    assert (refused.status_code, event["user"]) == (401, None)
    assert {name: event["data"].get(name) for name in ("what", "face", "address")} == {
        "what": "log-in", "face": "rest", "address": "127.0.0.1",
    }  # fmt: skip
    assert event["id"] not in alice.by_rest


@pytest.mark.parametrize("face", ["ssh", "web"])
def test_whose_password_is_tried_hears_of_it(rest: Rest, root: Listener, alice: Listener, face: str):
    # One line and one event a minute for each name and address.
    source = {"ssh": "127.0.0.5", "web": "127.0.0.6"}[face]
    if face == "ssh":
        with pytest.raises(asyncssh.PermissionDenied):
            asyncio.run(_log_in(rest, "alice", "wrong secret", source))
    else:
        with httpx2.Client(timeout=60, transport=httpx2.HTTPTransport(local_address=source)) as browser:
            form = {"name": "alice", "password": "wrong secret"}
            assert browser.post(f"{rest.url}/login", data=form).status_code == 401
    event = alice.hear("security.refused", lambda event: event["data"].get("address") == source)

    assert (event["user"], event["data"]["what"], event["data"]["name"]) == ("alice", "log-in", "alice")
    assert "wrong secret" not in str(event)
    assert root.hear("security.refused", lambda one: one["id"] == event["id"])


@pytest.mark.peer("sipp")
def test_wrong_credentials_of_a_phone_are_told(rest: Rest, root: Listener):
    rest.switch.sipp("register-refused", caller="bob", password="wrong")
    event = root.hear("security.refused", lambda event: event["data"]["what"] == "credentials")

    assert (event["user"], event["data"]["account"]) == ("root", f"bob@{DOMAIN}")


def test_a_request_that_is_refused_is_told_with_the_reason(rest: Rest, root: Listener, alice: Listener):
    with Phone(rest.switch.address) as phone:
        answer = phone.ask(STRANGE)
    event = root.hear("security.refused", lambda event: event["data"]["what"] == "request")

    assert (answer.status, event["data"]["status"], event["data"]["method"]) == (404, 404, "INVITE")
    assert (event["user"], event["id"] in alice.by_rest) == (None, False)


STRANGE = """
INVITE sip:nobody@elsewhere.example SIP/2.0
{via}
From: <sip:stranger@outside.example>;tag=s
To: <sip:nobody@elsewhere.example>
{call_id}
CSeq: 1 INVITE
Contact: <sip:stranger@127.0.0.1>
Max-Forwards: 70
"""


@pytest.mark.peer("sipp")
@shows("binding.added", "binding.removed")
def test_a_phone_comes_and_goes(rest: Rest, root: Listener):
    port = free_port()
    rest.switch.sipp("register", port=port, caller="phone50")
    added = root.hear("binding.added", lambda event: event["data"]["account"] == f"phone50@{DOMAIN}")
    (phone,) = rest.get("/bindings?account=phone50")["items"]  # type: ignore[index]
    assert rest("DELETE", f"/bindings/{phone['id']}").status_code == 204
    removed = root.hear("binding.removed", lambda event: event["data"]["account"] == f"phone50@{DOMAIN}")

    assert (added["user"], removed["user"]) == ("root", "root")
    assert str(port) in added["data"]["source"]
    assert removed["data"]["why"]


@shows("provider.state")
def test_a_provider_that_refuses_us_is_told(rest: Rest, root: Listener, alice: Listener):
    body = {
        "name": "deaf", "server": "127.0.0.1:9;transport=tcp", "username": "u", "password": PASSWORD, "register": True,
    }  # fmt: skip
    assert rest("POST", "/providers", json=body).status_code == 201
    event = root.hear("provider.state", lambda event: event["data"]["state"] != "registering")

    assert (event["user"], event["data"]["provider"]) == ("root", "deaf")
    assert event["data"]["reason"]
    assert event["id"] not in alice.by_rest
    assert rest("DELETE", "/providers/deaf").status_code == 204


@pytest.mark.peer("sipp")
@shows("call.started", "call.ringing", "call.answered", "call.held", "call.ended")
def test_a_call_is_told_from_its_beginning_to_its_end(root: Listener, alice: Listener, talked: str):
    def of_the_call(event: Told) -> bool:
        return bool(event["call"] == talked)

    found = {
        kind: root.hear(kind, of_the_call)
        for kind in ("call.started", "call.ringing", "call.answered", "call.held", "call.ended")
    }
    assert sorted(found, key=lambda kind: str(found[kind]["id"])) == list(found)
    assert {event["user"] for event in found.values()} == {"root"}
    assert found["call.started"]["data"]["from"] == f"caller@{DOMAIN}"
    of_it = [event for event in root.by_rest.values() if of_the_call(event)]
    held = [event["data"]["held"] for event in of_it if event["type"] == "call.held"]
    assert held == [True, False]
    assert found["call.ended"]["data"]["answered"] is True
    assert not [event for event in alice.by_rest.values() if event["call"] == talked]


@pytest.mark.peer("sipp")
@shows("script.line")
def test_a_script_that_says_something_is_told(root: Listener, talked: str):
    event = root.hear("script.line", lambda event: event["data"].get("says") == "on my way")

    assert (event["call"], event["data"]["dialplan"], event["data"]["line"]) == (talked, "talking", 1)


@pytest.mark.peer("sipp")
@shows("script.failed")
def test_a_script_that_fails_is_told_with_its_line(rest: Rest, root: Listener):
    rest.switch.sipp("call-refused", caller="clumsy", dialled=f"bob@{DOMAIN}", status=500)
    event = root.hear("script.failed")

    assert (event["user"], event["data"]["dialplan"], event["data"]["line"]) == ("root", "failing", 2)
    assert "ZeroDivisionError" in event["data"]["why"]


@pytest.mark.peer("sipp")
def test_where_a_neighbours_phone_is_no_door_says(rest: Rest, root: Listener, alice: Listener):
    """A user calls an account of somebody else's: the arrows of that leg are shown, and no address."""
    phone = {"name": "alice-phone", "password": PASSWORD}
    assert rest("POST", "/accounts", who="alice", json=phone).status_code == 201
    callee = rest.switch.answering("answer", "phone51", host="127.0.0.33", address="192.0.2.78")
    rest.switch.sipp("call", caller="alice-phone", dialled=f"phone51@{DOMAIN}", address="192.0.2.77")
    callee.finish()
    call = alice.hear("call.ended")["call"]
    root.hear("call.ended", lambda event: event["call"] == call)

    def trace(who: str) -> Any:
        return rest.get(f"/calls/{call}/trace", who=who)

    until(lambda: "127.0.0.33" in str(trace("root")), "the admin sees all of it")
    seen = trace("alice")
    assert {rung["label"] for rung in seen["ladder"] if rung["leg"] == 1} >= {
        "INVITE",
        "180 Ringing",
        "200 OK",
    }
    lists = [rest.get(path, who="alice") for path in ("/cdrs", "/bindings", "/calls")]
    for shown in (seen, *lists, alice.by_rest, alice.by_ssh):
        assert "127.0.0.33" not in str(shown)
