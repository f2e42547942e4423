"""``sipwright dns``: the records for the nodes, compared with a real DNS server."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from sqlalchemy import insert

from interop.harness import free_port, is_listening, until
from sipwright.cluster.zone import Doors
from sipwright.commands.common import with_store
from sipwright.store.live.leases import database_time
from sipwright.store.schema.cluster_tables import nodes

HOST = "127.0.0.1"
ADDRESS = "203.0.113.10"


@pytest.fixture(scope="module")
def names() -> Iterator[str]:
    """A server that says what has to be said of a node called north, which takes UDP and TCP."""
    yield from serve(f"--host-record=north.example.org,{ADDRESS}")


@pytest.fixture(scope="module")
def stale_names() -> Iterator[str]:
    """Another server for the same zone, where the node is an alias, and answers are kept for a day."""
    yield from serve(
        f"--host-record=host7.example.org,{ADDRESS}",
        "--cname=north.example.org,host7.example.org",
        "--local-ttl=86400",
    )


def serve(*addresses: str) -> Iterator[str]:
    """Run a server with the NAPTR and SRV records of that node."""
    port = free_port(HOST)
    program = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin") or "dnsmasq"
    process = subprocess.Popen(
        [
            program, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
            f"--port={port}", f"--listen-address={HOST}", "--bind-interfaces", "--pid-file=", "--address=/org/",
            "--naptr-record=example.org,20,50,s,SIP+D2T,,_sip._tcp.example.org",
            "--naptr-record=example.org,30,50,s,SIP+D2U,,_sip._udp.example.org",
            "--srv-host=_sip._tcp.example.org,north.example.org,5060,10,50",
            "--srv-host=_sip._udp.example.org,north.example.org,5060,10,50",
            *addresses,
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: is_listening(HOST, port), "dnsmasq listens")
    yield f"{HOST}:{port}"
    process.terminate()
    process.wait(60)


@pytest.fixture
def node(command, monkeypatch):
    """A node with an address."""
    monkeypatch.setenv("SIPWRIGHT_NODE", "north")
    monkeypatch.setenv("SIPWRIGHT_CLUSTER__PUBLIC", json.dumps([ADDRESS]))
    return command


def add_south(command):
    """Let another node have said how it is reached."""
    doors = Doors("south", ("203.0.113.20",), {"udp": (5060,)}, 10, 50).written()

    async def add(store):
        def work(connection):
            now = database_time(connection)
            row = {
                "name": "south",
                "home": "h",
                "boot": 1,
                "state": "up",
                "version": "1",
                "edge": "",
                "doors": doors,
            }
            connection.execute(insert(nodes).values(**row, started_at=now, heartbeat_at=now))

        await store.database.write(work)

    with_store(None, add)


def test_the_records_are_printed_as_a_zone_file(node):
    add_south(node)

    assert node.ok("dns").splitlines() == [
        "; what the zone of example.org has to say so that phones find it",
        'example.org.           300 IN NAPTR 20 50 "s" "SIP+D2T" "" _sip._tcp.example.org.',
        'example.org.           300 IN NAPTR 30 50 "s" "SIP+D2U" "" _sip._udp.example.org.',
        "_sip._tcp.example.org. 300 IN SRV   10 50 5060 north.example.org.",
        "_sip._udp.example.org. 300 IN SRV   10 50 5060 north.example.org.",
        "_sip._udp.example.org. 300 IN SRV   10 50 5060 south.example.org.",
        "north.example.org.     300 IN A     203.0.113.10",
        "south.example.org.     300 IN A     203.0.113.20",
    ]
    assert len(node.json("dns", "example.org")["records"]) == 7
    assert node.fails("dns", "example.net") == "example.net is not served here; there is example.org"


def test_a_node_without_an_address_is_told_of(command, monkeypatch):
    """It listens on all, and nobody has said which of them phones reach."""
    monkeypatch.setenv("SIPWRIGHT_NODE", "north")

    assert "SRV   10 50 5060 north.example.org." in command.ok("dns")
    assert command.err.startswith("nobody knows the address of north: write [cluster] public")


@pytest.mark.parametrize(
    "settings",
    [
        {"SIP__UDP": [f"{ADDRESS}:5060"], "SIP__TCP": [f"{ADDRESS}:5060", "127.0.0.1:5060"]},
        {"SIP__PUBLIC_ADDRESS": ADDRESS},
    ],
)
def test_addresses_come_from_where_they_are_said(command, monkeypatch, settings):
    monkeypatch.setenv("SIPWRIGHT_NODE", "north")
    for name, value in settings.items():
        monkeypatch.setenv(f"SIPWRIGHT_{name}", value if isinstance(value, str) else json.dumps(value))

    records = command.json("dns")["records"]
    assert ADDRESS in [one["data"] for one in records if one["type"] == "A"]


@pytest.mark.peer("dnsmasq")
def test_what_is_there_is_compared(node, names):
    assert node.ok("dns", "--check", "--server", names) == "all 5 records are there and right\n"
    add_south(node)

    assert node("dns", "--check", "--server", names) == 1
    assert node.out.splitlines() == [
        "missing  _sip._udp.example.org does not lead to south.example.org: port 5060, priority 10, weight 50",
        "missing  south.example.org does not lead to 203.0.113.20",
    ]
    assert node.err == "sipwright: 2 records are not right\n"


@pytest.mark.peer("dnsmasq")
def test_what_is_wrong_is_said_in_words(node, names, monkeypatch):
    monkeypatch.setenv("SIPWRIGHT_CLUSTER__WEIGHT", "70")
    monkeypatch.setenv("SIPWRIGHT_CLUSTER__PUBLIC", json.dumps(["203.0.113.99"]))
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", "[]")

    assert node("dns", "--check", "--server", names, "--json") == 1
    said = json.loads(node.out)
    assert said["ok"] is False
    assert [(one["kind"], one["name"], one["type"]) for one in said["problems"]] == [
        ("extra", "example.org", "NAPTR"),
        ("extra", "_sip._tcp.example.org", "SRV"),
        ("wrong", "_sip._udp.example.org", "SRV"),
        ("wrong", "north.example.org", "A"),
    ]


def test_nobody_answers(node, monkeypatch):
    monkeypatch.setattr("sipwright.transport.dns_lookup.LOOKUP_TIMEOUT", 0.05)

    assert node("dns", "--check", "--server", f"{HOST}:{free_port(HOST)}") == 1
    assert node.out.startswith("unknown  nobody says whether example.org has NAPTR records: ")
    assert "names" not in node.fails("dns", "--check", "--server", "ns.example.org")


@pytest.mark.peer("dnsmasq")
def test_servers_that_do_not_agree_are_told_apart(node, names, stale_names):
    assert node("dns", "--check", "--server", names, "--server", stale_names, "--json") == 1
    said = json.loads(node.out)
    found = [(one["kind"], one["type"]) for one in said["problems"]]

    assert found[0] == ("wrong", "CNAME")
    assert {kind for kind, _ in found[1:]} == {"slow"}
    assert ("slow", "A") in found
    assert all(one["text"].startswith(f"{HOST} says: ") for one in said["problems"])


@pytest.mark.peer("dnsmasq")
def test_what_is_slow_is_told_and_is_no_fault(node, monkeypatch):
    for server in serve(f"--host-record=north.example.org,{ADDRESS}", "--local-ttl=86400"):
        assert node("dns", "--check", "--server", server) == 0
        *slow, last = node.out.splitlines()
        assert {line[:9] for line in slow} == {"slow     "}
        assert last == "all 5 records are there and right"
        assert json.loads(node.ok("dns", "--check", "--server", server, "--json"))["ok"] is True
