"""A real soft phone of another family: linphone, told what to do on its standard input."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from .network import free_port, until

__all__ = ["Linphone"]

_CONFIG = """\
[sip]
sip_port=-1
sip_tcp_port=-1
sip_tls_port=-1
bind_address={host}
verify_server_certs=1
verify_server_cn=0
{authority}default_proxy=0
[rtp]
audio_rtp_port={rtp}
[net]
firewall_policy=0
mtu=1300
[sound]
playback_dev_id=ANULL: Null Filter
ringer_dev_id=ANULL: Null Filter
capture_dev_id=ANULL: Null Filter
[proxy_0]
reg_proxy=<sip:{server}:{port};transport={transport}>
reg_route=<sip:{server}:{port};transport={transport};lr>
reg_identity=<sip:{name}@{domain}>
reg_expires=600
reg_sendregister=1
publish={publish}
[auth_info_0]
username={name}
passwd={password}
domain={domain}
"""

_FRIEND = """\
[friend_0]
url=<sip:{friend}>
pol=accept
subscribe=1
"""


def has_network() -> bool:
    """Return whether a way leads out of this machine: nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return False
    return True


class Linphone:
    """One phone with one account, which answers what calls it when it is to.

    With a `friend`, an address, it publishes how it can be reached, and watches how that one can.
    """

    def __init__(
        self, name: str, domain: str, password: str, server: tuple[str, int], *, transport: str,
        authority: Path | None = None, host: str = "127.0.0.1", answers: bool = False, friend: str = "",
    ) -> None:  # fmt: skip
        if not has_network():
            # It looks every few seconds, and takes loopback for no network: it says nothing any more from then on.
            pytest.skip("linphone works on no machine that has loopback alone")
        self._folder = Path(tempfile.mkdtemp(prefix="linphone-"))
        (self._folder / ".local/share/linphone").mkdir(parents=True)
        config = self._folder / "linphonerc"
        config.write_text(
            _CONFIG.format(
                host=host, authority="" if authority is None else f"root_ca={authority}\n", rtp=free_port(host),
                server=server[0], port=server[1], transport=transport, name=name, domain=domain, password=password,
                publish=int(bool(friend)),
            ) + (_FRIEND.format(friend=friend) if friend else "")
        )  # fmt: skip
        self._log = self._folder / "output"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                ["linphonec", "-c", str(config), "-d", "6", *(("-a",) if answers else ())],
                stdin=subprocess.PIPE, stdout=output, stderr=output,
                env={"HOME": str(self._folder), "PATH": "/usr/bin:/bin"},
            )  # fmt: skip

    def command(self, line: str) -> None:
        """Type a command: `call sip:...`, `terminate`, `pause`, `resume`."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def output(self) -> str:
        """Everything that it has printed, every SIP message among it."""
        return self._log.read_text(errors="replace")

    def wait_for(self, text: str, count: int = 1) -> None:
        """Wait until it has printed something so many times."""
        until(lambda: self.output().count(text) >= count, f"linphone says {text!r}")

    def quit(self) -> None:
        """Let it take back what it has told the registrar, and end."""
        self.command("quit")
        self._process.wait(60)

    def close(self) -> None:
        """Let it end."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        shutil.rmtree(self._folder, ignore_errors=True)
