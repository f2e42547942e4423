"""Ports that are free on loopback, and whether somebody has come to listen on them."""

from __future__ import annotations

import atexit
import functools
import itertools
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_FIRST, _SHARE, _SHARES = 5080, 40, 23
_FIRST_OF_RANGES, _RANGE = 7_000, 100
_LISTEN = "0A"


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port on which neither UDP nor TCP is taken at `host`; each call goes on to the next one."""
    for port in itertools.islice(_candidates(), _SHARE):
        if is_free(host, port):
            return port
    raise RuntimeError(f"none of the {_SHARE} ports that this process has for its tests is free at {host}")


def free_pair(host: str = "127.0.0.1") -> int:
    """Return a port that is free, as is the one after it; both are of this process."""
    for _ in range(_SHARE):
        port = free_port(host)
        if free_port(host) == port + 1:
            return port
    raise RuntimeError(f"no two of the {_SHARE} ports that this process has for its tests are free at {host}")


def range_of_ports() -> int:
    """Return the first of a hundred ports that no other process uses, for a program that wants many in a row."""
    return _FIRST_OF_RANGES + _RANGE * _share()[0]


@functools.cache
def _candidates() -> Iterator[int]:
    first = _FIRST + _SHARE * _share()[0]
    return itertools.cycle(range(first, first + _SHARE))


@functools.cache
def _share() -> tuple[int, socket.socket]:
    """Return which share of the ports is that of this process, and what claims it.

    A port is free until it is used, so that processes which run tests at once must not choose from the same ones.
    The claim is one of Linux' abstract names, which ends with the process.
    """
    for number in range(_SHARES):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0sipwright-tests-{number}")
        except OSError:
            claim.close()
        else:
            atexit.register(claim.close)
            return number, claim
    raise RuntimeError(f"{_SHARES} other processes run tests on this machine, and no ports are left")


def is_free(host: str, port: int) -> bool:
    """Return whether a port is taken at an address neither over UDP nor over TCP."""
    return _can_be_had(host, port, socket.SOCK_DGRAM) and _can_be_had(host, port, socket.SOCK_STREAM)


def _can_be_had(host: str, port: int, kind: socket.SocketKind) -> bool:
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


def until(ask: Callable[[], T], what: str, patience: float = 120.0, pause: float = 0.02) -> T:
    """Ask again and again until the answer is truthy, and return it; the patience is for a machine that is busy."""
    deadline = time.monotonic() + patience
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {patience:g} s")
        time.sleep(pause)
    return answer
