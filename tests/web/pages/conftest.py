"""A switch with its pages, and a real Chromium that looks at them."""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler

from interop.harness import RunningSwitch
from interop.harness.network import free_port, until

sync_api = pytest.importorskip("playwright.sync_api")

PREFIX = "/pbx"
CHROMIUM = "/usr/bin/chromium"
PATIENCE = 60_000
"""Milliseconds in which what a page shall show is there, however much else the machine has to do."""

sync_api.expect.set_options(timeout=PATIENCE)

PASSWORD = "very secret"
TRACED = 'log("on the way")\ndial(f"{req.user}@local", ring=20)\n'


def in_a_thread(command: Callable[..., str]) -> Callable[..., str]:
    """Run a command beside Playwright, which keeps a loop of its own in this thread."""

    def run(*arguments: str) -> str:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(command, *arguments).result()

    return run


class Site:
    """The pages of a switch."""

    def __init__(self, switch: RunningSwitch, port: int, mails: Mails) -> None:
        self.switch = switch
        self.base = f"http://127.0.0.1:{port}{PREFIX}"
        self.settings = {
            "WEB__LISTEN": f"127.0.0.1:{port}", "WEB__PREFIX": PREFIX, "WEB__SIGNUP": "invite",
            "MAIL__SERVER": "127.0.0.1", "MAIL__PORT": str(mails.port), "MAIL__SECURITY": "none",
            "MAIL__SENDER": "switch@sip.test",
        }  # fmt: skip
        self.mails = mails
        self.cookies: dict[str, Any] = {}

    def is_up(self) -> bool:
        """Return whether the log-in page is there."""
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"{self.base}/login", timeout=60.0).status == 200
        return False

    def log_in(self, page: sync_api.Page, name: str = "root", password: str = PASSWORD) -> None:
        """Log in as people do."""
        page.goto(f"{self.base}/login")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{self.base}/")

    def come_in(self, page: sync_api.Page, name: str = "root") -> None:
        """Come to the switchboard with the session of an earlier test; who logs out or ends it logs in instead."""
        if name not in self.cookies:
            self.log_in(page, name)
            self.cookies[name] = page.context.cookies()
        page.context.add_cookies(self.cookies[name])
        self.open(page, "/")

    def open(self, page: sync_api.Page, path: str) -> int:
        """Open a page, wait until it is live, and return its status."""
        response = page.goto(self.base + path)
        self._until_live(page)
        return 0 if response is None else response.status

    def follow(self, page: sync_api.Page, link: str) -> None:
        """Go where a link leads, and wait until that page is live.

        What is typed and clicked within a few milliseconds before that may reach the server in another order.
        """
        with page.expect_navigation():
            page.get_by_role("link", name=link, exact=True).click()
        self._until_live(page)

    @staticmethod
    def _until_live(page: sync_api.Page) -> None:
        page.locator("h1").wait_for()
        page.wait_for_function("!window.path_prefix || window.socket?.connected && window.did_handshake")


class Mails(MessageHandler):
    """A mail server that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Message] = []
        self.port = free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)

    def handle_message(self, message: Message) -> None:
        """Keep a mail."""
        self.kept.append(message)


@pytest.fixture(scope="session")
def mails() -> Iterator[Mails]:
    """A mail server."""
    made = Mails()
    made.controller.start()
    yield made
    made.controller.stop()


@pytest.fixture(scope="session")
def site(mails: Mails) -> Iterator[Site]:
    """A switch with accounts alice, bob and carol of root's, and dave's of dave; all tests of the pages share it.

    It is shown below a path, as behind a proxy; without one there is only less that could be forgotten.
    """
    with ThreadPoolExecutor(1) as thread:  # beside Playwright, which may keep a loop here already
        made = thread.submit(_start, mails).result()
    until(made.is_up, "the pages are there")
    yield made
    faults = made.switch.new_faults()
    made.switch.close()
    assert faults == []


def _start(mails: Mails) -> Site:
    port, switch = free_port(), RunningSwitch()
    switch.set_dialplans({"traced": TRACED})
    switch.add_accounts([("alice", "traced", ""), "bob", "carol"])
    switch.run_command("user", "add", "dave", "--password", PASSWORD, "--email", "dave@sip.test")
    switch.run_command("account", "add", "dave", "--password", "secret", "--user", "dave")
    switch.run_command = in_a_thread(switch.run_command)  # type: ignore[method-assign]
    made = Site(switch, port, mails)
    switch.start(**made.settings)
    return made


@pytest.fixture(scope="module")
def chromium() -> Iterator[sync_api.Browser]:
    """Debian's Chromium; no longer than a module, since Playwright keeps a loop that asynchronous tests would meet."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE
        )
        yield browser
        browser.close()


@pytest.fixture
def page(site: Site, new_page: Callable[..., sync_api.Page]) -> sync_api.Page:
    """The switchboard, as its admin sees it."""
    made = new_page()
    site.come_in(made)
    return made


@pytest.fixture
def new_page(chromium: sync_api.Browser) -> Iterator[Callable[..., sync_api.Page]]:
    """Make a browser of somebody, with cookies of their own; what goes wrong in one fails the test."""
    contexts, wrong = [], []

    def make(**options: object) -> sync_api.Page:
        context = chromium.new_context(viewport={"width": 1280, "height": 900}, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert wrong == []
