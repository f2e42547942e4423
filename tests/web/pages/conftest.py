"""A switch with its pages, and a real Chromium that looks at them."""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from interop.harness import RunningSwitch
from interop.harness.network import free_port, until

sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = "/usr/bin/chromium"
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

    def __init__(self, switch: RunningSwitch, port: int) -> None:
        self.switch = switch
        self.base = f"http://127.0.0.1:{port}"
        self.settings = {"WEB__LISTEN": f"127.0.0.1:{port}"}

    def is_up(self) -> bool:
        """Return whether the log-in page is there."""
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"{self.base}/login", timeout=2.0).status == 200
        return False

    def log_in(self, page: sync_api.Page, name: str = "root", password: str = PASSWORD) -> None:
        """Log in as people do."""
        page.goto(f"{self.base}/login")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{self.base}/")


@pytest.fixture(scope="module")
def site(start_switch: Callable[..., RunningSwitch]) -> Site:
    """A switch with accounts alice, bob and carol of root's, and dave's of dave."""
    port = free_port()
    switch = start_switch(
        [("alice", "traced", ""), "bob", "carol"], {"traced": TRACED}, WEB__LISTEN=f"127.0.0.1:{port}"
    )
    switch.run_command = in_a_thread(switch.run_command)  # type: ignore[method-assign]
    switch.run_command("user", "add", "dave", "--password", PASSWORD)
    switch.run_command("account", "add", "dave", "--password", "secret", "--user", "dave")
    made = Site(switch, port)
    until(made.is_up, "the pages are there", 30.0)
    return made


@pytest.fixture(scope="module")
def chromium() -> Iterator[sync_api.Browser]:
    """Debian's Chromium."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: sync_api.Browser) -> Iterator[Callable[..., sync_api.Page]]:
    """Make a browser of somebody, with cookies of their own; what goes wrong in one fails the test."""
    contexts, wrong = [], []

    def make(**options: object) -> sync_api.Page:
        context = chromium.new_context(viewport={"width": 1280, "height": 900}, **options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert wrong == []
