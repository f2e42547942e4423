"""``sipwright nat-check``: whom it asks, and what it says."""

from __future__ import annotations

import pytest

from sipwright.commands.nat_check import advice
from sipwright.stun import NatBehaviour

HERE, THERE = ("10.0.0.5", 4_000), ("203.0.113.9", 4_000)
OTHER = ("203.0.113.9", 50_000)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            NatBehaviour(HERE, HERE, "endpoint-independent", "endpoint-independent"),
            ["No NAT: phones here are reached"],
        ),
        (NatBehaviour(HERE, HERE, "endpoint-independent", None), ["No NAT: phones here are reached"]),
        (NatBehaviour(HERE, HERE, "endpoint-independent", "address-dependent"), ["No NAT, but a firewall"]),
        (
            NatBehaviour(HERE, OTHER, None, None, True),
            ["only a server with two addresses can tell", "two minutes"],
        ),
        (
            NatBehaviour(HERE, OTHER, "endpoint-independent", "address-dependent", True),
            ["Audio flows", "two minutes"],
        ),
        (
            NatBehaviour(HERE, OTHER, "address-dependent", "address-dependent", False),
            ["there is silence", "inner ones", "two minutes"],
        ),
        (
            NatBehaviour(HERE, THERE, "address-and-port-dependent", "address-dependent", True),
            ["there is silence", "kept the port this time", "two minutes"],
        ),
    ],
)
def test_it_says_what_that_means_for_calls(found, words):
    said = advice(found)

    assert len(said) == len(words)
    for sentence, part in zip(said, words, strict=True):
        assert part in sentence


@pytest.mark.parametrize(
    "server", ["sip.example.org:", "sip.example.org:0", "sip.example.org:70000", "host:sip"]
)
def test_a_server_that_is_none_is_refused(command, server):
    assert "write HOST or HOST:PORT" in command.fails("nat-check", server)


def test_a_name_that_is_not_found(command):
    assert command.fails("nat-check", "nowhere.invalid").startswith("nowhere.invalid is not found: ")


def test_the_domain_that_is_served_is_asked_when_nobody_is_named(command, monkeypatch):
    monkeypatch.setenv("SIPWRIGHT_SIP__DOMAINS", '["nowhere.invalid"]')
    assert command.fails("nat-check").startswith("nowhere.invalid is not found: ")
    monkeypatch.setenv("SIPWRIGHT_SIP__DOMAINS", "[]")
    assert "say whom to ask" in command.fails("nat-check")


@pytest.mark.parametrize("server", ["127.0.0.1:9", "[::1]:9", "stun:127.0.0.1:9"])
def test_nobody_answers(command, server, monkeypatch):
    monkeypatch.setattr("sipwright.commands.nat_check._WAITS", (0.01,))
    command("nat-check", server)
    said = command.err.splitlines()[-1]
    if "::1" in server and "cannot be asked: Cannot assign" in said:
        pytest.skip("there is no IPv6 on this machine")

    assert said.startswith("sipwright: no STUN server answers at ")
