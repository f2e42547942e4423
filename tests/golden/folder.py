"""A data folder with calls in progress, as a process leaves it that is killed: written down as text, and set up again.

The switch and its peers have fixed addresses on loopback, since those are part of what is stored.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from struct import Struct, pack, unpack
from typing import Any

from tests.services.switch.conftest import SDP, Phone

from sipwright.sip import Request, Response, digest, parse

from .times import moved

__all__ = [
    "DOMAIN",
    "PEERS",
    "FolderPhone",
    "SwitchOnFolder",
    "alone",
    "phones_of",
    "read_folder",
    "write_folder",
]

DOMAIN, PASSWORD = "sip.test", "secret"
SWITCH = ("127.82.0.1", 17_082)
PEERS = {
    "alice": ("127.82.0.2", 17_082), "anna": ("127.82.0.3", 17_082), "arno": ("127.82.0.4", 17_082),
    "adam": ("127.82.0.5", 17_082), "bob": ("127.82.1.1", 17_082), "carol": ("127.82.1.2", 17_082),
    "trunk": ("127.82.2.1", 17_082),
}  # fmt: skip
AORS = ("bob", "carol")
PATIENCE = 60.0

PLANS = {
    "asked": 'result = dial("carol@local", ring=60)\nlog(f"{result.status}")\nrespond(result.status, "At Last")\n',
    "asleep": 'log("before")\nsleep(3)\nlog("after")\ndial("carol@local", ring=60)\n',
}
"""In dialplans of the accounts of these names."""


@contextmanager
def alone() -> Iterator[None]:
    """Wait for whoever else uses these addresses."""
    with open(Path(tempfile.gettempdir()) / "sipwright-golden.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class FolderPhone(Phone):
    """A phone of the switch's tests on a real socket."""

    def __init__(self, name: str, heard: list[str] = [], cseq: int = 1) -> None:  # noqa: B006
        self.name, (self.host, port) = name, PEERS[name]
        self.address = f"{self.host}:{port}"
        self.heard = [parse(data.encode("latin-1")) for data in heard]
        self.cseq = itertools.count(cseq)
        self.domain = DOMAIN if name in AORS else "elsewhere.net"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.host, port))

    def send(self, message: Request | Response) -> None:
        self.socket.sendto(bytes(message), SWITCH)

    def hears(
        self, what: str | int, *, method: str | None = None, since: int = 0, besides: str | None = None
    ) -> Any:
        """Wait for a request of that method, or a response of that status, `besides` those of one Call-ID."""
        deadline = time.monotonic() + PATIENCE
        while True:
            for message in self.heard[since:]:
                found = message.method if isinstance(message, Request) else message.status
                if found == what and method in (None, message.cseq.method) and message.call_id != besides:
                    return message
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                self.heard.append(parse(self.socket.recv(65_536)))
            except TimeoutError:
                raise AssertionError(f"{self.name} heard no {what}: {[str(m) for m in self.heard]}") from None

    def register(self) -> None:
        """Register as the account of the same name."""
        credentials: tuple[tuple[str, str], ...] = ()
        for _ in range(2):
            mark = len(self.heard)
            request = self.request(
                "REGISTER", f"sip:{DOMAIN}", call_id=f"reg-{self.name}", tag="r", headers=credentials
            )
            request.headers.set("To", f"<sip:{self.name}@{DOMAIN}>")
            self.send(request)
            if credentials:
                self.hears(200, method="REGISTER", since=mark)
                return
            challenge = self.hears(401, since=mark).headers.get_all("WWW-Authenticate")
            value = digest.answer(
                challenge, "REGISTER", f"sip:{DOMAIN}", self.name,
                lambda realm, algorithm: digest.ha1(self.name, realm, PASSWORD, algorithm), "c0ffee",
            )  # fmt: skip
            credentials = (("Authorization", value or ""),)

    def call(self, account: str, call_id: str = "") -> Request:
        request = self.request("INVITE", f"sip:{account}@{DOMAIN}", call_id=call_id or f"call-of-{self.name}",
                               tag=self.name, body=SDP.format(self.host))  # fmt: skip
        self.send(request)
        return request

    def as_json(self) -> dict[str, Any]:
        heard = [bytes(message).decode("latin-1") for message in self.heard]
        return {"heard": heard, "cseq": next(self.cseq)}


