"""Debian's STUN clients, and our own, ask the switch what their address is."""

from __future__ import annotations

import json
import subprocess

import pytest

from interop.harness import free_port

HOSTS = ("127.0.0.1", "127.0.0.2")


@pytest.fixture(scope="module")
def places() -> list[tuple[str, int]]:
    return [(host, free_port(host)) for host in HOSTS]


@pytest.fixture(scope="module")
def switch(start_switch, places):
    return start_switch(STUN__LISTEN=json.dumps([f"{host}:{port}" for host, port in places]))


def output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout


@pytest.mark.peer("stun")
@pytest.mark.parametrize("is_sip", [True, False])
def test_the_classic_client_finds_the_way_open(switch, places, is_sip):
    host, port = switch.address if is_sip else places[0]

    assert "Primary: Open" in output_of("stun", f"{host}:{port}")


@pytest.mark.peer("turnutils_stunclient")
def test_the_client_of_coturn_is_told_its_address_on_the_port_of_sip(switch):
    said = output_of("turnutils_stunclient", "-p", str(switch.port), switch.address[0])

    assert "UDP reflexive addr: 127.0.0.1:" in said
    assert "RFC 5780" not in said


@pytest.mark.peer("turnutils_stunclient")
def test_it_is_answered_from_all_four_sockets(switch, places):
    (host, port), (other, other_port) = places
    said = output_of("turnutils_stunclient", "-p", str(port), host)

    assert f"Other addr: : {other}:{other_port}" in said
    assert f"Response origin: : {other}:{other_port}" in said.partition("RFC 5780 response 2")[2]


def test_our_own_client_finds_out_all_of_it(switch, places):
    host, port = places[0]
    found = json.loads(switch.run_command("nat-check", f"{host}:{port}", "--json"))

    assert found["server"] == f"{host}:{port}"
    assert found["local"] == found["mapped"]
    assert (found["mapping"], found["filtering"]) == ("endpoint-independent", "endpoint-independent")


def test_it_asks_the_port_of_sip_too_where_that_is_the_only_one(switch):
    host, port = switch.address
    found = json.loads(switch.run_command("nat-check", f"{host}:{port}", "--json"))

    assert (found["nat"], found["mapping"], found["filtering"]) == (False, "endpoint-independent", None)
