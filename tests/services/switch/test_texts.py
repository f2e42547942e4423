"""Texts on their way: challenges, and the next server where one has failed (RFC 3263 §4.3)."""

import pytest

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.switch import Identity
from sipwright.transport import Target

from .conftest import Provider

CHALLENGE = ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')


@pytest.mark.parametrize(
    ("realm", "sent", "was_taken"), [(None, [1, 2], True), ("r", [1, 2], True), ("x", [1], False)]
)
def test_a_text_answers_its_providers_challenge_once(bench, realm, sent, was_taken):
    trunk = bench.phone("trunk", "30.0.0.9")
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9", realm=realm)
    heard = []
    identity = Identity("callback", 1, 1, "example.org")
    bench.switch.send_text(
        identity, "sip:alice@example.org", parse_dial_string("353@trunk")[0], "hi", heard.append
    )
    bench.run(0.05)
    trunk.answer(trunk.last("MESSAGE"), 401, headers=[CHALLENGE])
    if was_taken:
        trunk.answer(trunk.last("MESSAGE"), 200)

    messages = [message for message in trunk.heard if message.method == "MESSAGE"]
    assert ([message.cseq.number for message in messages], heard) == (sent, [was_taken])
    assert {str(message.from_.uri) for message in messages} == {"sip:me@30.0.0.9"}
    assert ("authorization" in messages[-1].headers) == was_taken


def test_a_text_that_is_challenged_twice_is_given_up(bench):
    trunk = bench.phone("trunk", "30.0.0.9")
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9")
    heard = []
    bench.switch.send_text(
        Identity("callback", 1, 1, "x"), "sip:a@x", parse_dial_string("353@trunk")[0], "hi", heard.append
    )
    bench.run(0.05)
    for _ in range(2):
        trunk.answer(trunk.last("MESSAGE"), 401, headers=[CHALLENGE])

    assert (len(trunk.heard), heard) == (2, [False])


NAME = "carrier.example"


class TwoServers:
    """What the DNS says of the carrier."""

    found_at = 0.0

    def resolve_now(self, uri):
        hosts = ["40.0.0.1", "40.0.0.2"] if uri.host == NAME else [uri.host]
        return [Target("udp", host, uri.used_port) for host in hosts]


@pytest.fixture
def servers(bench):
    bench.stack.outbound.resolver = TwoServers()
    bench.accounts.providers["carrier"] = Provider("carrier", NAME)
    return bench.phone("one", "40.0.0.1"), bench.phone("two", "40.0.0.2")


@pytest.fixture
def heard(bench, servers):
    """What the script hears of a text that it has sent."""
    heard = []
    bench.switch.send_text(
        Identity("callback", 1, 1, "x"), "sip:a@x", parse_dial_string("353@carrier")[0], "hi", heard.append
    )
    bench.run(0.05)
    return heard


def test_a_text_goes_to_the_next_server_when_the_first_one_fails(bench, servers, heard):
    """RFC 3263 §4.3, as a call does."""
    one, two = servers
    one.answer(one.last("MESSAGE"), 503)
    first, second = one.last("MESSAGE"), two.last("MESSAGE")
    two.answer(second, 200)

    assert heard == [True]
    assert (first.call_id, first.cseq, first.from_tag) == (second.call_id, second.cseq, second.from_tag)
    assert first.branch != second.branch


def test_a_text_does_not_wait_for_a_server_that_says_nothing(bench, servers, heard):
    one, two = servers
    bench.run(4.1)
    assert heard == []
    two.answer(two.last("MESSAGE"), 401, headers=[CHALLENGE])
    two.answer(two.last("MESSAGE"), 202)
    bench.run(40)

    assert heard == [True]
    assert two.last("MESSAGE").headers.get("Authorization") is not None
    assert len({message.branch for message in one.heard if message.method == "MESSAGE"}) == 1


def test_a_text_that_is_taken_late_is_taken(bench, servers, heard):
    one, two = servers
    bench.run(4.1)
    one.answer(one.last("MESSAGE"), 200)
    two.answer(two.last("MESSAGE"), 486)

    assert heard == [True]


@pytest.mark.parametrize("status", [404, 486, 500])
def test_any_other_refusal_of_a_text_counts(bench, servers, heard, status):
    one, two = servers
    one.answer(one.last("MESSAGE"), status)
    bench.run(40)

    assert (heard, two.heard) == ([False], [])


def test_a_text_that_no_server_takes_was_not_taken(bench, servers, heard):
    one, two = servers
    one.answer(one.last("MESSAGE"), 503)
    two.answer(two.last("MESSAGE"), 503)
    bench.run(0.1)

    assert heard == [False]
    assert (one.methods(), two.methods()) == (["MESSAGE"], ["MESSAGE"])


def test_a_text_leaves_by_no_provider_to_where_no_call_may(bench, servers):
    asked, heard = [], []
    bench.switch.ports.guard.may_text = lambda user_id, to: asked.append((user_id, to.target))
    bench.switch.send_text(
        Identity("callback", 1, 1, "x"), "sip:a@x", parse_dial_string("353@carrier")[0], "hi", heard.append
    )
    bench.run(0.1)

    assert (asked, heard) == ([(1, "353@carrier")], [False])
    assert servers[0].heard == servers[1].heard == []


@pytest.mark.parametrize("takes_tcp", [True, False])
def test_a_large_text_goes_by_tcp_where_that_is_taken(bench, takes_tcp):
    """RFC 3261 §18.1.1; what answers a challenge does so, too."""
    trunk = bench.phone("trunk", "30.0.0.9")
    by_tcp = bench.phone("trunk", "30.0.0.9", protocol="tcp") if takes_tcp else trunk
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9")
    heard = []
    identity = Identity("callback", 1, 1, "x")
    bench.switch.send_text(identity, "sip:a@x", parse_dial_string("353@trunk")[0], "hi" * 700, heard.append)
    bench.run(2)
    by_tcp.answer(by_tcp.last("MESSAGE"), 401, headers=[CHALLENGE])
    by_tcp.answer(by_tcp.last("MESSAGE"), 200)

    messages = [message for message in by_tcp.heard if message.method == "MESSAGE"]
    transport = "TCP" if takes_tcp else "UDP"
    assert {message.top_via.transport for message in messages} == {transport}
    assert ({message.cseq.number for message in messages}, heard) == ({1, 2}, [True])
    assert (trunk.heard == []) is takes_tcp
