"""A provider with two servers in a real DNS: registrations and questions go to the same one, and move together."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading

import pytest

from interop.harness import HOST, free_port, until
from interop.harness.network import is_listening
from sipwright.sip import Request, make_response, parse

pytestmark = pytest.mark.peer("dnsmasq")

ONE, TWO = "127.0.0.31", "127.0.0.32"
PLAN = 'dial("353@carrier", ring=20)\n'


class Server(threading.Thread):
    """A server of the carrier: takes registrations, answers OPTIONS, and is busy for every call."""

    def __init__(self, host, port):
        super().__init__(daemon=True)
        self.heard = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.start()

    def run(self):
        while True:
            try:
                data, source = self.socket.recvfrom(65_535)
            except OSError:
                return
            if not data.strip():
                continue
            request = parse(data)
            if not isinstance(request, Request) or request.method == "ACK":
                continue
            self.heard.append(request.method)
            headers = [("Contact", value) for value in request.headers.get_all("Contact")]
            status = 486 if request.method == "INVITE" else 200
            answer = make_response(request, status, to_tag="s", headers=headers if status == 200 else ())
            self.socket.sendto(bytes(answer), source)

    def close(self):
        self.socket.close()


class Names:
    """A real DNS server."""

    def __init__(self):
        self.port = free_port(HOST)
        self.servers_port = free_port(ONE)
        """That of both servers of the carrier, which it tells."""
        self.process = None

    def start(self):
        program = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin")
        self.process = subprocess.Popen(
            [
                program, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
                f"--port={self.port}", f"--listen-address={HOST}", "--bind-interfaces", "--pid-file=", "--local-ttl=1",
                "--naptr-record=carrier.test,10,10,s,SIP+D2U,,_sip._udp.carrier.test",
                f"--srv-host=_sip._udp.carrier.test,one.carrier.test,{self.servers_port},10,10",
                f"--srv-host=_sip._udp.carrier.test,two.carrier.test,{self.servers_port},20,10",
                f"--host-record=one.carrier.test,{ONE}", f"--host-record=two.carrier.test,{TWO}",
                "--address=/test/", "--auth-ttl=1",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(lambda: is_listening(HOST, self.port), "dnsmasq listens")

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None


@pytest.fixture(scope="module")
def names():
    names = Names()
    names.start()
    yield names
    names.stop()


@pytest.fixture(scope="module")
def switch(start_switch, names):
    switch = start_switch(
        [("caller", "plan", "")], {"plan": PLAN}, SIP__DNS=f"{HOST}:{names.port}",
        SIP__NETWORKS=json.dumps(["127.0.0.0/8"]),
    )  # fmt: skip
    switch.run_command(
        "provider", "add", "carrier", "--server", "carrier.test", "--username", "353", "--password", "x",
        "--register", "--answer-within", "2",
    )  # fmt: skip
    return switch


def state(switch):
    (row,) = json.loads(switch.run_command("provider", "list", "--json"))
    return row["state"]


def test_everything_goes_to_the_second_while_the_first_is_away_and_comes_back_together(switch, names):
    two = Server(TWO, names.servers_port)
    one = None
    try:
        until(lambda: "REGISTER" in two.heard, "registered at the second server")
        until(lambda: state(switch) == "registered", "and it is known")
        tested = json.loads(
            switch.run_command("provider", "test", "carrier", "--method", "OPTIONS", "--json")
        )
        assert tested["status"] == 200
        assert "OPTIONS" in two.heard

        names.stop()  # what is known is used while nobody answers
        tested = json.loads(
            switch.run_command("provider", "test", "carrier", "--method", "OPTIONS", "--json")
        )
        assert tested["status"] == 200
        names.start()

        one = Server(ONE, names.servers_port)
        until(lambda: "OPTIONS" in one.heard, "the first one is asked whether it is back")
        before = len(two.heard)
        tested = json.loads(
            switch.run_command("provider", "test", "carrier", "--method", "REGISTER", "--json")
        )
        assert tested["status"] == 200
        assert "REGISTER" in one.heard
        assert len(two.heard) == before
    finally:
        two.close()
        if one is not None:
            one.close()
