"""Screenshots of every page into ``docs/screenshots``: ``make screenshots``."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from interop.harness import DOMAIN, RunningSwitch
from interop.harness.network import free_port

FOLDER = Path(__file__).parents[3] / "docs" / "screenshots"
WIDTHS = (400, 1280, 1920)
PAGES = {
    "switchboard": "/", "call": "/calls/last", "call-records": "/cdrs", "dialplans": "/dialplans",
    "dialplan": "/dialplans/out", "accounts": "/accounts", "account": "/accounts/alice", "providers": "/providers",
    "provider": "/providers/carrier", "console": "/console", "status": "/status", "users": "/users",
    "settings": "/settings", "me": "/me",
}  # fmt: skip
OUT = """# What becomes of a call of ours.
if call.active > 4:
    respond(486, "Busy Here")

dial(f"{req.user}@local & bob@local[delay=5]", ring=25)
respond(480, "Nobody is available")
"""


def main() -> None:
    """Start a switch with some things in it, and look at it."""
    port, switch = free_port(), RunningSwitch()
    base = f"http://127.0.0.1:{port}"
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        switch.set_dialplans({"out": OUT})
        switch.add_accounts([("alice", "out", ""), ("bob", "out", ""), "carol"])
        switch.add_provider("carrier", "203.0.113.1")
        switch.start(WEB__LISTEN=f"127.0.0.1:{port}")
        callee = switch.answering("answer", "bob")
        switch.sipp("call", caller="alice", dialled=f"bob@{DOMAIN}")
        callee.finish()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            for theme in ("light", "dark"):
                take(browser, base, theme)
            browser.close()
    finally:
        switch.close()


def take(browser: Browser, base: str, theme: str) -> None:
    """Take a screenshot of each page in one theme, at each width."""
    page = browser.new_context(color_scheme=theme).new_page()
    page.goto(f"{base}/login")
    page.get_by_label("Name").fill("root")
    page.get_by_label("Password").fill("very secret")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{base}/")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for name, path in PAGES.items():
            page.goto(base + path)
            page.locator("h1").wait_for()
            page.wait_for_timeout(600)
            page.screenshot(path=FOLDER / f"{name}-{width}-{theme}.png")
        sys.stdout.write(f"{len(PAGES)} pages, {width} px, {theme}\n")


if __name__ == "__main__":
    main()
