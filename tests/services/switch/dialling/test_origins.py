"""Which provider a call has come from, and who only says so."""

from __future__ import annotations

import pytest
from tests.services.switch.conftest import SDP, Provider
from tests.services.switch.dialling.test_credentials import TRUNK, challenge

from sipwright.transport import Resolver


@pytest.fixture
def trunk(bench):
    bench.accounts.providers["trunk"] = Provider("trunk", TRUNK)
    return bench.phone("trunk", TRUNK)


def found(bench):
    (call,) = bench.switch.calls.values()
    return call.caller.provider


@pytest.mark.parametrize(
    ("server", "proxy"),
    [(TRUNK, None), (f"{TRUNK}:5090;transport=tcp", None), ("30.0.0.10", TRUNK), ("x", f"sip:{TRUNK};lr")],
)
def test_a_provider_calls_from_where_it_is_called(bench, bob, trunk, server, proxy):
    provider = bench.accounts.providers["trunk"]
    provider.server, provider.outbound_proxy = server, proxy
    trunk.invite("sip:trunk.bob@example.org")

    assert found(bench) == (1, "trunk")


def test_a_pretended_provider_is_told_nothing(bench, bob, trunk):
    """What it would have signed is its own: the digest of an INVITE to whatever it says is its Contact."""
    liar = bench.phone("liar", "66.0.0.6")
    liar.invite("sip:trunk.bob@example.org")
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    liar.ack(liar.last(200))
    bob.send(bob.in_dialog("INVITE", bob.last("INVITE"), body=SDP.format(bob.host), cseq=70))
    challenge(liar, liar.last("INVITE"), "n1")

    assert (liar.methods(), bob.statuses()) == (["INVITE", "ACK"], [403])


@pytest.mark.parametrize(("address", "is_known"), [(TRUNK, True), ("30.0.0.10", False)])
def test_a_provider_with_a_name_is_known_by_its_addresses(bench, bob, trunk, address, is_known):
    """Its name is looked up meanwhile."""
    bench.accounts.providers["trunk"].server = "sip.trunk.example"
    found = []

    async def lookup(name):
        return [address], 60.0

    def spawn(work):
        found.append(work)
        with pytest.raises(StopIteration):
            work.send(None)

    resolver = bench.stack._outbound.resolver = Resolver(lookup, clock=bench.network.clock)
    resolver._find = resolver._look_up
    bench.pipeline.spawn = spawn
    trunk.invite("sip:trunk.bob@example.org", body=SDP.format(TRUNK))
    (call,) = bench.switch.calls.values()

    assert len(found) == 1
    assert call.caller.provider == ((1, "trunk") if is_known else None)


@pytest.mark.parametrize("name", ["other", ""])
def test_a_name_that_is_no_providers_is_none(bench, bob, trunk, name):
    trunk.invite(f"sip:{name}.bob@example.org")
    (call,) = bench.switch.calls.values()

    assert call.caller.provider is None


@pytest.mark.parametrize("server", ["a b", "sips:30.0.0.9", "30.0.0.9;transport=sctp"])
def test_a_server_that_leads_nowhere_calls_from_nowhere(bench, bob, trunk, server):
    bench.accounts.providers["trunk"].server = server
    trunk.invite("sip:trunk.bob@example.org")

    assert found(bench) is None


def test_a_provider_that_is_switched_off_is_none(bench, bob, trunk):
    bench.accounts.providers["trunk"].is_enabled = False
    trunk.invite("sip:trunk.bob@example.org")

    assert found(bench) is None
