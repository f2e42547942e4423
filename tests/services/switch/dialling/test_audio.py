"""What a script is told of the audio of a leg that did not answer."""

from __future__ import annotations

import pytest
from tests.services.switch.conftest import Binding, _key

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.switch import Hunt


@pytest.fixture
def audio(bench, monkeypatch):
    """Let alice dial bob, who is busy; returns what the script hears of audio."""

    def dial(contact, text="bob@local", host="30.0.0.1", port=5060):
        alice = bench.phone("alice", "20.0.0.1")
        bench.account("alice", alice)
        bench.account("nobody")
        bob = bench.phone("bob", host, port=port)
        account = bench.account("bob", bob)
        bench.accounts.bindings[account.id] = [Binding(contact, _key(bob))]
        told = []

        def reject(call, outcome, headers=()):
            monkeypatch.undo()
            call.hunt = Hunt(call, parse_dial_string(text), 30.0)
            told.append(call.hunt)
            call.hunt.start()

        monkeypatch.setattr("sipwright.services.switch.call.call.Call.reject", reject)
        alice.domain = "example.org"
        alice.invite("sip:nobody@example.org")
        bob.answer(bob.last("INVITE"), 486)
        return told[0].results()[0].audio

    return dial


def test_without_routers_both_hear_each_other(audio):
    assert audio("sip:bob@30.0.0.1:5060") == "yes"


def test_a_router_that_keeps_ports_lets_audio_in(audio):
    assert audio("sip:bob@192.168.1.7:5060") == "yes"


def test_one_that_changes_them_leaves_it_to_the_other_end(audio):
    assert audio("sip:bob@192.168.1.7:5060", port=40_000) == (
        "perhaps: the callee may hear nothing, as its router changes ports, so the other end has to answer where it is "
        "heard from"
    )


def test_behind_one_router_it_flows(audio):
    assert audio("sip:bob@192.168.1.7:5060", host="20.0.0.1", port=40_000) == "yes"


def test_a_phone_without_an_address_says_nothing_of_its_router(audio):
    assert audio("sip:bob@x7k.invalid").startswith(
        "perhaps: the callee may hear nothing, as it does not say where it is"
    )
