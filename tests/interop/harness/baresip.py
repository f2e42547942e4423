"""A real soft phone without a screen: baresip, told what to do over its control connection."""

from __future__ import annotations

import json
import math
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

from .network import free_pair, free_port, is_listening, until

MODULES = "/usr/lib/baresip/modules"

_CONFIG = """\
poll_method epoll
sip_listen {host}:{port}
net_interface {host}
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control}
audio_source aufile,{folder}/tone.wav
audio_player aubridge,nobody
audio_alert aubridge,nobody
sndfile_path {folder}
snd_path {folder}
audio_path {folder}
rtp_ports {rtp}-{rtp_last}
"""


SECONDS = 60
"""How long a phone has something to say."""


class Baresip:
    """One phone with one account; `events` is everything that it has told so far."""

    def __init__(
        self,
        account: str,
        switch: tuple[str, int],
        *,
        host: str,
        transport: str = "udp",
        answer: str = "auto",
        more: str = "",
        modules: str = "",
        contact: str = "",
    ) -> None:
        # The port after its own is the one that it takes for TLS.
        self.host, self.port, self.control = host, free_pair(host), free_port(host)
        self.events: list[dict[str, Any]] = []
        self._folder = Path(tempfile.mkdtemp(prefix="baresip-"))
        self._buffer = b""
        rtp = 20 * self.port - 90_000
        _write_tone(self._folder / "tone.wav")
        (self._folder / "config").write_text(
            _CONFIG.format(
                host=host,
                port=self.port,
                control=self.control,
                modules=MODULES + "".join(f"\nmodule_app {one}" for one in modules.split()),
                folder=self._folder,
                rtp=rtp,
                rtp_last=rtp + 18,
            )
        )
        (self._folder / "contacts").write_text(f"{contact}\n" if contact else "")
        name, _, password = account.partition(":")
        server = f"sip:{switch[0]}:{switch[1]};transport={transport}"
        (self._folder / "accounts").write_text(
            f'<sip:{name};transport={transport}>;auth_pass={password};outbound="{server}";answermode={answer};regint=600{more}\n'
        )
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                ["baresip", "-4", "-s", "-f", str(self._folder)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        until(lambda: is_listening(host, self.control, "tcp"), f"baresip listens at {host}:{self.control}")
        self._connection = socket.create_connection((host, self.control))
        self._connection.settimeout(0.1)

    def command(self, command: str, params: str = "") -> None:
        """Let it do something: `dial`, `hangup`, `hold`, `resume` ..."""
        text = json.dumps({"command": command, "params": params, "token": command}).encode()
        self._connection.sendall(b"%d:%s," % (len(text), text))

    def wait_for(self, kind: str, count: int = 1, patience: float = 120.0) -> dict[str, Any]:
        """Wait until it has told of an event `count` times, and return the last of them."""
        deadline = time.monotonic() + patience
        while True:
            found = [event for event in self.events if event.get("type") == kind]
            if len(found) >= count:
                return found[-1]
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {kind} of baresip:\n{self.story()}")
            self._read()

    def wait_until_registered(self) -> None:
        """Wait for the registrar's consent; the event may have come before there was anybody to tell."""
        until(lambda: re.search(r"\[\d+ bindings?\]", self.output()), "baresip registers")

    def heard(self) -> int:
        """Return how many samples of sound have come in."""
        return sum(max(path.stat().st_size - 44, 0) // 2 for path in self._folder.glob("*dec.wav"))

    def output(self) -> str:
        """Everything that it has printed, every SIP message among it."""
        return (self._folder / "output").read_text(errors="replace")

    def story(self) -> str:
        """What it told, for whoever has to find out why a test failed."""
        return "\n".join([*map(str, self.events), self.output()])

    def kill(self) -> None:
        """Let it lose its power."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Let it unregister and end."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._connection.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self) -> None:
        try:
            self._buffer += self._connection.recv(65_536)
        except TimeoutError:
            return
        while b":" in self._buffer:
            length, _, rest = self._buffer.partition(b":")
            size = int(length)
            if len(rest) <= size:
                return
            self.events.append(json.loads(rest[:size]))
            self._buffer = rest[size + 1 :]


def _write_tone(path: Path) -> None:
    """Write 440 Hz in the form that G.711 wants: 8 kHz, mono. At its end baresip hangs up."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        samples = [int(8_000 * math.sin(2 * math.pi * 440 * number / 8_000)) for number in range(8_000)]
        file.writeframes(struct.pack("<8000h", *samples) * SECONDS)
