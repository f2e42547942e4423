"""A provider whose name leads to several servers: whoever fails, the next one gets the call (RFC 3263 §4.3)."""

from __future__ import annotations

import pytest
from tests.services.switch.conftest import SDP, Provider

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.switch import Hunt
from sipwright.transport import Target

NAME = "carrier.example"


class TwoServers:
    """What the DNS says."""

    found_at = 0.0

    def resolve_now(self, uri):
        hosts = ["40.0.0.1", "40.0.0.2"] if uri.host == NAME else [uri.host]
        return [Target("udp", host, uri.used_port) for host in hosts]

    def is_absent(self, uri):
        return False

    has_no_address = is_absent


@pytest.fixture
def servers(bench):
    """The first server and the second one."""
    bench.stack.outbound.resolver = TwoServers()
    bench.accounts.providers["carrier"] = Provider("carrier", NAME)
    return bench.phone("one", "40.0.0.1"), bench.phone("two", "40.0.0.2")


@pytest.fixture
def dial(bench, alice, monkeypatch):
    """Let a call of alice dial the carrier, with so many seconds of patience."""
    bench.account("nobody")

    def dial(within=4.0, call_id="call-1"):
        bench.accounts.providers["carrier"].answer_within = within

        def reject(call, outcome, headers=()):
            monkeypatch.undo()
            call.hunt = Hunt(call, parse_dial_string("353@carrier"), 60.0)
            call.hunt.start()

        monkeypatch.setattr("sipwright.services.switch.call.call.Call.reject", reject)
        alice.invite("sip:nobody@example.org", call_id=call_id)
        bench.run(0.1)
        return next(reversed(bench.switch.calls.values()))

    return dial


def invites(phone):
    return [one for one in phone.heard if getattr(one, "method", None) == "INVITE"]


def test_a_server_that_refuses_is_followed_by_the_next_at_once(bench, alice, servers, dial):
    one, two = servers
    call = dial()
    one.answer(one.last("INVITE"), 503)
    bench.run(0.05)
    first, second = one.last("INVITE"), two.last("INVITE")

    assert (first.call_id, first.cseq, first.from_tag) == (second.call_id, second.cseq, second.from_tag)
    assert first.branch != second.branch
    assert one.methods()[-1] == "ACK"
    two.answer(second, 200, body=SDP.format("40.0.0.2"))
    assert alice.statuses()[-1] == 200
    assert [leg.destination.target for leg in call.legs] == ["353@carrier"]
    alice.ack(alice.last(200))
    assert two.methods()[-1] == "ACK"


def test_the_next_call_goes_to_the_next_server_until_the_first_is_back(bench, servers, dial):
    one, two = servers
    dial()
    one.answer(one.last("INVITE"), 503)
    bench.run(0.05)
    one.clear()
    dial(call_id="call-2")
    assert (len(invites(one)), len(invites(two))) == (0, 2)

    bench.run(6)
    assert one.methods()[-1] == "OPTIONS"
    one.answer(one.last("OPTIONS"), 200)
    one.clear()
    dial(call_id="call-3")
    assert len(invites(one)) == 1


def test_a_server_that_says_nothing_is_followed_within_a_transaction(bench, alice, servers, dial):
    _, two = servers
    dial(within=4.0)
    bench.run(3.5)
    assert not invites(two)
    bench.run(1)
    two.answer(two.last("INVITE"), 200, body=SDP.format("40.0.0.2"))

    assert alice.statuses()[-1] == 200


def test_where_none_says_anything_the_leg_fails_as_that_of_a_single_server(bench, alice, servers, dial):
    one, two = servers
    call = dial(within=4.0)
    bench.run(9)

    assert {len(invites(one)), len(invites(two))} <= {4, 5}
    assert call.legs[0].outcome[:2] == (408, "No Response")
    assert alice.statuses()[-1] == 408


def test_a_503_of_the_last_server_is_the_answer(bench, alice, servers, dial):
    one, two = servers
    dial()
    one.answer(one.last("INVITE"), 503)
    bench.run(0.05)
    two.answer(two.last("INVITE"), 503, reason="Full")
    bench.run(0.05)

    assert alice.statuses()[-1] >= 500
    assert (len(invites(one)), len(invites(two))) == (1, 1)


