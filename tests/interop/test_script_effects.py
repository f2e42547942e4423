"""What scripts reach beyond their call, in a running switch: the web, the store, texts, calls back."""

import http.server
import json
import signal
import threading
from typing import NamedTuple

import pytest

from interop.harness import DOMAIN, until

pytestmark = pytest.mark.peer("sipp")


class Web(NamedTuple):
    url: str
    slow_posts: list[object]
    release: threading.Event

    def __str__(self) -> str:
        return self.url


@pytest.fixture(scope="module")
def web():
    """A web server that says what it was sent."""

    release = threading.Event()
    posts = []

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say({"path": self.path})

        def do_POST(self) -> None:
            value = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/slow":
                posts.append(value)
                release.wait(60)
            self._say(value)

        def _say(self, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Web(f"http://127.0.0.1:{server.server_port}", posts, release)
    release.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def switch(start_switch, web):
    plans = {
        "web": f'''
page = http_get("{web}/" + req.user)
sent = http_post("{web}/", json={{"a": [1, 2]}})
respond(600, page.json["path"] + " " + str(sent.json["a"][1]))
''',
        "inside": 'try:\n    http_get("http://10.0.0.1/")\nexcept OSError as error:\n    respond(600, str(error))\n',
        "counting": 'total = store.add("calls")\nkeys = store.keys("calls")\nrespond(600, f"call {total}, {keys}")\n',
        "lookups": """
phones = [phone.source for phone in bindings(call.account)]
respond(600, f"{is_registered(req.user)} {is_registered('nobody')} {phones}")
""",
        "text": 'respond(600, str(send_message(f"{req.user}@local", "Zo\\u00eb called")))\n',
        "back": 'first, second = req.user.split(".")\ncallback(f"{first}@local", f"{second}@local")\nrespond(603)\n',
        "wait": 'r = dial(f"{req.user}@local", wait=True)\nstore.set("talked", [r.answered, r.duration > 0])\n',
        "talked": 'respond(600, str(store.get("talked")))\n',
        "short": 'hangup_after(1)\ndial(f"{req.user}@local")\n',
        "moved": 'r = dial(f"{req.user}@local[rm=m]")\nrespond(600, f"{r.status} {r.redirect}")\n',
        "slow": f'''
store.set("steps", ["before"])
try:
    http_post("{web}/slow", json="once")
except RuntimeError as error:
    store.set("steps", store.get("steps") + ["after"])
    respond(600, str(error)[:26] + " " + "+".join(store.get("steps")))
''',
        "afterwards": 'dial(f"{req.user}@local", wait=True)\nstore.set("over", 1)\nsleep(2)\nstore.add("afterwards")\n',
        "common": "def note(key):\n    sleep(2)\n    store.add(key)\n",
        "missed": """
from plans.common import note
r = dial(f"{req.user}@local", wait=True)
store.set("gave-up", [r.hung_up, r.status])
note("missed")
""",
        "asked": "respond(600, str(store.get(req.user)))\n",
        "sleepy": 'sleep(3)\ntotal = store.add("naps")\nrespond(600, f"nap {total}")\n',
        "mail": 'try:\n    email("a@example.org", "x", "y")\nexcept OSError as error:\n    respond(600, str(error))\n',
    }
    accounts = [(f"with-{name}", name, "") for name in plans]
    return start_switch(accounts, plans, DIALPLAN__HTTP_NETWORKS='["127.0.0.1/32"]')


def refused(switch, plan, dialled="300"):
    """Let the account with this plan call; returns the reason that it heard."""
    trace = switch.sipp("call-refused", caller=f"with-{plan}", dialled=f"{dialled}@{DOMAIN}")
    return trace.response(trace.statuses[-1]).reason


def test_the_web(switch):
    assert refused(switch, "web") == "/300 2"
    assert (
        refused(switch, "inside")
        == "http_get(): 10.0.0.1 is not on the public internet, and scripts may not go elsewhere"
    )


def test_the_store_counts_every_call(switch):
    assert [refused(switch, "counting") for _ in range(3)] == [f"call {n}, ['calls']" for n in (1, 2, 3)]


def test_who_is_registered(switch):
    bob = switch.new_account()
    switch.sipp("register", caller=bob, port=5999)

    assert refused(switch, "lookups", bob) == "True False []"


def test_a_text_arrives(switch):
    bob = switch.new_account()
    phone = switch.answering("take-message", bob)

    assert refused(switch, "text", bob) == "True"
    message = phone.finish().request("MESSAGE")
    assert (message.content_type, message.body.decode()) == ("text/plain", "Zoë called")
    assert message.from_.uri.user == "with-text"


def test_nobody_takes_a_text(switch):
    assert refused(switch, "text", "nobody") == "False"


def test_two_phones_are_called_and_joined(switch):
    alice, bob = switch.new_account(), switch.new_account()
    first = switch.answering("called-back", alice)
    second = switch.answering("answer-delayed-offer", bob)

    refused(switch, "back", f"{alice}.{bob}")

    heard, other = first.finish(), second.finish()
    assert b"a=inactive" in heard.request("INVITE").body
    assert other.request("INVITE").body == b""
    assert b"m=audio 7000" in other.request("ACK").body
    until(lambda: statuses(switch) == [200, 200, 200], "three records of the call back")


def statuses(switch):
    return [cdr["status"] for cdr in switch.all_cdrs() if cdr["direction"] == "callback"]


def test_a_script_goes_on_after_the_call(switch):
    bob = switch.new_account()
    callee = switch.answering("answer", bob)
    switch.sipp("call", caller="with-wait", dialled=f"{bob}@{DOMAIN}")
    callee.finish()

    until(lambda: refused(switch, "talked") == "[True, True]", "what the script kept")


def test_a_limit_for_the_whole_call(switch):
    bob = switch.new_account()
    callee = switch.answering("answer", bob)
    trace = switch.sipp("call-hung-up-on", caller="with-short", dialled=f"{bob}@{DOMAIN}")
    callee.finish()

    assert trace.request("BYE").headers.get("reason") == 'SIP;cause=200;text="Time limit reached"'


def test_without_a_mail_server(switch):
    assert "no mail server is set" in refused(switch, "mail")


def test_a_post_that_a_crash_cut_is_told_and_a_sleep_goes_on(switch, web):
    """Nothing is done twice: one POST reaches the server, one nap is counted."""
    caller = switch.start_sipp("call-refused", caller="with-slow", dialled=f"300@{DOMAIN}")
    sleeper = switch.start_sipp("call-refused", caller="with-sleepy", dialled=f"300@{DOMAIN}")
    until(lambda: web.slow_posts, "the POST")
    switch.stop(signal.SIGKILL)
    switch.start(DIALPLAN__HTTP_NETWORKS='["127.0.0.1/32"]')

    assert caller.finish().response(600).reason == "http_post(): interrupted:  before+after"
    assert sleeper.finish().response(600).reason == "nap 1"
    assert web.slow_posts == ["once"]


def test_a_missed_call_is_noted_although_its_caller_hung_up_and_the_switch_was_killed(switch):
    """Since what it imports was changed meanwhile: the run goes on with what it began with."""
    bob = switch.new_account()
    callee = switch.answering("ring-cancelled", bob)
    switch.sipp("call-cancel", caller="with-missed", dialled=f"{bob}@{DOMAIN}")
    callee.finish()
    until(lambda: refused(switch, "asked", "gave-up") == "[True, 487]", "the hang-up")
    switch.stop(signal.SIGKILL)
    switch.set_dialplans({"common": 'def note(key):\n    store.set(key, "changed")\n'})
    switch.start(DIALPLAN__HTTP_NETWORKS='["127.0.0.1/32"]')

    until(lambda: refused(switch, "asked", "missed") == "1", "what the script does at last")


def test_what_comes_after_a_call_survives_too(switch):
    bob = switch.new_account()
    callee = switch.answering("answer", bob)
    switch.sipp("call", caller="with-afterwards", dialled=f"{bob}@{DOMAIN}")
    callee.finish()
    until(lambda: refused(switch, "asked", "over") == "1", "the end of the call")
    switch.stop(signal.SIGKILL)
    switch.start(DIALPLAN__HTTP_NETWORKS='["127.0.0.1/32"]')

    until(lambda: refused(switch, "asked", "afterwards") == "1", "what the script does at last")
