"""Everything that goes over loopback while nodes die, in a file: what to read when a call was lost.

It needs root, and a network in which nothing else goes on. Of each packet there is a line with its time and both ends,
then what was in it.
"""

from __future__ import annotations

import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["recorded"]

_IPV4, _TCP, _UDP = 0x0800, 6, 17


@contextmanager
def recorded(path: Path) -> Iterator[None]:
    """Write down what is said, in a process of its own."""
    process = subprocess.Popen([sys.executable, "-m", "chaos.cluster.wire", str(path)])
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _record(path: Path) -> None:
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_IPV4))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
    listener.bind(("lo", _IPV4))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # what is written is in the file then
    with path.open("wb") as file:
        while True:
            said = _said(listener.recv(65_535))
            if said is not None and said[2].count(b"\r\n") > 1:
                file.write(b"\n=== %.3f %d > %d\n%b\n" % (time.time(), *said))


def _said(packet: bytes) -> tuple[int, int, bytes] | None:
    """Return the ports and the content of a packet over UDP or TCP."""
    start = (packet[0] & 15) * 4
    end = struct.unpack_from("!H", packet, 2)[0]
    source, destination = struct.unpack_from("!HH", packet, start)
    if packet[9] == _UDP:
        return source, destination, packet[start + 8 : end]
    if packet[9] == _TCP:
        return source, destination, packet[start + (packet[start + 12] >> 4) * 4 : end]
    return None


if __name__ == "__main__":
    _record(Path(sys.argv[1]))
