"""The real process on a bad night: started on a folder of its own, spoken to over UDP."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from interop.harness import free_port
from sipwright.commands.__main__ import run

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)

PATIENCE = 60.0
"""Seconds that nothing here takes on a machine with little to do."""

_numbers = itertools.count(1)


def md5(text):
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Night:
    """One switch, its log, and a phone that speaks to it."""

    program = ("-m", "sipwright.commands")

    def __init__(self, folder, log, **environment):
        self.folder, self.log, self.port = Path(folder), Path(log), free_port()
        self.environment = (
            os.environ
            | {
                "SIPWRIGHT_SIP__UDP": f'["127.0.0.1:{self.port}"]',
                "SIPWRIGHT_SIP__TCP": "[]",
                "SIPWRIGHT_WEB__LISTEN": "",
                "SIPWRIGHT_SSH__LISTEN": "",
                "SIPWRIGHT_DIALPLAN__WORKERS": "1",
                "PYTHONUNBUFFERED": "1",
            }
            | environment
        )
        self.process = None
        self.phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.phone.bind(("127.0.0.1", 0))
        self.cseq = itertools.count(1)

    def command(self, *arguments, check=True):
        """Run a command of the switch on its folder, and return what it has said."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = run([*arguments, "--data", str(self.folder)])
        assert not check or status == 0, said.getvalue()
        return said.getvalue()

    def start(self):
        """Start the switch, and wait until it listens."""
        line = [sys.executable, *self.program, "run", "--data", str(self.folder)]
        with self.log.open("ab") as log:
            begin = self.log.stat().st_size
            self.process = subprocess.Popen(line, env=self.environment, stdout=log, stderr=log)
        self.wait_for("switch started", begin=begin)

    def end(self, number=signal.SIGTERM):
        """End the switch, and return its status."""
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        self.process = None
        return status

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.phone.close()

    def said(self):
        """Return the log."""
        return self.log.read_text("utf-8", "replace")

    def wait_for(self, text, *, begin=0):
        """Wait until the log says something."""
        until = time.monotonic() + PATIENCE
        while text not in self.log.read_bytes()[begin:].decode("utf-8", "replace"):
            assert time.monotonic() < until, f"{text!r} is not in the log: {self.said()}"
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)

    def wait_until(self, holds):
        """Wait until something is so, which takes its time to ask."""
        until = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < until, self.said()
            time.sleep(0.1)

    # The phone.

    def ask(
        self, method, uri, *, user="alice", more="", call_id="night", domain="example.org", within=PATIENCE
    ):
        """Send a request, repeat it as RFC 3261 §17.1 says, and return the statuses and the last response.

        One that comes again, as the request was repeated, counts once.
        """
        number = next(_numbers)
        host, port = self.phone.getsockname()
        request = (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bKnight{number};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{user}@{domain}>;tag=n{number}\r\nTo: <sip:{user}@example.org>\r\n"
            f"Call-ID: {call_id}\r\nCSeq: {next(self.cseq)} {method}\r\nContact: <sip:{user}@{host}:{port}>\r\n{more}"
            "Content-Length: 0\r\n\r\n"
        ).encode()
        began, heard = time.monotonic(), []
        repeat = 0.0
        while (now := time.monotonic()) < began + within:
            if now >= began + repeat:
                self.phone.sendto(request, ("127.0.0.1", self.port))
                repeat = max(0.5, repeat * 2)
            if select.select([self.phone], [], [], 0.1)[0]:
                response = self.phone.recv(65_535).decode("utf-8", "replace")
                if f"z9hG4bKnight{number};" not in response:
                    continue
                status = int(response.split()[1])
                heard += [status] * (status not in heard)
                if status >= 200:
                    return heard, response
        return heard, ""

    def register(self, user="alice", password="secret", **more):
        """Register, and return the statuses that were heard; the challenge is the first of them."""
        _, challenged = self.ask("REGISTER", "sip:example.org", user=user, **more)
        statuses, _ = self.ask(
            "REGISTER", "sip:example.org", user=user, **more | {"more": answer(challenged, user, password)}
        )
        return [401, *statuses] if " 401 " in challenged[:20] else [0]


def answer(challenged, user, password, method="REGISTER", uri="sip:example.org"):
    """Return the Authorization header that answers a challenge (RFC 7616 §3.4)."""
    nonce = re.search('nonce="([^"]+)"', challenged)[1]
    digest = md5(f"{md5(f'{user}:example.org:{password}')}:{nonce}:00000001:c:auth:{md5(f'{method}:{uri}')}")
    return (
        f'Authorization: Digest username="{user}", realm="example.org", nonce="{nonce}", uri="{uri}", '
        f'response="{digest}", qop=auth, cnonce="c", nc=00000001\r\n'
    )
