"""Kamailio as a provider, which stands between the switch and a gateway, or as an edge in front of nodes."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .network import free_port, is_listening, until

CONFIGS = Path(__file__).parents[1]
EDGE = CONFIGS.parents[1] / "examples" / "kamailio-edge" / "kamailio.cfg"


class Kamailio:
    """One Kamailio at an address of its own; unless configured otherwise it sends the calls it accepts to `gateway`.

    Where there are `nodes`, it is the edge in front of them, over UDP and TCP.
    """

    def __init__(
        self, host: str, gateway: str = "127.0.0.1", config: str = "kamailio.cfg",
        nodes: Sequence[tuple[str, int]] = (),
    ) -> None:  # fmt: skip
        self.host, self.port = host, free_port(host)
        self._folder = Path(tempfile.mkdtemp(prefix="kamailio-"))
        program = shutil.which("kamailio", path="/usr/sbin:/sbin:/usr/bin:/usr/local/sbin")
        assert program is not None
        known = self._folder / "nodes.list"
        known.write_text("".join(f"1 sip:{at}:{port}\n" for at, port in nodes))
        listen = ["-l", f"udp:{host}:{self.port}"] + ["-l", f"tcp:{host}:{self.port}"] * bool(nodes)
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [
                    program, "-f", str(EDGE if nodes else CONFIGS / config), "-DD", "-E", "-m", "32", "-M", "4",
                    "-Y", str(self._folder), *listen, "-A", f'GATEWAY="sip:{gateway}"', "-A", f'NODES="{known}"',
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
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
