"""The sockets that outlive a restart: nothing that comes in while no process is there is lost."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from interop.harness.network import free_port
from sipwright.commands.hand_over import HandOver
from sipwright.commands.init import initialise
from sipwright.transport import TcpTransport, UdpTransport

OPTIONS = (
    "OPTIONS sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{number};rport\r\n"
    "From: <sip:a@example.org>;tag=1\r\nTo: <sip:example.org>\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


PROGRAM = """
import os, sys
from sipwright.commands.__main__ import run
os.environ["LISTEN_PID"] = str(os.getpid())
sys.exit(run(sys.argv[1:]))
"""


class Manager:
    """As much of systemd as a switch sees: what it is told, and the files that it is to keep."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(60)
        self.kept = {}
        self.told = []

    def until(self, wanted):
        """Take what it is told until it is that."""
        while True:
            data, files, _, _ = socket.recv_fds(self.socket, 4096, 4)
            text = data.decode()
            self.told.append(text)
            if "FDSTORE=1" in text:
                self.kept[text.partition("FDNAME=")[2]] = files[0]
            if wanted in text:
                return

    def start(self, folder, **environment):
        """Start a switch as systemd does, with the files that it keeps."""
        kept = dict(self.kept)

        def become():
            for number, file in enumerate(kept.values()):
                os.dup2(file, 100 + number)
            for number in range(len(kept)):
                os.dup2(100 + number, 3 + number)

        environment |= {
            "NOTIFY_SOCKET": self.path,
            "LISTEN_FDS": str(len(kept)),
            "LISTEN_FDNAMES": ":".join(kept),
        }
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "run", "--data", str(folder)], env=os.environ | environment,
            preexec_fn=become, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def close(self):
        for file in self.kept.values():
            os.close(file)
        self.socket.close()


@pytest.fixture
def manager(tmp_path):
    made = Manager(tmp_path / "notify")
    yield made
    made.close()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_what_is_said_while_no_process_is_there_is_answered_by_the_next_one(tmp_path, manager, end):
    folder, port = tmp_path / "data", free_port()
    initialise(folder, "example.org", "admin", "password")
    settings = {
        "SIPWRIGHT_SIP__UDP": f'["127.0.0.1:{port}"]', "SIPWRIGHT_SIP__TCP": f'["127.0.0.1:{port}"]',
        "SIPWRIGHT_WEB__LISTEN": "", "SIPWRIGHT_SSH__LISTEN": "", "WATCHDOG_USEC": "400000",
    }  # fmt: skip
    first = manager.start(folder, **settings)
    manager.until("READY=1")
    manager.until("WATCHDOG=1")
    assert manager.kept.keys() == {f"udp-127.0.0.1-{port}", f"tcp-127.0.0.1-{port}"}
    first.send_signal(end)
    first.wait(60)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone, socket.socket() as other:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(60)
        other.settimeout(60)
        asked = {f"n{number}" for number in range(50)}
        for number in sorted(asked):
            phone.sendto(
                OPTIONS.format(port=phone.getsockname()[1], number=number).encode(), ("127.0.0.1", port)
            )
        other.connect(("127.0.0.1", port))  # which the kernel does for whoever will listen
        other.sendall(OPTIONS.format(port=port, number="tcp").replace("UDP", "TCP").encode())
        second = manager.start(folder, **settings)
        try:
            answered = set()
            while answered < asked:
                text = phone.recv(4096).decode()
                answered.add(text.partition("Call-ID: ")[2].partition("\r\n")[0])
            assert b"200 OK" in other.recv(4096)
        finally:
            second.send_signal(signal.SIGTERM)
            second.wait(60)
    assert not any("FDSTOREREMOVE" in text for text in manager.told)


def test_a_socket_that_nobody_has_a_use_for_is_given_back(tmp_path, manager, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", manager.path)
    old = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    over = HandOver({"udp-127.0.0.1-5999": old})
    transport = UdpTransport("127.0.0.1", 5998)
    over.give([transport, object()])

    assert (transport.inherited, old.fileno()) == (None, -1)
    manager.until("FDSTOREREMOVE=1\nFDNAME=udp-127.0.0.1-5999")


async def test_transports_go_on_with_the_sockets_they_had(manager, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", manager.path)
    port = free_port()
    for make in (UdpTransport, TcpTransport):
        first = make("127.0.0.1", port)
        await first.start()
        HandOver({}).keep([first])
        manager.until("FDSTORE=1")
        name = f"{first.protocol}-127.0.0.1-{port}"
        found = socket.socket(fileno=os.dup(manager.kept[name]))
        await first.close()
        second = make("127.0.0.1", port)
        over = HandOver({name: found})
        over.give([second])
        assert second.inherited is found
        await second.start()
        assert second.local == ("127.0.0.1", port)
        over.keep([second])
        await second.close()
    assert len(manager.told) == 2  # what is kept already is not given again


def test_what_was_handed_to_another_process_is_not_ours(monkeypatch):
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_FDNAMES", "x")
    HandOver.from_environment().give([])

    assert "LISTEN_FDS" not in os.environ
