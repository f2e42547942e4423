"""Ports that are free on loopback, and whether somebody has come to listen on them."""

from __future__ import annotations

import itertools
import os
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_FIRST, _LAST = 5080, 5199
_LISTEN = "0A"

# Two runs of the tests on one machine begin at different places.
_start = random.Random(os.getpid()).randrange(_LAST - _FIRST)
# Of two processes that run tests at once each has ports of its own: one is free until it is used.
_share = int(os.environ["PYTEST_XDIST_WORKER"][2:]) % 2 if "PYTEST_XDIST_WORKER" in os.environ else None
_candidates = itertools.cycle(
    [
        port
        for port in (*range(_FIRST + _start, _LAST + 1), *range(_FIRST, _FIRST + _start))
        if _share is None or port % 2 == _share
    ],
)


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port on which neither UDP nor TCP is taken at `host`; each call goes on to the next one."""
    for port in itertools.islice(_candidates, _LAST - _FIRST + 1):
        if _is_free(host, port, socket.SOCK_DGRAM) and _is_free(host, port, socket.SOCK_STREAM):
            return port
    raise RuntimeError(f"no port from {_FIRST} to {_LAST} is free at {host}")


def _is_free(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            # A connection of an earlier test that lingers in TIME_WAIT does not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def is_listening(host: str, port: int, protocol: str = "udp") -> bool:
    """Tell whether a socket is open at an address, without disturbing whoever owns it."""
    wanted = socket.inet_aton(host)[::-1].hex().upper() + f":{port:04X}"
    for line in Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == wanted and (protocol == "udp" or fields[3] == _LISTEN):
            return True
    return False


def until(ask: Callable[[], T], what: str, patience: float = 30.0, pause: float = 0.02) -> T:
    """Ask again and again until the answer is truthy, and return it."""
    deadline = time.monotonic() + patience
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {patience:g} s")
        time.sleep(pause)
    return answer
