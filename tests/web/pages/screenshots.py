"""Screenshots of every page: ``make screenshots``; with names, of those pages alone.

Into ``docs/screenshots`` go all of them, for whoever works on the design; into ``docs/pages`` one of each page, which
``docs/pages.md`` shows.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from interop.harness import DOMAIN, RunningSwitch
from interop.harness.network import free_port, until

FOLDER = Path(__file__).parents[3] / "docs" / "screenshots"
SHOWN = FOLDER.with_name("pages")
WIDTHS = (400, 1280, 1920)
THEMES = ("light", "dark")
OUTSIDE = {
    "login": "/login",
    "sign-up": "/signup",
    "lost-password": "/reset",
    "new-password": "/reset?token=x",
}
LIVE = {"switchboard": "/", "call": "/calls/last"}
PAGES = {
    "call-records": "/cdrs", "dialplans": "/dialplans", "dialplan": "/dialplans/out", "accounts": "/accounts",
    "account": "/accounts/alice", "providers": "/providers", "provider": "/providers/carrier", "console": "/console",
    "status": "/status", "guard": "/guard", "limits": "/guard/dave", "bans": "/bans", "users": "/users",
    "user": "/users/dave", "settings": "/settings", "me": "/me", "nothing": "/nothing",
}  # fmt: skip
OUT = """# What becomes of a call of ours.
if call.active > 4:
    respond(486, "Busy Here")

dial(f"{req.user}@local & bob@local[delay=5]", ring=25)
respond(480, "Nobody is available")
"""


class Gallery:
    """A switch with nothing in it, and then with things in it, looked at."""

    def __init__(self, wanted: list[str]) -> None:
        self.wanted = wanted
        self.switch = RunningSwitch()
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.settings = {
            "WEB__LISTEN": f"127.0.0.1:{port}", "WEB__SIGNUP": "invite", "MAIL__SERVER": "127.0.0.1",
            "MAIL__SENDER": "switch@sip.test",
        }  # fmt: skip

    def take_all(self) -> None:
        """Take all of them, empty and full."""
        self.switch.start(**self.settings)
        self.take("empty-", {**LIVE, **PAGES} | {"call": "/calls/none"})
        self.fill()
        self.take("", OUTSIDE, is_inside=False)
        self.take("", PAGES)
        calling = self.call()
        self.take("", LIVE)
        calling.wait()

    def fill(self) -> None:
        """Put in what a small office has after some weeks."""
        switch = self.switch
        switch.set_dialplans({"out": OUT, "office-night": "respond(480)\n", "conference": "respond(486)\n"})
        switch.add_accounts([("alice", "out", ""), ("bob", "out", ""), "carol"])
        switch.add_provider("carrier", "203.0.113.1")
        switch.add_provider("blueface", "sip.blueface.example")
        switch.run_command("user", "add", "dave", "--password", "very secret", "--email", "dave@example.org")
        switch.run_command("user", "invite", "--note", "the new colleague")
        switch.run_command("token", "add", "backup", "--user", "root", "--scope", "read")
        for _ in range(3):
            switch.sipp("register", caller="alice", port=free_port())
        callee = switch.answering("answer", "bob")
        switch.sipp("call", caller="alice", dialled=f"bob@{DOMAIN}")
        callee.finish()
        self.remember()

    def remember(self) -> None:
        """Write records of calls of the last month."""

        chance, now = random.Random(5), time.time()
        with sqlite3.connect(self.switch.data / "sipwright.db", timeout=20) as connection:
            for number in range(400):
                at = now - chance.random() * 30 * 86_400
                answered = at + 4 if chance.random() < 0.7 else None
                status, reason = (
                    (200, "OK") if answered else chance.choice([(486, "Busy Here"), (480, "Gone Home")])
                )
                connection.execute(
                    "INSERT INTO cdrs (call_id, leg, direction, account_id, user_id, from_uri, to_uri, target, "
                    "started_at, answered_at, ended_at, status, reason, hung_up_by) "
                    "VALUES (?,0,'out',1,1,?,?,?,?,?,?,?,?,?)",
                    (
                        f"shown-{number}", "sip:alice@sip.test", f"sip:+35315550{number:03}@sip.test",
                        f"+35315550{number:03}@carrier", at, answered, at + chance.randint(9, 900), status, reason,
                        chance.choice(["caller", "callee"]),
                    ),
                )  # fmt: skip

    def call(self) -> subprocess.Popen[bytes]:
        """Let two phones talk for as long as it takes to look at them."""
        listen = json.dumps([f"127.0.0.1:{self.switch.port}"])
        environment = {**os.environ, "SIPWRIGHT_SIP__UDP": listen, "SIPWRIGHT_SIP__TCP": listen}
        command = [
            sys.executable,
            "-m",
            "sipwright.commands",
            "call-test",
            "--talk",
            "30",
            "--data",
            self.switch.data,
        ]
        calling = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        until(self.switch.calls, "they talk")
        return calling

    def take(self, start: str, pages: dict[str, str], *, is_inside: bool = True) -> None:
        """Take pages in both themes, at each width."""
        chosen = {
            name: path for name, path in pages.items() if not self.wanted or start + name in self.wanted
        }
        if not chosen:
            return
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            for theme in THEMES:
                page = browser.new_context(color_scheme=theme).new_page()
                if is_inside:
                    self.log_in(page)
                for name, path in chosen.items():
                    self.take_one(page, f"{start}{name}", path, theme)
            browser.close()
        sys.stdout.write(f"{len(chosen)} pages\n")

    def take_one(self, page: Page, name: str, path: str, theme: str) -> None:
        """Take a page at each width."""
        page.goto(self.base + path)
        page.locator("h1").wait_for()
        page.wait_for_timeout(300)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(120)
            page.screenshot(path=FOLDER / f"{name}-{width}-{theme}.png")
            if (width, theme) == (1280, "light") and not name.startswith("empty-"):
                page.screenshot(path=SHOWN / f"{name}.jpg", quality=70)

    def log_in(self, page: Page) -> None:
        """Log in as the admin."""
        page.goto(f"{self.base}/login")
        page.get_by_label("Name").fill("root")
        page.get_by_label("Password").fill("very secret")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{self.base}/")


def main() -> None:
    """Start a switch, and look at it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    SHOWN.mkdir(exist_ok=True)
    gallery = Gallery(sys.argv[1:])
    try:
        gallery.take_all()
    finally:
        gallery.switch.close()


if __name__ == "__main__":
    main()
