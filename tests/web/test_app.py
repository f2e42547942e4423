"""The application as a whole: every error in one form, headers for browsers, and what needs no log-in."""

from __future__ import annotations

import httpx2
import pytest
from fastapi import Request
from structlog.testing import capture_logs

from sipwright.config import Settings, WebSettings
from sipwright.web.app import create_app, wrap
from sipwright.web.shield import (
    LARGEST_BODY,
    LARGEST_PASSED_OVER,
    BoundedBodies,
    CarefulBrowsers,
    HeadsOnly,
    NoFaults,
)


@pytest.fixture
def client():
    return client_of(whole_app(Settings(web=WebSettings())))


def whole_app(settings):
    return wrap(create_app(None, settings), settings)


def client_of(app, scheme="http"):
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=f"{scheme}://switch.test")


async def test_it_lives(client):
    assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_what_can_be_read_can_be_asked_for_its_head(client):
    """RFC 9110 §9.1: GET and HEAD are what every server knows; balancers ask for the latter."""
    whole, head = await client.get("/healthz"), await client.head("/healthz")

    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(whole.headers)
    assert (await client.head("/api/v1/nix")).status_code == 404


async def test_the_head_of_what_never_ends_comes_at_once():
    sent = []

    async def endless(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            await send({"type": "http.response.body", "body": b"more", "more_body": True})

    async def receive():
        """Tell what a server tells: the request, and once it is answered that nobody listens any more."""
        is_over = any(not message.get("more_body") for message in sent[1:])
        return {"type": "http.disconnect"} if is_over else {"type": "http.request"}

    async def send(message):
        sent.append(message)

    await HeadsOnly(endless)({"type": "http", "method": "HEAD"}, receive, send)

    assert sent == [
        {"type": "http.response.start", "status": 200, "headers": []},
        {"type": "http.response.body", "body": b""},
    ]


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1/nix", "/api/v2/accounts", "/nix", "/api/v1/docs/../../x"]
)
async def test_what_is_not_there_is_a_problem(client, path):
    answer = await client.get(path)

    assert_problem(answer, 404)
    assert answer.json()["detail"].startswith("there is nothing at /")


def assert_problem(answer, status):
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (answer.status_code, said["status"], said["type"]) == (status, status, "about:blank")
    assert set(said) >= {"type", "title", "status", "detail"}
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


@pytest.mark.parametrize(
    ("size", "headers", "passed_over"),
    [
        (5_000_000, [], 5_000_000),
        (10**9, [], LARGEST_PASSED_OVER),
        (5_000_000, [(b"expect", b"100-continue")], 0),
    ],
)
async def test_a_body_that_is_too_large_is_refused_by_its_length_alone(size, headers, passed_over):
    """Before any of it has come; what comes all the same is thrown away, up to a bound."""
    told, read = [], 0

    async def receive():
        nonlocal read
        assert told[0]["status"] == 413
        read += 1_000_000
        return {"type": "http.request", "body": bytes(1_000_000), "more_body": read < size}

    async def send(message):
        told.append(message)

    scope = {"type": "http", "headers": [(b"content-length", str(size).encode()), *headers]}
    await BoundedBodies(None)(scope, receive, send)
    assert [message.get("more_body", False) for message in told] == [False, True, False]
    assert passed_over <= read < passed_over + 1_000_000


async def test_who_goes_away_while_a_body_is_refused_is_waited_for_no_more():
    async def gone():
        return {"type": "http.disconnect"}

    told = []

    async def send(message):
        told.append(message)

    await BoundedBodies(None)({"type": "http", "headers": [(b"content-length", b"5000000")]}, gone, send)
    assert len(told) == 3


