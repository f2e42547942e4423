"""Every door has a wall: no route answers who has not logged in, and none shows a user what is another's.

The doors are taken from the application itself, so that a new one without a wall fails here.
"""

from __future__ import annotations

import re

import httpx2
import pytest
from nicegui import __version__ as NICEGUI
from starlette.routing import WebSocketRoute

from sipwright.config import Settings
from sipwright.usecases.issued import csrf_of
from sipwright.usecases.usecases import UseCases
from sipwright.web.app import API, create_app
from sipwright.web.pages.design import STYLESHEET_NAME
from sipwright.web.pages.site import PAGES

LIBRARY = f"/_nicegui/{NICEGUI}"

OPEN = {
    f"{API}/openapi.json": "documentation",
    f"{API}/docs": "documentation",
    f"{API}/docs/{{name}}": "documentation",
    "/api/{rest}": "says that there is nothing",
    "/healthz": "for balancers: one word",
    "/readyz": "for balancers: one word",
    "/metrics": "has a lock of its own",
    "/login": "where strangers become users",
    "/signup": "where strangers become users, if an admin has opened that",
    "/reset": "where users come who have forgotten their password",
    f"/assets/{STYLESHEET_NAME}": "how the log-in page looks",
    "/assets/icon.svg": "how the log-in page looks",
    f"{LIBRARY}/static/{{path}}": "the library of the pages, the same for everybody",
    f"{LIBRARY}/libraries/{{key}}": "the library of the pages, the same for everybody",
    f"{LIBRARY}/components/{{key}}": "the library of the pages, the same for everybody",
    f"{LIBRARY}/resources/{{key}}/{{path}}": "the library of the pages, the same for everybody",
    f"{LIBRARY}/dynamic_resources/{{name}}": "the library of the pages, the same for everybody",
    f"{LIBRARY}/esm/{{key}}/{{path}}": "the library of the pages, the same for everybody",
    "/_nicegui_ws/{path}": "does nothing but for a page that was shown to the same session",
}
"""Doors without a lock, and why."""

ADMINS = ("/users", "/domains", "/nodes", "/audit", "/bans", "/invites")
"""What only an admin sees, and says so."""

ALICES = {
    "/accounts/{name}": "alice-phone",
    "/providers/{name}": "alice-trunk",
    "/dialplans/{name}": "alice-plan",
    "/store/{key}": "alice-key",
}
"""Things of alice's, by their doors; for the others something that is nobody's."""

BODIES = {
    "/accounts": {"name": "mine", "password": "x"},
    "/accounts/{name}": {"password": "stolen"},
    "/accounts/{name}/watched_by": {"watched_by": {"anyone": "parties"}},
    "/accounts/{name}/members": {"members": ["bob"]},
    "/accounts/{name}/messages": {"new": 3},
    "/providers": {"name": "mine", "server": "sip.example.org", "username": "u", "password": "p"},
    "/providers/{name}": {"password": "stolen"},
    "/providers/{name}/numbers": {"number": "+353155501", "account": "eve"},
    "/dialplans/{name}": {"source": 'respond(480, "mine")\n'},
    "/store/{key}": {"value": "mine"},
    "/users": {"name": "mine", "password": "a long secret"},
    "/users/{name}/password": {"password": "stolen away"},
    "/domains": {"domain": "mine.example"},
    "/bans": {"address": "192.0.2.9"},
}


OWN = {("PUT", "/dialplans/{name}"), ("PUT", "/store/{key}")}
"""Where eve makes something of her own, since names are each user's."""

READING = ("/check", "/try", "/replay")
"""What is posted and changes nothing."""


def doors():
    """Every method of every route, also of those that no document lists; a mounted application is one door."""
    found = set()
    left = [("", route) for route in create_app(None, Settings()).routes]
    while left:
        above, route = left.pop()
        if hasattr(route, "effective_route_contexts"):
            left += [(above, inner) for inner in route.effective_route_contexts()]
            continue
        route = getattr(route, "starlette_route", None) or route
        inside = getattr(route, "routes", None)
        if inside:
            left += [(above + route.path, inner) for inner in inside]
            continue
        path = above + plain(getattr(route, "path_format", None) or route.path)
        usual = SOCKET if isinstance(route, WebSocketRoute) else "GET"
        for method in getattr(route, "methods", None) or {usual}:
            found.add((method, path))
    return sorted(found - {("HEAD", path) for _, path in found})


def plain(path):
    return re.sub(r":\w+}", "}", path)


SOCKET = "WEBSOCKET"
CLOSED = [(method, path) for method, path in doors() if path not in OPEN and method != SOCKET]
LOCKED = [(method, path) for method, path in CLOSED if path.startswith("/api/")]
SHOWN = [(method, path) for method, path in CLOSED if not path.startswith("/api/")]
CHANGING = [(method, path) for method, path in LOCKED if method != "GET" and not path.endswith(READING)]
ANSWERED = [(method, path) for method, path in LOCKED if not path.endswith("/events")]
"""What ends; the streams of events have tests of their own, in api/test_events.py."""


def test_all_doors_are_found():
    assert len(LOCKED) > 60
    assert [path for method, path in doors() if method == SOCKET] == [f"{API}/events/ws"]
    assert {("GET", plain(path)) for path in PAGES} <= set(SHOWN)
    assert {("GET", "/cdrs.csv"), ("POST", "/logout")} <= set(SHOWN)


def test_nothing_is_open_that_is_not_there():
    assert set(OPEN) <= {path for _, path in doors()}