class SwitchOnFolder:
    """`sipwright run` on a data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._program = str(Path(sys.executable).with_name("sipwright"))
        self._log = folder.with_name("switch.log")
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> str:
        """Run another command on the folder; returns what it prints."""
        command = [self._program, *arguments, "--data", str(self.folder)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def start(self) -> None:
        """Start it, and wait until it answers."""
        listen = json.dumps([f"{SWITCH[0]}:{SWITCH[1]}"])
        settings = {"SIP__UDP": listen, "SIP__TCP": listen, "LOG__FORMAT": "json", "NODE": "n1"}
        settings |= {"WEB__LISTEN": "", "SSH__LISTEN": ""}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SIPWRIGHT_")}
        environment |= {f"SIPWRIGHT_{name}": value for name, value in settings.items()}
        with self._log.open("ab") as log:
            command = [self._program, "run", "--data", str(self.folder)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + PATIENCE
        while "switch started" not in self.log():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(self.log())
            time.sleep(0.02)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)
            self._process = None


# Writing.


def write_folder(path: Path) -> None:
    """Bring a switch to where it has calls of several kinds, kill it, and write down what is left."""
    with tempfile.TemporaryDirectory() as directory, alone():
        folder = Path(directory) / "data"
        switch = SwitchOnFolder(folder)
        _set_up(switch, Path(directory))
        phones = {name: FolderPhone(name) for name in PEERS}
        try:
            switch.start()
            _live(phones)
        finally:
            switch.stop(signal.SIGKILL)
            for phone in phones.values():
                phone.socket.close()
        path.mkdir(parents=True, exist_ok=True)
        for name in ("sipwright.toml", "sipwright.key"):
            (path / name).write_text((folder / name).read_text())
        with closing(sqlite3.connect(folder / "sipwright.db")) as database:
            script = "\n".join(database.iterdump()) + "\n"
        assert "reg-bob" in script
        assert "reg-carol" not in script, "nothing is left to apply"
        (path / "sipwright.sql").write_text(script)
        segments = {file.name: file.read_bytes() for file in sorted((folder / "sipwright.db-redo").iterdir())}
        moment = {
            "now": time.time(),
            "phones": {name: phone.as_json() for name, phone in phones.items()},
            "redo": {name: _in_lines(data.hex()) for name, data in segments.items()},
        }
        (path / "moment.json").write_text(json.dumps(moment, indent=1) + "\n")


def _set_up(switch: SwitchOnFolder, directory: Path) -> None:
    switch.command("init", "--domain", DOMAIN, "--admin", "root", "--password", "very secret")
    for name, source in PLANS.items():
        (directory / f"{name}.py").write_text(source)
        switch.command("dialplan", "set", name, str(directory / f"{name}.py"))
    for name in (*AORS, *PLANS):
        plan = ("--in", name) if name in PLANS else ()
        switch.command("account", "add", name, "--password", PASSWORD, *plan)
    trunk = "{}:{}".format(*PEERS["trunk"])
    switch.command(
        "provider",
        "add",
        "trunk",
        "--server",
        trunk,
        "--username",
        "me",
        "--password",
        PASSWORD,
        "--register",
    )


def _live(phones: dict[str, FolderPhone]) -> None:
    trunk, bob, carol, alice = (phones[name] for name in ("trunk", "bob", "carol", "alice"))
    asked = trunk.hears("REGISTER")
    trunk.answer(
        asked, 401, headers=(("WWW-Authenticate", 'Digest realm="trunk", nonce="n", algorithm=MD5'),)
    )
    again = trunk.hears("REGISTER", since=1)
    assert again.cseq != asked.cseq
    trunk.answer(again, 200, headers=(("Contact", f"{again.headers.get('Contact')};expires=3600"),))
    bob.register()
    # One call that is over, one that talks.
    asked = alice.call("bob", "over")
    bob.answer(bob.hears("INVITE"), 486)
    refusal = alice.hears(486)
    alice.send(alice.request("ACK", asked.uri_text, to=refusal.headers.get("To"), call_id="over", tag="alice", cseq=1,
                             branch=asked.top_via.branch))  # fmt: skip
    alice.call("bob")
    bob.answer(bob.hears("INVITE", since=len(bob.heard)), 200, body=SDP.format(bob.host))
    alice.ack(alice.hears(200))
    bob.hears("ACK")
    # Time for what there is to be applied; the rest stays in the log.
    time.sleep(2.5)
    carol.register()
    phones["anna"].call("bob")
    rings = bob.hears("INVITE", since=len(bob.heard))
    bob.answer(rings, 180)
    phones["anna"].hears(180)
    phones["arno"].call("asked")
    carol.answer(carol.hears("INVITE"), 180)
    phones["arno"].hears(180)
    phones["adam"].call("asleep")
    phones["adam"].hears(100)


def _in_lines(text: str) -> list[str]:
    return re.findall(".{1,120}", text)


# Reading.


def read_folder(path: Path, folder: Path) -> dict[str, Any]:
    """Set up a folder as it was left, but a moment ago; returns what each phone has heard."""
    moment = json.loads((path / "moment.json").read_text())
    by = int(time.time() - moment["now"])
    folder.mkdir()
    for name in ("sipwright.toml", "sipwright.key"):
        (folder / name).write_text((path / name).read_text())
        (folder / name).chmod(0o600)
    script = moved((path / "sipwright.sql").read_text(), by)
    script = re.sub(
        r"X'([0-9A-Fa-f]*)'", lambda blob: f"X'{moved(bytes.fromhex(blob[1]), by).hex()}'", script
    )
    with closing(sqlite3.connect(folder / "sipwright.db")) as database:
        database.executescript(script)
    redo = folder / "sipwright.db-redo"
    redo.mkdir()
    for name, lines in moment["redo"].items():
        (redo / name).write_bytes(_moved_log(bytes.fromhex("".join(lines)), by))
    phones: dict[str, Any] = moment["phones"]
    return phones


_HEAD = Struct("<II")
_FLOAT = re.compile(rb"(?s)([g\xe7])(.{7}A)")  # as `marshal` writes one, that may be a time


def _moved_log(data: bytes, by: int) -> bytes:
    """Move the times in a segment of the redo log, whose records keep their lengths."""
    written, at = [], 0
    while at + _HEAD.size <= len(data):
        length, _ = _HEAD.unpack_from(data, at)
        payload = moved(data[at + _HEAD.size : at + _HEAD.size + length], by)
        payload = _FLOAT.sub(lambda one: one[1] + pack("<d", moved(*unpack("<d", one[2]), by)), payload)
        written.append(_HEAD.pack(length, zlib.crc32(payload)) + payload)
        at += _HEAD.size + length
    return b"".join(written)


def phones_of(kept: dict[str, Any]) -> dict[str, FolderPhone]:
    """Set up the phones where they were."""
    return {name: FolderPhone(name, one["heard"], one["cseq"]) for name, one in kept.items()}
