"""Events as they happen: over server-sent events and a WebSocket, each user their own, and bounded."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sipwright.control.events import Event
from web.conftest import make_tokens


def test_a_stream_begins_at_once(rest):
    headers = {"Authorization": f"Bearer {rest.tokens['alice']}"}
    with httpx2.stream("GET", f"{rest.url}/api/v1/events", headers=headers, timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert next(answer.iter_lines()) == ": events of Sipwright"


def test_an_event_looks_the_same_everywhere():
    event = Event("n1-7", "call.ended", 0.5, "n1", "alice", "c1", {"reason": "OK"})

    assert event.shown() == {
        "id": "n1-7", "type": "call.ended", "at": "1970-01-01T00:00:00.500Z", "node": "n1", "user": "alice",
        "call": "c1", "data": {"reason": "OK"},
    }  # fmt: skip


def test_an_instant_in_an_event_is_rfc_3339_too():
    event = Event("n1-7", "node.state", 0.5, "n1", None, None, {"state": "running", "since": 0.25})

    assert event.shown()["data"] == {"state": "running", "since": "1970-01-01T00:00:00.250Z"}


@pytest.mark.parametrize("query", ["?types=nix", "?types=call.started,nix"])
def test_a_filter_that_is_none_is_told(rest, query):
    answer = rest("GET", f"/events{query}")

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_a_websocket_goes_on_after_the_last_event_that_was_seen(rest):
    url = f"{rest.url.replace('http', 'ws')}/api/v1/events/ws"
    header = {"Authorization": f"Bearer {rest.tokens['alice']}"}

    async def change(key):
        return await asyncio.to_thread(rest, "PUT", f"/store/{key}", who="alice", json={"value": 1})

    async def subjects(socket, last):
        found = []
        while last not in found:
            event = json.loads(await asyncio.wait_for(socket.recv(), 60))
            found.append(event["data"].get("subject", "").removesuffix(" of alice"))
            seen.append(event["id"])
        return found

    seen = []
    async with connect(f"{url}?types=audit", additional_headers=header) as socket:
        await change("seen")
        await subjects(socket, "seen")
    last = seen[-1]
    await change("missed")
    for query, headers in ((f"?after={last}", {}), ("", {"Last-Event-ID": last})):
        async with connect(f"{url}{query}", additional_headers=header | headers) as socket:
            assert await subjects(socket, "missed") == ["missed"]


async def test_a_websocket_is_for_whoever_has_a_token(rest):
    url = f"{rest.url.replace('http', 'ws')}/api/v1/events/ws"
    header = {"Authorization": f"Bearer {rest.tokens['alice']}"}
    async with connect(url, additional_headers=header) as socket:
        await socket.ping()


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Authorization": "Bearer nix"}, 401), ({"Origin": "https://evil.example"}, 403)],
)
async def test_a_websocket_has_a_wall_too(rest, headers, status):
    url = f"{rest.url.replace('http', 'ws')}/api/v1/events/ws"
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers=headers)

    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body)["status"] == status


@pytest.mark.peer("sipp")
async def test_a_user_is_told_what_is_theirs_and_nothing_of_anothers(rest):
    url = f"{rest.url.replace('http', 'ws')}/api/v1/events/ws?types=binding.added"
    async with (
        connect(url, additional_headers={"Authorization": f"Bearer {rest.tokens['alice']}"}) as alice,
        connect(url, additional_headers={"Authorization": f"Bearer {rest.tokens['root']}"}) as root,
    ):
        for account in ("bob", "alice-phone"):
            await asyncio.to_thread(rest.switch.answering, "answer", account)

        assert [json.loads(await root.recv())["user"] for _ in range(2)] == ["root", "alice"]
        assert json.loads(await alice.recv())["user"] == "alice"


async def told_until_let_go(socket):
    """Read until the socket is closed, and return the subjects of what was told."""
    found = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            found.append(json.loads(await asyncio.wait_for(socket.recv(), 60))["data"].get("subject", ""))
    return found


@pytest.mark.parametrize("way", ["ws", "sse"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/users/mary", {"role": "user"}),
        ("DELETE", "/me/tokens/mary", None),
    ],
)
async def test_who_may_see_less_is_told_nothing_more(rest, way, method, path, body):
    """A stream that has begun is no way round what was decided since: not for the time of one event."""
    ask = functools.partial(asyncio.to_thread, rest)
    await ask("POST", "/users", json={"name": "mary", "password": "a long secret", "role": "admin"})
    await ask("PATCH", "/users/mary", json={"role": "admin"})
    rest.tokens |= await make_tokens(rest.switch, {"mary": "mary"})
    header = {"Authorization": f"Bearer {rest.tokens['mary']}"}
    async with follow(rest, way, header) as told:
        options = {} if body is None else {"json": body}
        assert (await ask(method, path, who="root" if body else "mary", **options)).status_code in (200, 204)
        await ask("PUT", "/store/afterwards", json={"value": 1})

        assert "afterwards of root" not in " ".join(await told())
    await ask("DELETE", "/users/mary")


@contextlib.asynccontextmanager
async def follow(rest, way, header):
    """Follow changes, and give what returns their subjects once the stream has ended."""
    if way == "ws":
        url = f"{rest.url.replace('http', 'ws')}/api/v1/events/ws?types=audit"
        async with connect(url, additional_headers=header) as socket:
            yield functools.partial(told_until_let_go, socket)
        return
    async with (
        httpx2.AsyncClient(timeout=60) as client,
        client.stream("GET", f"{rest.url}/api/v1/events?types=audit", headers=header) as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == ": events of Sipwright"

        async def told():
            return [line async for line in lines]

        yield told
