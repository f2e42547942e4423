"""Every page in a real browser: anybody can use it, light or dark, wide or narrow, and it shows nothing of others."""

import re
import time

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect
from starlette.routing import compile_path

from interop.harness import until
from sipwright.web.pages.site import PAGES

pytestmark = pytest.mark.peer("chromium")

WIDTHS = (1280, 400)
OF_COLOURS = ("color-contrast", "link-in-text-block")

LOOKED_AT = (
    "/", "/cdrs", "/dialplans", "/dialplans/new-one", "/accounts", "/accounts/alice@sip.test", "/providers",
    "/providers/trunk", "/bans", "/guard", "/guard/dave", "/console", "/status", "/users", "/users/dave", "/settings",
    "/me", "/nothing-here",
)  # fmt: skip
OUTSIDE = ("/login", "/signup", "/reset", "/reset?token=x")
"""What is before the door."""


def test_every_page_has_one_main_landmark_one_heading_and_nothing_that_axe_finds(site, new_page):
    """Wide and narrow, in light and in dark, which differ in their colours alone: in the dark axe looks at those.

    Each page is opened once, and turned into its four looks: half of the time would go into opening it.
    """
    site.switch.run_command("provider", "add", "trunk", "--server", "203.0.113.9", "--from", "192.0.2.1")
    page = new_page(color_scheme="light")
    site.come_in(page)
    found = {}
    for path in (*LOOKED_AT, *OUTSIDE):
        site.open(page, path)
        if path == "/console":
            until(lambda: happens(site) or page.get_by_test_id("event").count(), "an event is shown")
        assert (page.locator("main").count(), page.locator("h1").count()) == (1, 1), path
        page.evaluate(AXE_SCRIPT)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            found[f"{path} at {width} in light"] = too_wide(page, width) + violations(page)
            page.emulate_media(color_scheme="dark")
            found[f"{path} at {width} in dark"] = too_wide(page, width) + violations(page, *OF_COLOURS)
            page.emulate_media(color_scheme="light")

    assert {path: what for path, what in found.items() if what} == {}


def happens(site):
    """Let something happen: a page shows that once it has begun to follow, of which nobody tells."""
    site.switch.set_dialplans({"told-of": f"log({time.monotonic()})\n"})


def too_wide(page, width):
    """Return by how much a page does not fit."""
    excess = page.evaluate("document.documentElement.scrollWidth") - width
    return [("too wide", excess)] if excess > 0 else []


def violations(page, *rules):
    """Return what axe finds on a page that has its script, and where: by all of its rules, or by these."""
    chosen = {"runOnly": {"type": "rule", "values": rules}} if rules else {}
    run = "options => axe.run(options).then(results => results.violations)"
    # Style sheets that it fetches by itself show the bar of what is loading, and none of these rules reads them.
    found = page.evaluate(run, {"resultTypes": ["violations"], "preload": False, **chosen})
    return [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found]


def test_every_page_that_there_is_is_looked_at():
    paths = (*LOOKED_AT, "/calls/looked-at-below")
    looked_at = {page for page in PAGES for path in paths if compile_path(page)[0].match(path)}

    assert set(PAGES) - looked_at == set()


def test_what_is_anothers_is_not_there(site, new_page):
    page = new_page()
    site.come_in(page, "dave")
    site.switch.set_dialplans({"secret-plan": "respond(480)\n"})

    site.open(page, "/accounts")
    expect(page.get_by_test_id("account")).to_have_count(1)
    site.open(page, "/dialplans")
    expect(page.get_by_role("link", name="secret-plan")).to_have_count(0)
    for path, status in (
        ("/accounts/alice@sip.test", 404),
        ("/users", 403),
        ("/settings", 403),
        ("/calls/x", 404),
    ):
        assert page.goto(site.base + path).status == status, path
    expect(page.get_by_role("main").get_by_role("link", name="Call records")).to_be_visible()
    for path in LOOKED_AT:
        site.open(page, path.replace("alice", "dave"))
        seen = page.locator("body").inner_text()
        assert not re.search(r"\b(alice|bob|carol)@sip\.test|secret-plan|203\.0\.113\.9", seen), path
