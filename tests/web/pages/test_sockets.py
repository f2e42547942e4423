"""The sockets of pages: whoever learns the name of another's page sees nothing of it, and does nothing with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import httpx2
import pytest
from nicegui.client import Client
from nicegui.page import page as nicegui_page
from starlette.requests import Request
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from interop.harness import until
from sipwright.web.pages.sockets import _is_theirs
from web.conftest import Rest


class Browser:
    """Somebody who has logged in, and looks at a page without a browser."""

    def __init__(self, rest: Rest, name: str | None) -> None:
        self._rest = rest
        self.headers = {}
        if name is not None:
            answer = httpx2.post(
                f"{rest.url}/login", data={"name": name, "password": "a long secret"}, timeout=60
            )
            self.headers = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}

    def page(self, path: str) -> str:
        """Look at a page, and return its name."""
        text = httpx2.get(self._rest.url + path, headers=self.headers, timeout=60).text
        found = re.search(r"client_id['\"]?:\s*['\"]([0-9a-f-]{36})", text)
        assert found, text[:2000]
        return found[1]

    @contextmanager
    def socket(self, **query: str) -> Iterator[ClientConnection]:
        """Open a socket, as far as its server lets it."""
        address = f"{self._rest.url.replace('http', 'ws')}/_nicegui_ws/socket.io/"
        asked = urlencode({"EIO": "4", "transport": "websocket", **query})
        with connect(f"{address}?{asked}", additional_headers=self.headers) as socket:
            assert str(socket.recv(10))[0] == "0"
            socket.send("40")
            yield socket


def said(socket: ClientConnection) -> str:
    """Return the next thing that is said but for signs of life."""
    while (text := str(socket.recv(10))) == "2":
        socket.send("3")
    return text


def query_of(page: str) -> dict[str, str]:
    return {"client_id": page, "tab_id": "tab", "document_id": "document", "next_message_id": "0"}


def shakes(socket: ClientConnection, page: str) -> bool:
    """Ask for a page over a socket that is open, and return whether the server agrees."""
    socket.send("421" + json.dumps(["handshake", query_of(page)]))
    while not (text := said(socket)).startswith("431"):
        pass
    return bool(json.loads(text[3:])[0])


@pytest.fixture(scope="module")
def alice(rest: Rest) -> Browser:
    return Browser(rest, "alice")


@pytest.fixture(params=["eve", None], scope="module")
def other(rest: Rest, request: pytest.FixtureRequest) -> Browser:
    return Browser(rest, request.param)


def test_the_browser_that_a_page_was_shown_to_speaks_for_it(alice: Browser):
    with alice.socket(**query_of(alice.page("/accounts")), implicit_handshake="true") as socket:
        assert said(socket).startswith("40")
    with alice.socket() as socket:
        assert said(socket).startswith("40")
        assert shakes(socket, alice.page("/accounts"))


def test_nobody_else_connects_to_it(alice: Browser, other: Browser):
    with other.socket(**query_of(alice.page("/accounts")), implicit_handshake="true") as socket:
        assert said(socket).startswith("44")


def test_nobody_else_connects_to_it_later(alice: Browser, other: Browser):
    page = alice.page("/accounts")
    with other.socket() as socket:
        assert said(socket).startswith("40")
        assert not shakes(socket, page)

    with alice.socket() as socket:
        said(socket)
        assert shakes(socket, page)


def test_nobody_else_does_anything_on_it(alice: Browser, other: Browser):
    """Alice's page is connected; what others say in its name is not even an answer to a question of its own."""
    page = alice.page("/accounts")
    with alice.socket(**query_of(page), implicit_handshake="true") as own, other.socket() as socket:
        said(own)
        said(socket)
        for name in ("event", "javascript_response", "ack", "log"):
            socket.send("421" + json.dumps([name, {**query_of(page), "id": 1, "request_id": "x"}]))
            assert said(socket) == "431[false]"


@pytest.mark.parametrize(
    "message", ['["event"]', '["event",[]]', '["event",{"client_id":[]}]', '["handshake","x"]']
)
def test_what_makes_no_sense_is_refused_without_an_error(alice: Browser, message: str):
    with alice.socket() as socket:
        said(socket)
        socket.send("421" + message)
        try:
            assert said(socket) == "431[false]"
        except ConnectionClosed:
            pytest.fail("the server has closed the connection")


def answer_to(socket: ClientConnection, page: str) -> str:
    """Say something harmless in the name of a page, and return what is answered to that."""
    socket.send("421" + json.dumps(["ack", {**query_of(page), "next_message_id": 0}]))
    while not (text := said(socket)).startswith("431"):
        pass
    return text


def test_a_page_whose_session_has_ended_is_heard_no_more(rest: Rest):
    """Whoever has a stolen session, or is an admin no more, may leave the page open when it asks to be loaded again."""
    thief = Browser(rest, "alice")
    page = thief.page("/accounts")
    (session, *_) = rest.get("/me/sessions", who="alice")["items"]
    with thief.socket(**query_of(page), implicit_handshake="true") as socket:
        assert said(socket).startswith("40")
        assert answer_to(socket, page) != "431[false]"
        assert rest("DELETE", f"/me/sessions/{session['id']}", who="alice").status_code == 204

        until(lambda: answer_to(socket, page) == "431[false]", "nothing is heard of that page")


def test_a_page_without_a_session_is_nobodys():
    """None of ours is such a one; if one came to be, whoever learns its name would speak for it."""
    scope = {"type": "http", "headers": [], "path": "/", "method": "GET", "query_string": b""}
    page = Client(nicegui_page("/somewhere"), request=Request(scope))
    try:
        assert not _is_theirs({"asgi.scope": scope}, page.id)
    finally:
        page.delete()