@pytest.mark.parametrize("status", [486, 500, 404])
def test_any_other_refusal_is_the_answer_of_the_provider(bench, alice, servers, dial, status):
    one, two = servers
    dial()
    one.answer(one.last("INVITE"), status)
    bench.run(0.05)

    assert not invites(two)
    assert alice.statuses()[-1] == status


def test_a_phone_that_rings_behind_a_server_is_not_called_by_another(bench, alice, servers, dial):
    one, two = servers
    dial()
    one.answer(one.last("INVITE"), 180)
    one.answer(one.last("INVITE"), 503)
    bench.run(0.05)

    assert not invites(two)


def test_a_server_that_answers_after_all_has_the_call(bench, alice, servers, dial):
    one, two = servers
    dial(within=4.0)
    bench.run(4.5)
    two.answer(two.last("INVITE"), 100)
    one.answer(one.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    bench.run(0.05)
    assert alice.statuses()[-1] == 200
    alice.ack(alice.last(200))
    assert one.methods()[-1] == "ACK"
    assert two.methods()[-1] == "CANCEL"

    two.answer(two.last("INVITE"), 200, tag="late", body=SDP.format("40.0.0.2"))
    bench.run(0.1)
    assert two.methods()[-2:] == ["ACK", "BYE"]


def test_a_challenge_of_the_second_server_is_met(bench, alice, servers, dial):
    one, two = servers
    dial()
    one.answer(one.last("INVITE"), 503)
    bench.run(0.05)
    challenge = [("WWW-Authenticate", 'Digest realm="carrier", nonce="n", algorithm=MD5')]
    two.answer(two.last("INVITE"), 401, headers=challenge)
    bench.run(0.05)

    assert two.last("INVITE").headers.get("Authorization") is not None
    assert len(invites(one)) == 1


def test_after_a_kill_the_call_is_with_the_server_that_has_it(bench, alice, servers, dial):
    one, two = servers
    dial()
    one.answer(one.last("INVITE"), 503)
    bench.run(0.05)
    bench.restart()
    bench.stack.outbound.resolver = TwoServers()
    two.answer(two.last("INVITE"), 200, body=SDP.format("40.0.0.2"))
    bench.run(0.1)

    assert alice.statuses()[-1] == 200


# The proxies that a registrar has named (RFC 3608).


@pytest.fixture
def named(bench, servers):
    """A proxy that the registrar has named before the provider's server."""
    provider = bench.accounts.providers["carrier"]
    bench.accounts.providers["carrier"].server = "40.0.0.1"
    bench.service_routes.told(provider.id, "<sip:40.0.0.9;lr>")
    return bench.phone("edge", "40.0.0.9"), servers[0]


def test_what_a_registrar_has_named_is_gone_by(named, dial):
    edge, one = named
    dial()

    assert (edge.last("INVITE").headers.get("Route"), one.heard) == ("<sip:40.0.0.9;lr>", [])


@pytest.mark.parametrize("is_refused", [True, False])
def test_what_is_named_and_dead_is_passed_over(bench, alice, named, dial, is_refused):
    """It says 503, or nothing; the next call does not wait for it."""
    edge, one = named
    dial()
    if is_refused:
        edge.answer(edge.last("INVITE"), 503)
    bench.run(4.5)
    first = one.last("INVITE")
    one.clear()
    edge.clear()
    dial(call_id="call-2")

    assert "Route" not in first.headers
    assert (one.methods(), edge.methods()) == (["INVITE"], [])
    one.answer(one.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    assert alice.statuses()[-1] == 200


def test_it_is_tried_again_after_a_while(bench, named, dial):
    edge, _ = named
    dial()
    edge.answer(edge.last("INVITE"), 503)
    bench.run(31)
    edge.clear()
    dial(call_id="call-2")

    assert edge.methods() == ["INVITE"]


def test_a_killed_switch_still_judges_what_is_named(bench, named, dial):
    dial()
    bench.restart()
    (call,) = bench.switch.calls.values()

    assert call.legs[0].destination.is_route_named
