"""Phones in a real browser: JsSIP and SIP.js register over WebSockets and call each other through a dialplan.

One is at a listener with TLS, the other one where the pages are, which hand its connection on.
"""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright import sync_api

from interop.harness import DOMAIN, HOST, PASSWORD, free_port, is_listening, until

OWN = Path(__file__).parent / "browser"
INSTALLED = Path(sys.prefix) / "browser" / "node_modules"
"""Where `make` puts what ``browser/package.json`` names."""

pytestmark = [
    pytest.mark.peer("chromium"),
    pytest.mark.peer("node"),
    pytest.mark.timeout(400),  # a browser on a machine that has much else to do takes its time
    pytest.mark.skipif(
        not (INSTALLED / ".bin" / "esbuild").exists(),
        reason="JsSIP and SIP.js are not installed; `make .venv/.browser` does it where npm can be reached",
    ),
]

PLAN = 'log("from a browser")\ndial(f"{req.user}@local")\n'


@pytest.fixture(scope="module")
def page_folder(tmp_path_factory):
    """The phones as one script, and a page that loads it."""
    folder = tmp_path_factory.mktemp("browser")
    shutil.copy(OWN / "phones.js", folder)
    os.symlink(INSTALLED, folder / "node_modules")
    bundle = ["phones.js", "--bundle", "--outfile=bundle.js", "--define:global=window"]
    done = subprocess.run(
        [INSTALLED / ".bin" / "esbuild", *bundle], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (folder / "index.html").write_text(
        '<!doctype html><meta charset="utf-8"><script src="bundle.js"></script>'
    )
    return folder


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(page_folder):
    """Where the page is: on this machine, which a browser takes for a secure place."""
    handler = functools.partial(_Quiet, directory=str(page_folder))
    with http.server.ThreadingHTTPServer((HOST, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{HOST}:{server.server_port}/index.html"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def wss_port():
    return free_port(HOST)


@pytest.fixture(scope="module")
def web_port():
    return free_port(HOST)


@pytest.fixture(scope="module")
def servers(wss_port, web_port):
    """Where each phone connects to."""
    return {"jssip": f"wss://{HOST}:{wss_port}/", "sipjs": f"ws://{HOST}:{web_port}/sip"}


@pytest.fixture(scope="module")
def switch(start_switch, wss_port, web_port):
    accounts = [("jssip", "plan", ""), ("sipjs", "plan", "")]
    found = start_switch(
        accounts, {"plan": PLAN}, SIP__WSS=json.dumps([f"{HOST}:{wss_port}"]), WEB__LISTEN=f"{HOST}:{web_port}",
        SIP__ORIGINS=json.dumps([f"http://{HOST}"]),
    )  # fmt: skip
    # SIP.js tries once, and the pages have a process of their own, which starts behind the switch.
    until(lambda: is_listening(HOST, web_port, "tcp"), "the pages listen")
    with ThreadPoolExecutor(1) as elsewhere:  # Playwright has a loop in this thread, and so has each command
        run_command = found.run_command
        found.run_command = lambda *arguments: elsewhere.submit(run_command, *arguments).result()
        yield found
        found.run_command = run_command


@pytest.fixture(scope="module")
def pages(switch, site, servers):
    """A page of each kind, registered under its name."""
    with sync_api.sync_playwright() as playwright:
        flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                 "--ignore-certificate-errors",
                 "--allow-loopback-in-peer-connection"]  # fmt: skip  # a machine may have no other network
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags, timeout=60_000)
        found = {}
        for kind in ("jssip", "sipjs"):
            page = browser.new_context(permissions=["microphone"], ignore_https_errors=True).new_page()
            page.set_default_timeout(60_000)
            page.goto(site)
            page.evaluate(
                "settings => start(...settings)",
                [kind, servers[kind], kind, PASSWORD, DOMAIN],
            )
            tells(page, "registered")
            found[kind] = page
        yield found
        browser.close()


def tells(page, what):
    page.wait_for_function("what => told.some(one => one.startsWith(what))", arg=what, timeout=60_000)


def test_they_register_over_the_websocket(switch, pages, servers):
    for kind in pages:
        (binding,) = until(functools.partial(switch.bindings, kind), f"{kind} is registered")
        assert binding["source"].partition("/")[0] == servers[kind].partition(":")[0]
        assert ".invalid" in binding["contact"]


@pytest.mark.parametrize(("caller", "callee"), [("jssip", "sipjs"), ("sipjs", "jssip")])
def test_they_call_each_other_through_a_dialplan(switch, pages, caller, callee):
    """Their media goes from one to the other; then who was called hangs up."""
    for page in pages.values():
        page.evaluate("told.length = 0")
    pages[caller].evaluate("who => { phone.call(who) }", callee)
    for kind in (caller, callee):
        tells(pages[kind], "talking")
        pages[kind].wait_for_function("phone.media() === 'connected'", timeout=60_000)
    pages[callee].evaluate("() => { phone.hangUp() }")
    for kind in (caller, callee):
        tells(pages[kind], "over")

    def ended():
        cdrs = [cdr for cdr in switch.all_cdrs() if f"sip:{caller}@" in cdr["from_uri"]]
        return cdrs if len(cdrs) >= 2 else []

    cdrs = until(ended, "its CDRs")
    assert [(cdr["leg"], cdr["status"], cdr["hung_up_by"]) for cdr in cdrs] == [
        (0, 200, "callee"),
        (1, 200, "callee"),
    ]


@pytest.mark.parametrize("kind", ["jssip", "sipjs"])
def test_a_page_of_another_site_may_not_connect(switch, pages, site, servers, kind):
    page = pages["jssip"].context.new_page()
    page.goto(site.replace(HOST, "localhost"))
    failed = page.evaluate(
        """url => new Promise(done => {
            const socket = new WebSocket(url, "sip");
            socket.onopen = () => done(false);
            socket.onerror = () => done(true);
        })""",
        servers[kind],
    )
    page.close()

    assert failed
