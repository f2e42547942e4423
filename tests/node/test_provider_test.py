"""Trying a provider: the exchange that a person sees, and that it shows no credentials."""

import asyncio

import pytest
from tests.services.switch.conftest import Bench, Provider

from sipwright.node import provider_test
from sipwright.node.provider_test import ProviderTest, without_credentials


@pytest.fixture
def bench():
    return Bench()


async def run(bench, provider, answer):
    """Run a test, whose provider gives `answer` to each request."""
    test = ProviderTest(bench.switch, provider)
    running = asyncio.ensure_future(test.run())
    server = bench.phone("server", "50.0.0.1")
    for _ in range(3):
        await asyncio.sleep(0)
        bench.run(0.05)
        if server.heard and (request := server.heard[-1]) not in answer.seen:
            answer.seen.append(request)
            answer(server, request)
    return await running, answer.seen


class Answer:
    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.seen = []

    def __call__(self, server, request):
        status = self.statuses.pop(0)
        challenge = 'Digest realm="carrier", nonce="n1", algorithm=MD5'
        headers = [("WWW-Authenticate", challenge)] if status == 401 else []
        server.answer(request, status, headers=headers)


async def test_a_provider_that_we_register_with_is_asked_to_take_our_credentials(bench):
    provider = bench.accounts.providers["carrier"] = Provider("carrier", "50.0.0.1", register=True)
    found, seen = await run(bench, provider, Answer(401, 200))

    assert (found["ok"], found["method"], found["status"]) == (True, "REGISTER", 200)
    assert [request.headers.get("contact") for request in seen] == [None, None]
    assert "username" in seen[1].headers.get("authorization")
    assert "Authorization: Digest (removed)" in found["exchange"]
    assert "response=" not in found["exchange"]
    assert [line for line in found["exchange"].splitlines() if line.startswith(("-> ", "<- "))] == [
        "-> udp 50.0.0.1:5060", "<- udp 50.0.0.1:5060", "-> udp 50.0.0.1:5060", "<- udp 50.0.0.1:5060",
    ]  # fmt: skip


async def test_any_other_is_asked_options_and_whatever_it_says_it_is_there(bench):
    provider = bench.accounts.providers["carrier"] = Provider("carrier", "50.0.0.1")
    found, seen = await run(bench, provider, Answer(405))

    assert (found["ok"], seen[0].method, found["status"]) == (True, "OPTIONS", 405)


async def test_one_that_refuses_us_is_not_ok(bench):
    provider = bench.accounts.providers["carrier"] = Provider("carrier", "50.0.0.1", register=True)
    found, _ = await run(bench, provider, Answer(403))

    assert (found["ok"], found["status"]) == (False, 403)


async def test_one_that_says_nothing_is_given_up(bench, monkeypatch):
    monkeypatch.setattr(provider_test, "PATIENCE", 0.01)
    provider = bench.accounts.providers["carrier"] = Provider("carrier", "50.0.0.1")
    found = await ProviderTest(bench.switch, provider).run()

    assert (found["ok"], found["status"]) == (False, 408)
    assert "nothing was heard" in found["exchange"]


@pytest.mark.parametrize("name", ["Authorization", "proxy-authorization", "AUTHORIZATION"])
@pytest.mark.parametrize(
    "value", ['Digest username="me", response="abc"', 'Digest username="me",\r\n response="abc"']
)
def test_credentials_are_removed_whatever_their_form(name, value):
    shown = without_credentials(f"REGISTER sip:x SIP/2.0\r\n{name}: {value}\r\nTo: <sip:x>\r\n\r\n")

    assert shown == f"REGISTER sip:x SIP/2.0\r\n{name}: Digest (removed)\r\nTo: <sip:x>\r\n\r\n"
