"""What a call costs a switch of one process, and one of several workers; and so how much sooner the latter is full.

A process can use one core, so a switch is full when the busiest of its processes is: what that one spends on a call
says how many there can be in a second. Each worker has the load of the one process, as what a call costs depends on
that: it is less the more there are. So two workers are as good as twice one when the busiest of them spends half of
what the one process does on each call of the whole. It is measured at a rate that leaves the machine room, since one
with few cores is busy with the callers, too.

Callers and callee have a port each, and the kernel gives what comes from each port to one worker, but for answers,
which come to whoever has asked: so half of the callees belong to another worker than their call, as with phones.
"""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import ExitStack
from unittest import mock

from meter import cpu_seconds, family, own_seconds
from servers import FIRST_PORT, HERE, HOST, Sipwright
from workloads import service

__all__ = ["CALLERS", "callers_of", "measure_workers"]

CANDIDATES = range(FIRST_PORT + 30, FIRST_PORT + 70)
"""Ports, of which some are chosen so that each worker has as many callers."""

CALLERS = 4
PING = (
    "OPTIONS sip:{host} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bKwho{port};rport\r\n"
    "From: <sip:ping@elsewhere.example>;tag=1\r\nTo: <sip:{host}>\r\nCall-ID: who{port}\r\nCSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)

Figures = dict[str, list[float]]


def measure_workers(port: int, rounds: int, calls_of_one: int, rate_of_one: int, most: int = 2) -> Figures:
    """Return the CPU of a call in each round, in microseconds: of all processes, and of the busiest one."""
    found: Figures = {}
    for workers in (1, most):
        with ExitStack() as stack:
            stack.enter_context(mock.patch.dict("os.environ", SIPWRIGHT_RUN__WORKERS=str(workers)))
            server = Sipwright(port)
            stack.callback(server.close)
            server.start(0)
            while not all(one["up"] for one in server.status().get("workers", ())):
                time.sleep(0.1)
            callers = callers_of(server, workers)
            stack.enter_context(service(server))
            calls, rate = workers * calls_of_one, workers * rate_of_one
            _calls(server, callers, calls // 2, rate)  # what the first calls of a process cost
            name = f"{workers} worker{'s' if workers > 1 else ''}"
            for _ in range(rounds):
                each, busiest = _calls(server, callers, calls, rate)
                found.setdefault(f"{name}, all processes", []).append(each)
                found.setdefault(f"{name}, the busiest one", []).append(busiest)
    return found


def callers_of(server: Sipwright, workers: int) -> list[int]:
    """Return the ports of the callers, as many of each worker as of the others."""
    found: dict[str, list[int]] = {}
    for port in CANDIDATES:
        before = _requests(server)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.settimeout(2.0)
            phone.bind((HOST, port))
            for _ in range(3):
                phone.sendto(PING.format(host=HOST, port=port).encode(), (HOST, server.port))
                phone.recv(4_096)
        after = _requests(server)
        risen = max(after, key=lambda name: after[name] - before[name])
        found.setdefault(risen, []).append(port)
        chosen = [one for ports in found.values() for one in ports[: CALLERS // workers]]
        if len(chosen) == CALLERS:
            return chosen
    raise SystemExit("the kernel gives too many ports to one worker")


def _requests(server: Sipwright) -> dict[str, int]:
    status = server.status()
    found = {one["node"]: one["requests"] for one in status.get("workers", ()) if one["up"]}
    return found or {"": status["counts"]["requests"]}


def _calls(server: Sipwright, callers: list[int], calls: int, rate: int) -> tuple[float, float]:
    """Let all callers call, and return what each call has cost: all processes, and the busiest one."""
    before, of_each = cpu_seconds(server.pid), {pid: own_seconds(pid) for pid in family(server.pid)}
    options = [
        "-s",
        "service",
        "-l",
        "5000",
        "-d",
        "30",
        "-r",
        str(rate // CALLERS),
        "-m",
        str(calls // CALLERS),
    ]
    processes = [
        subprocess.Popen(
            ["sipp", f"{HOST}:{server.port}", "-sf", str(HERE / "call.xml"), "-i", HOST, "-p", str(port), "-bind_local",
             "-nostdin", "-pause_msg_ign", *options],
            cwd=server.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for port in callers
    ]  # fmt: skip
    if any(process.wait(300) for process in processes):
        raise SystemExit("not all calls ended well")
    time.sleep(1.5)
    spent = {pid: own_seconds(pid) - seconds for pid, seconds in of_each.items()}
    return 1e6 * (cpu_seconds(server.pid) - before) / calls, 1e6 * max(spent.values()) / calls
