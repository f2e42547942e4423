"""``sipwright monitor``: what it says of its file, a test alert, and a watch as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from interop.harness.network import free_port, until

SERVER = '[[server]]\nname = "sip1"\nssh = "127.0.0.1:9"\n'


@pytest.fixture
def sink():
    taken = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, taken
    server.shutdown()
    server.server_close()


def test_what_is_wrong_with_the_file_is_one_line(command, tmp_path):
    path = tmp_path / "watch.toml"
    assert "cannot read" in command.fails("monitor", str(path))
    path.write_text(SERVER)
    assert "nobody is told" in command.fails("monitor", "test", str(path))
    assert "which file" in command.fails("monitor", "test")
    assert "one argument too many" in command.fails("monitor", str(path), "more")


def test_a_test_alert_goes_to_all_and_says_who_has_not_taken_it(command, tmp_path, sink):
    port, taken = sink
    path = tmp_path / "watch.toml"
    good, bad = f"json://user:secret@127.0.0.1:{port}/hook", f"json://127.0.0.1:{free_port()}/hook"
    path.write_text(f'name = "home"\nalerts = ["{good}"]\n{SERVER}')
    said = command.ok("monitor", "test", str(path))
    assert (f"json://127.0.0.1:{port}" in said, "secret" in said, taken[0]["title"]) == (
        True,
        False,
        "[home] A test",
    )
    path.write_text(f'alerts = ["{good}", "{bad}"]\n{SERVER}')

    assert "1 of 2 did not take the test alert" in command.fails("monitor", "test", str(path))
    assert len(taken) == 2


def test_it_watches_until_it_is_stopped_and_keeps_what_it_knows(tmp_path, sink):
    port, taken = sink
    path = tmp_path / "watch.toml"
    path.write_text(f'every = 1\nlosses = 1\nalerts = ["json://127.0.0.1:{port}/hook"]\n{SERVER}')
    line = [sys.executable, "-m", "sipwright.commands", "monitor", str(path)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        assert process.stdout.readline() == "Watching 1 server with 1 question every 1 s.\n"
        until(lambda: taken, "an alert")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)

    assert process.returncode == 0
    assert taken[0]["title"].startswith("[Sipwright] sip1 does not answer SSH")
    state = json.loads((tmp_path / "watch.state.json").read_text())
    assert state["standings"]["sip1: SSH"][0] >= 1
