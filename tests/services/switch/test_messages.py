"""MESSAGE outside a dialog (RFC 3428)."""

import pytest

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.switch import Identity, messages

from .conftest import Provider


def text(phone, uri="sip:bob@example.org"):
    request = phone.request("MESSAGE", uri, headers=(("Content-Type", "text/plain"),))
    request.body = b"hello"
    phone.send(request)


def test_a_message_reaches_every_phone_and_the_first_200_is_the_answer(bench, alice):
    desk, mobile = bench.phone("desk", "30.0.0.2"), bench.phone("mobile", "30.0.0.3")
    bench.account("bob", desk, mobile)
    text(alice)
    assert (desk.last("MESSAGE").body, mobile.last("MESSAGE").body) == (b"hello", b"hello")

    desk.answer(desk.last("MESSAGE"), 486)
    mobile.answer(mobile.last("MESSAGE"), 200)
    assert alice.statuses("MESSAGE") == [200]


def test_when_no_phone_takes_it_the_best_refusal_is_reported(bench, alice, bob):
    text(alice)
    bob.answer(bob.last("MESSAGE"), 415)

    assert alice.statuses("MESSAGE") == [415]


@pytest.mark.parametrize(("uri", "status"), [("sip:nobody@example.org", 404), ("sip:carol@example.org", 480)])
def test_a_message_to_nobody_is_refused(bench, alice, uri, status):
    bench.account("carol")
    text(alice, uri)

    assert alice.statuses("MESSAGE") == [status]


def test_no_more_texts_are_on_their_way_to_an_account_than_there_is_room_for(bench, alice, bob, monkeypatch):
    monkeypatch.setattr(messages, "MOST_UNDER_WAY", 2)
    for _ in range(3):
        text(alice)
    assert (alice.statuses("MESSAGE"), bob.methods()) == ([480], ["MESSAGE", "MESSAGE"])
    assert alice.last(480).headers.get("Retry-After") == "5"

    for asked in bob.heard[:2]:
        bob.answer(asked, 200)
    text(alice)
    assert (alice.statuses("MESSAGE"), bob.methods()) == ([480, 200, 200], ["MESSAGE"] * 3)


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
