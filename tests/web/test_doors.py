"""Every door has a wall: no route answers who has not logged in, and none shows a user what is another's.

The doors are taken from the application itself, so that a new one without a wall fails here.
"""

from __future__ import annotations

import re

import pytest

from sipwright.config import Settings
from sipwright.web.app import API, create_app

OPEN = {
    f"{API}/openapi.json",
    f"{API}/docs",
    f"{API}/docs/{{name}}",
    "/api/{rest}",
    "/healthz",
    "/readyz",
    "/metrics",
}
"""Doors without a lock: the documentation, and what has a lock of its own."""

ADMINS = ("/users", "/domains", "/nodes", "/audit", "/bans")
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
    "/providers": {"name": "mine", "server": "sip.example.org", "username": "u", "password": "p"},
    "/providers/{name}": {"password": "stolen"},
    "/dialplans/{name}": {"source": 'respond(480, "mine")\n'},
    "/store/{key}": {"value": "mine"},
    "/users": {"name": "mine", "password": "a long secret"},
    "/users/{name}/password": {"password": "stolen away"},
    "/domains": {"domain": "mine.example"},
}


def doors():
    """Every method of every route, also of those that no document lists."""
    found = set()
    left = list(create_app(None, Settings()).routes)
    while left:
        route = left.pop()
        if hasattr(route, "effective_route_contexts"):
            left += route.effective_route_contexts()
            continue
        route = getattr(route, "starlette_route", None) or route
        path = re.sub(r":\w+}", "}", getattr(route, "path_format", None) or route.path)
        for method in getattr(route, "methods", None) or {"WEBSOCKET"}:
            found.add((method, path))
    return sorted(found)


LOCKED = [
    (method, path)
    for method, path in doors()
    if path.startswith(API) and path not in OPEN and method not in ("HEAD", "WEBSOCKET")
]


def test_all_doors_are_found():
    assert len(LOCKED) > 60
    assert ("WEBSOCKET", f"{API}/events/ws") in doors()


def filled(path):
    for template, name in ALICES.items():
        path = path.replace(template, re.sub(r"{\w+}", name, template))
    return re.sub(r"{\w+}", "1", path).removeprefix(API)


@pytest.mark.parametrize(("method", "path"), LOCKED)
def test_nobody_comes_in_without_a_key(rest, method, path):
    answer = rest(method, filled(path), who="", json=BODIES.get(path.removeprefix(API), {}))

    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), LOCKED)
def test_eve_finds_nothing_of_alices_and_changes_nothing(rest, method, path):
    short = path.removeprefix(API)
    if short.endswith("/events"):
        pytest.skip("a stream, which has a test of its own")
    place = filled(path).replace("alice-", "eve-") if (method, short) in OWN else filled(path)
    answer = rest(method, place, who="eve", json=BODIES.get(short, {}))

    assert answer.status_code < 500, answer.text
    assert not re.search(r"alice-value|on my way|sip\.example\.net|very secret", answer.text)
    if "{" not in path:
        assert not re.search(r"alice|bob|root", answer.text)
    if short.startswith(ADMINS):
        assert answer.status_code == 403
    elif any(short.startswith(template) for template in ALICES) and (method, short) not in OWN:
        assert answer.status_code in (404, 409, 422), answer.text


OWN = {("PUT", "/dialplans/{name}"), ("PUT", "/store/{key}")}
"""Where eve makes something of her own, since names are each user's."""


def test_afterwards_everything_of_alices_is_as_it_was(rest):
    assert rest.get("/accounts/alice-phone", who="alice")["account"] == "alice-phone@sip.test"
    assert rest.get("/providers/alice-trunk", who="alice")["server"].startswith("sip.example.net")
    assert "on my way" in rest.get("/dialplans/alice-plan", who="alice")["source"]
    assert rest.get("/store/alice-key", who="alice")["value"] == "alice-value"


@pytest.mark.parametrize(("method", "path"), LOCKED)
def test_a_token_that_may_only_read_changes_nothing(rest, method, path):
    short = path.removeprefix(API)
    if method == "GET":
        pytest.skip("it reads")
    answer = rest(method, filled(path), who="reader", json=BODIES.get(short, {}))

    if answer.status_code not in (422, 404):  # a body that is wrong is told before
        reading = short.endswith(("/check", "/try", "/replay"))
        assert answer.status_code == 403 or reading, answer.text
