"""Providers that are down: who waits for them, who asks for them, and what the log says."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs
from tests.services.switch.conftest import Provider

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.switch import Hunt
from sipwright.sip import Response


@pytest.fixture
def log():
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def trunks(bench):
    """Two providers, and what they hear."""
    for number in (1, 2):
        name = f"trunk{number}"
        bench.accounts.providers[name] = Provider(name, f"40.0.0.{number}")
    return bench.phone("trunk1", "40.0.0.1"), bench.phone("trunk2", "40.0.0.2")


@pytest.fixture
def dial(bench, alice, monkeypatch):
    """Let calls of alice dial what a script would."""
    bench.account("nobody")
    numbers = iter(range(100))

    def dial(text, seconds=0.1):
        def reject(call, outcome, headers=()):
            monkeypatch.undo()
            call.hunt = Hunt(call, parse_dial_string(text), 30.0)
            call.hunt.start()

        monkeypatch.setattr("sipwright.services.switch.call.call.Call.reject", reject)
        alice.invite("sip:nobody@example.org", call_id=f"call-{next(numbers)}")
        bench.run(seconds)
        return next(reversed(bench.switch.calls.values()))

    return dial


def said_of(provider, log):
    return [line["event"] for line in log if line.get("provider") == provider]


BOTH = "353@trunk1 | 353@trunk2"


def test_a_server_that_has_failed_is_passed_over_for_a_while(bench, trunks, dial):
    dead, second = trunks
    dial(BOTH, seconds=5)
    dead.clear()
    call = dial(BOTH)

    assert call.legs[0].outcome == (503, "Server Unreachable", (), "")
    assert call.legs[0].hung_up_by == "switch"
    assert [second.methods().count("INVITE"), dead.methods().count("INVITE")] >= [2, 0]
    assert "INVITE" not in dead.methods()
    bench.run(31)
    dial(BOTH)
    assert "INVITE" in dead.methods()


@pytest.mark.parametrize("text", ["353@trunk1", "353@trunk2 | 353@trunk1", "353@trunk1 & 353@trunk1"])
def test_a_server_that_is_the_only_one_left_is_tried_all_the_same(bench, trunks, dial, text):
    dead, second = trunks
    dial("353@trunk1", seconds=5)
    dead.clear()
    dial(text)
    if "trunk2" in text:
        second.answer(second.last("INVITE"), 503)

    assert "INVITE" in dead.methods()


def test_when_all_have_failed_each_is_tried(bench, trunks, dial):
    first, second = trunks
    dial(BOTH, seconds=9)
    first.clear()
    second.clear()
    dial(BOTH, seconds=5)

    assert ("INVITE" in first.methods(), "INVITE" in second.methods()) == (True, True)


def test_a_server_is_asked_whether_it_is_back(bench, trunks, dial, log):
    """Any response at all says so."""
    dead, _ = trunks
    dial(BOTH, seconds=10)
    dead.answer(dead.last("OPTIONS"), 405)
    dead.clear()
    dial(BOTH)

    assert "INVITE" in dead.methods()
    assert said_of("trunk1", log) == ["server unreachable", "server reachable again"]
    assert log[0]["server"] == "sip:40.0.0.1"


def test_a_server_that_stays_away_is_asked_on_and_said_once(bench, trunks, dial, log):
    dead, _ = trunks
    dial(BOTH, seconds=5)
    bench.run(100)
    dial(BOTH, seconds=5)

    assert len({request.call_id for request in dead.heard if request.method == "OPTIONS"}) >= 3
    assert said_of("trunk1", log) == ["server unreachable"]


def test_a_late_response_to_a_call_says_that_it_is_back(bench, trunks, dial):
    dead, _ = trunks
    dial("353@trunk1", seconds=5)
    dial("353@trunk1")
    dead.answer(dead.last("INVITE"), 486)
    dead.clear()
    dial(BOTH)

    assert "INVITE" in dead.methods()


def test_whoever_shows_providers_is_told_which_server_failed_first_and_when_all_are_back(bench, trunks, dial):
    told = []
    servers = bench.switch.servers
    servers.on_change = lambda provider, outage: told.append((provider[1], outage and outage.reason))
    servers.on_back = lambda provider: told.append(provider)
    dead, _ = trunks
    dial("353@trunk1;transport=tcp | 353@trunk1", seconds=10)
    dead.answer(dead.last("OPTIONS"), 200)

    assert told[0] == ("trunk1", "INVITE cannot be delivered")
    assert [outage for _, outage in told[:3]] == ["INVITE cannot be delivered"] * 3
    assert told[3] == (1, "trunk1")


def test_no_more_servers_are_kept_than_there_is_room_for(bench, trunks, monkeypatch):
    monkeypatch.setattr("sipwright.services.switch.dialling.dead_servers.MOST", 2)
    servers = bench.switch.servers
    for number in range(5):
        servers.failed((1, "trunk1"), f"sip:40.0.0.1;maddr=10.9.9.{number}", "no answer to INVITE")

    assert len(servers._dead) == 2


def test_a_server_that_asks_for_a_rest_is_given_it(bench, trunks, dial, log):
    """RFC 3261 §21.5.4: and without Retry-After a 503 is as a 500."""
    busy, _ = trunks
    dial(BOTH)
    busy.answer(busy.last("INVITE"), 503, headers=(("Retry-After", "60 (maintenance)"),))
    busy.clear()
    bench.run(50)
    dial(BOTH)
    assert busy.methods() == []
    bench.run(11)
    dial(BOTH)
    assert busy.methods()[0] == "INVITE"
    busy.answer(busy.last("INVITE"), 503)
    busy.clear()
    dial(BOTH)
    assert busy.methods()[0] == "INVITE"
    assert said_of("trunk1", log) == []


def test_hosts_that_are_no_providers_are_not_remembered(bench, dial):
    bench.phone("dead", "40.0.0.9")
    dial("a@40.0.0.9 | b@40.0.0.9", seconds=10)

    assert bench.switch.servers._dead == {}
    assert bench.is_empty()


def test_nothing_is_left_of_servers_that_are_forgotten(bench, trunks, dial):
    dial(BOTH, seconds=10)

    assert bench.is_empty()


@pytest.mark.parametrize(
    ("status", "is_told"), [(403, True), (404, True), (480, True), (486, False), (500, False)]
)
def test_whoever_registers_hears_that_a_provider_refuses_us_like_a_stranger(
    bench, trunks, dial, status, is_told
):
    """It may have lost our registration."""
    told = []
    bench.switch.servers.on_doubt = told.append
    dial("353@trunk1")
    trunks[0].answer(trunks[0].last("INVITE"), status)

    assert told == ([(1, "trunk1")] if is_told else [])


def seen_at(bench, method, sent_from, transport="UDP"):
    """Let trunk1 answer a request that it says came from there."""
    via = f"SIP/2.0/{transport} 10.0.0.1:5060;branch=z9hG4bK-1;rport{sent_from}"
    pairs = [
        ("Via", via),
        ("From", "<sip:a@b>;tag=1"),
        ("To", "<sip:a@b>;tag=2"),
        ("Call-ID", "c"),
        ("CSeq", f"1 {method}"),
    ]
    bench.switch.servers.responded((1, "trunk1"), "sip:40.0.0.1", method, Response(200, None, pairs))


@pytest.mark.parametrize(
    ("now", "transport", "is_told"),
    [
        ("=1024;received=50.0.0.1", "UDP", False),
        ("=1025;received=50.0.0.1", "UDP", True),
        ("=1024;received=50.0.0.2", "UDP", True),
        ("=1025;received=50.0.0.1", "TCP", False),
        ("", "UDP", False),
    ],
)
def test_and_that_a_provider_sees_us_elsewhere_than_where_we_have_registered(
    bench, trunks, now, transport, is_told
):
    """A NAT has forgotten us meanwhile (RFC 3581 §4): calls are still sent to where we were."""
    told = []
    bench.switch.servers.on_doubt = told.append
    seen_at(bench, "INVITE", now, transport)
    seen_at(bench, "REGISTER", "=1024;received=50.0.0.1")
    seen_at(bench, "INVITE", now, transport)

    assert told == ([(1, "trunk1")] if is_told else [])