def filled(path):
    for template, name in ALICES.items():
        path = path.replace(template, re.sub(r"{\w+}", name, template))
    return re.sub(r"{\w+}", "1", path).removeprefix(API)


@pytest.mark.parametrize(("method", "path"), LOCKED)
def test_nobody_comes_in_without_a_key(rest, method, path):
    answer = rest(method, filled(path), who="", json=BODIES.get(path.removeprefix(API), {}))

    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), ANSWERED)
def test_eve_finds_nothing_of_alices_and_changes_nothing(rest, method, path):
    short = path.removeprefix(API)
    place = filled(path).replace("alice-", "eve-") if (method, short) in OWN else filled(path)
    answer = rest(method, place, who="eve", json=BODIES.get(short, {}))

    assert answer.status_code < 500, answer.text
    assert not re.search(r"alice-value|on my way|sip\.alices\.example|very secret", answer.text)
    if "{" not in path:
        assert not re.search(r"alice|bob|root", answer.text)
    if short.startswith(ADMINS):
        assert answer.status_code == 403
    elif any(short.startswith(template) for template in ALICES) and (method, short) not in OWN:
        assert answer.status_code in (404, 409, 422), answer.text


def test_afterwards_everything_of_alices_is_as_it_was(rest):
    assert rest.get("/accounts/alice-phone", who="alice")["account"] == "alice-phone@sip.test"
    assert rest.get("/providers/alice-trunk", who="alice")["server"].startswith("sip.alices.example")
    assert "on my way" in rest.get("/dialplans/alice-plan", who="alice")["source"]
    assert rest.get("/store/alice-key", who="alice")["value"] == "alice-value"


@pytest.mark.parametrize(("method", "path"), CHANGING)
def test_a_token_that_may_only_read_changes_nothing(rest, method, path):
    answer = rest(method, filled(path), who="reader", json=BODIES.get(path.removeprefix(API), {}))

    assert answer.status_code in (403, 404, 422), answer.text  # a body that is wrong is told before


@pytest.fixture(scope="module")
def look(rest, one_client):
    """Look at what is not below the API, as somebody who has logged in, or as nobody."""
    cookies = {}
    for who in ("alice", "eve"):
        answer = httpx2.post(f"{rest.url}/login", data={"name": who, "password": "a long secret"}, timeout=60)
        assert answer.status_code == 303, answer.text
        cookies[who] = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}

    def ask(method, path, who=""):
        return one_client.request(method, rest.url + path, headers=cookies.get(who, {}))

    return ask


@pytest.mark.parametrize(("method", "path"), SHOWN)
def test_who_has_not_logged_in_sees_no_page(look, method, path):
    answer = look(method, filled(path))

    led = answer.status_code == 303 and answer.headers["location"].startswith("/login")
    assert led or answer.status_code in (401, 403), answer.text
    assert not re.search(ALICES_ON_PAGES, answer.text)


ALICES_ON_PAGES = r"alice-(phone|trunk)|on my way|sip\.alices\.example|bob@sip\.test"


@pytest.mark.parametrize(("method", "path"), [door for door in SHOWN if door[1] != "/logout"])
def test_eve_sees_nothing_of_alices_on_a_page(look, method, path):
    answer = look(method, filled(path), "eve")

    assert answer.status_code in (200, 403, 404), answer.text
    asked_for = filled(path).rpartition("/")[2] or "alice-nothing"
    assert not re.search(ALICES_ON_PAGES, answer.text.replace(asked_for, "asked for"))


@pytest.mark.parametrize(("who", "status"), [("", 401), ("eve", 403), ("reader", 403), ("root", 200)])
async def test_the_numbers_of_all_are_for_an_admin_and_some_networks(rest, who, status):
    settings = Settings.load(rest.switch.data)
    settings.web.metrics_from = []
    uses = await UseCases.open(settings)
    headers = {"Authorization": f"Bearer {rest.tokens[who]}"} if who else {}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(create_app(uses, settings))) as client:
        answer = await client.get("http://switch.test/metrics", headers=headers)
    await uses.close()

    assert (answer.status_code, "sipwright_up" in answer.text) == (status, status == 200)


def test_a_form_that_no_page_of_theirs_has_sent_logs_nobody_out(rest):
    answer = httpx2.post(f"{rest.url}/login", data={"name": "eve", "password": "a long secret"}, timeout=60)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    headers = {"Cookie": cookie}
    for csrf in ({}, {"csrf": "guessed"}, {"csrf": csrf_of("another session")}):
        refused = httpx2.post(f"{rest.url}/logout", data=csrf, headers=headers, timeout=60)
        assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)
        assert "Log out?" in refused.text
    assert httpx2.get(f"{rest.url}/me", headers=headers, timeout=60).status_code == 200

    right = {"csrf": csrf_of(cookie.partition("=")[2])}
    other_site = {**headers, "Sec-Fetch-Site": "cross-site"}
    assert httpx2.post(f"{rest.url}/logout", data=right, headers=other_site, timeout=60).status_code == 403
    done = httpx2.post(f"{rest.url}/logout", data=right, headers=headers, timeout=60)
    assert (done.status_code, done.headers["location"]) == (303, "/login")
    assert httpx2.get(f"{rest.url}/me", headers=headers, timeout=60).status_code == 303


@pytest.mark.parametrize("path", ["/accounts/{name}", "/providers/{name}"])
def test_what_is_alices_is_a_page_for_alice_and_none_for_eve(look, path):
    assert look("GET", filled(path), "alice").status_code == 200
    assert look("GET", filled(path), "eve").status_code == 404