async def test_a_body_that_does_not_say_how_large_it_is_is_refused_on_the_way():
    async def chunks():
        for _ in range(LARGEST_BODY // 100_000 + 1):
            yield bytes(100_000)

    async def read(request: Request) -> int:
        return len(await request.body())

    app = create_app(None, Settings())
    app.add_api_route("/read", read, methods=["POST"])
    app.router.routes.insert(0, app.router.routes.pop())  # before the pages, which take all the rest
    answer = await client_of(BoundedBodies(app)).post("/read", content=chunks())

    assert_problem(await_headers(answer), 413)


def await_headers(answer):
    answer.headers["x-content-type-options"] = "nosniff"  # put there by what stands before this part
    return answer


async def test_a_fault_of_ours_shows_nothing_of_itself():
    async def broken(scope, receive, send):
        raise ValueError("the password is secret")

    answer = await client_of(CarefulBrowsers(NoFaults(broken))).get("/x")
    assert_problem(answer, 500)
    assert "secret" not in answer.text


async def test_half_an_answer_is_none_so_the_connection_ends():
    async def broken(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("the password is secret")

    said = []

    async def send(message):
        said.append(message["type"])

    with pytest.raises(ConnectionAbortedError):
        await NoFaults(broken)({"type": "http", "path": "/x"}, None, send)
    assert said == ["http.response.start"]


async def test_who_has_gone_before_their_request_was_whole_is_no_fault_of_ours():
    async def read(request: Request) -> int:
        return len(await request.body())

    async def gone():
        return {"type": "http.disconnect"}

    async def nowhere(_message):
        pass

    app = create_app(None, Settings())
    app.add_api_route("/read", read, methods=["POST"])
    app.router.routes.insert(0, app.router.routes.pop())  # before the pages, which take all the rest
    scope = {
        "type": "http", "method": "POST", "scheme": "http", "path": "/read", "root_path": "", "query_string": b"",
        "headers": [], "client": ("192.0.2.1", 5060), "server": ("switch.test", 80), "http_version": "1.1",
    }  # fmt: skip
    with capture_logs() as lines:
        await NoFaults(app)(scope, gone, nowhere)

    assert [line for line in lines if line["log_level"] == "error"] == []


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/api/v1/openapi.json", "default-src 'none'; frame-ancestors 'none'"),
        ("/api/v1/docs", "script-src 'self'; "),
        ("/", "frame-ancestors 'none'"),
    ],
)
async def test_browsers_are_told_to_be_careful(client, path, policy):
    headers = (await client.get(path)).headers

    assert policy in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert "strict-transport-security" not in headers


@pytest.mark.parametrize(("given", "told"), [([], "2"), ([(b"Retry-After", b"7")], "7")])
async def test_what_is_away_says_when_to_come_again(given, told):
    async def away(scope, receive, send):
        await send({"type": "http.response.start", "status": 503, "headers": given})
        await send({"type": "http.response.body", "body": b""})

    answer = await client_of(CarefulBrowsers(away)).get("/accounts")

    assert answer.headers.get_list("retry-after") == [told]


async def test_over_tls_browsers_come_back_over_tls():
    app = whole_app(Settings(web=WebSettings()))
    headers = (await client_of(app, "https").get("/healthz")).headers

    assert headers["strict-transport-security"] == "max-age=31536000"


async def test_the_documentation_comes_out_of_our_own_packages(client):
    page = await client.get("/api/v1/docs")

    assert "http" not in page.text.replace("http-equiv", "")
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js", "favicon.png"):
        assert f'"docs/{name}"' in page.text
        assert (await client.get(f"/api/v1/docs/{name}")).status_code == 200
    assert_problem(await client.get("/api/v1/docs/nix.js"), 404)


async def test_it_works_below_a_path():
    client = client_of(whole_app(Settings(web=WebSettings(prefix="/pbx"))))

    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/pbx/healthz")).status_code == 200
    assert (await client.get("/pbx", headers={"Accept": "text/html"})).headers[
        "location"
    ] == "/pbx/login?next=/"
    document = (await client.get("/pbx/api/v1/openapi.json")).json()
    assert document["servers"] == [{"url": "/pbx"}]
