"""Kamailio as a provider: it stands between the switch and a gateway, or wants to be registered with."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from .network import free_port, is_listening, until

CONFIGS = Path(__file__).parents[1]


class Kamailio:
    """One Kamailio at an address of its own; unless configured otherwise it sends the calls it accepts to `gateway`."""

    def __init__(self, host: str, gateway: str = "127.0.0.1", config: str = "kamailio.cfg") -> None:
        self.host, self.port = host, free_port(host)
        self._folder = Path(tempfile.mkdtemp(prefix="kamailio-"))
        program = shutil.which("kamailio", path="/usr/sbin:/sbin:/usr/bin:/usr/local/sbin")
        assert program is not None
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [
                    program, "-f", str(CONFIGS / config), "-DD", "-E", "-m", "32", "-M", "4", "-Y", str(self._folder),
                    "-l", f"udp:{host}:{self.port}", "-A", f'GATEWAY="sip:{gateway}"',
                ],
                cwd=self._folder, stdout=output, stderr=output,
            )  # fmt: skip
        until(self._is_ready, "kamailio listens")

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{self.host}:{self.port}"

    def _is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError((self._folder / "output").read_text(errors="replace")[-3000:])
        return is_listening(self.host, self.port)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
