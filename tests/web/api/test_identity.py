"""A browser's cookie is enough to look, and not to change (CSRF)."""

from __future__ import annotations

import asyncio

import pytest

from sipwright.config import Settings
from sipwright.usecases.issued import csrf_of
from sipwright.usecases.usecases import UseCases
from sipwright.usecases.visitor import Visitor
from sipwright.web.api.identity import CSRF_HEADER
from sipwright.web.visitors import COOKIE


async def _log_in(switch) -> str:
    uses = await UseCases.open(Settings.load(switch.data))
    try:
        return (await uses.login.log_in(Visitor("web", "127.0.0.1"), "alice", "a long secret")).token
    finally:
        await uses.close()


@pytest.fixture(scope="module")
def cookie(rest) -> str:
    return asyncio.run(_log_in(rest.switch))


def test_the_cookie_of_a_session_says_who_looks(rest, cookie):
    seen = rest("GET", "/me", who="", headers={"Cookie": f"{COOKIE}={cookie}"})

    assert (seen.status_code, seen.json()["name"]) == (200, "alice")


@pytest.mark.parametrize("shown", [None, "", "guessed", "é", csrf_of("another session")])
def test_a_change_needs_what_only_a_page_of_the_session_has(rest, cookie, shown):
    headers = {"Cookie": f"{COOKIE}={cookie}"}
    if shown is not None:
        headers[CSRF_HEADER] = shown.encode()
    refused = rest("PUT", "/store/forged", who="", json={"value": 1}, headers=headers)
    assert refused.status_code == 403
    assert CSRF_HEADER in refused.json()["detail"]
    assert rest("GET", "/store/forged", who="alice").status_code == 404


def test_a_page_of_the_session_changes(rest, cookie):
    headers = {"Cookie": f"{COOKIE}={cookie}", CSRF_HEADER: csrf_of(cookie)}

    assert rest("PUT", "/store/meant", who="", json={"value": 1}, headers=headers).status_code == 200
    assert rest("GET", "/store/meant", who="alice").json()["value"] == 1


def test_a_cookie_that_is_nobodys_is_nobody(rest):
    assert rest("GET", "/me", who="", headers={"Cookie": f"{COOKIE}={'a' * 43}"}).status_code == 401
