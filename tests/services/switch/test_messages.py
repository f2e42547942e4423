"""MESSAGE outside a dialog (RFC 3428)."""

import pytest
from tests.services.switch.conftest import Provider

from sipwright.services.switch import messages
from sipwright.sip import Response


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


def send_on(phone, to, status=302):
    asked = phone.last("MESSAGE")
    lines = [(name, asked.headers.get(name)) for name in ("Via", "From", "Call-ID", "CSeq")]
    to_line = ("To", f"{asked.headers.get('To')};tag={phone.name}")
    phone.send(Response(status, None, [*lines, to_line, ("Contact", f"<sip:{to}>")]))


def test_a_phone_may_send_its_texts_on_to_a_colleague(bench, alice, bob):
    """RFC 3261 §8.1.3.4, as for calls; round in a circle it is not sent, and the best refusal is the answer."""
    carol = bench.phone("carol", "40.0.0.1")
    bench.account("carol", carol)
    text(alice)
    send_on(bob, "carol@example.org")
    assert (carol.last("MESSAGE").body, alice.statuses("MESSAGE")) == (b"hello", [])

    carol.answer(carol.last("MESSAGE"), 200)
    text(alice)
    send_on(bob, "carol@example.org")
    send_on(carol, "bob@example.org")

    assert (alice.statuses("MESSAGE"), bob.methods()) == ([200, 480], ["MESSAGE", "MESSAGE"])


@pytest.mark.parametrize(
    ("to", "status"), [("x@60.0.0.1", 302), ("nobody@example.org", 302), ("carol@example.org", 380)]
)
def test_a_text_is_sent_on_to_nobody_else(bench, alice, bob, to, status):
    others = [bench.phone("carol", "40.0.0.1"), bench.phone("x", "60.0.0.1")]
    bench.account("carol", others[0])
    text(alice)
    send_on(bob, to, status)

    assert (alice.statuses("MESSAGE"), [each.heard for each in others]) == ([480], [[], []])


def test_a_text_does_not_say_that_the_number_of_its_sender_was_verified(bench, alice, bob):
    """Neither a stranger's nor that of a trunk: what one is believed about is who calls."""
    bench.accounts.providers["trunk"] = Provider("trunk", "20.0.0.1", account_id=1)
    for phone in (bench.phone("+353155;verstat=TN-Validation-Passed", "66.0.0.1"), alice):
        said = (
            ("P-Asserted-Identity", "<tel:+3531;verstat=TN-Validation-Passed>"),
            ("Identity", "eyJ"),
            ("Subject", "x"),
        )
        phone.send(phone.request("MESSAGE", "sip:bob@example.org", headers=said, call_id=phone.host))

    assert [str(text.from_uri) for text in bob.heard] == [
        "sip:+353155@elsewhere.net",
        "sip:alice@elsewhere.net",
    ]
    assert [text.headers.get("P-Asserted-Identity") for text in bob.heard] == [None, "<tel:+3531>"]
    assert [text.headers.get("Identity") for text in bob.heard] == [None, None]


@pytest.mark.parametrize(("uri", "status"), [("sip:nobody@example.org", 404), ("sip:carol@example.org", 480)])
def test_a_message_to_nobody_is_refused(bench, alice, uri, status):
    bench.account("carol")
    text(alice, uri)

    assert alice.statuses("MESSAGE") == [status]


def test_one_stranger_does_not_keep_the_texts_of_others_away(bench, alice, bob):
    """Whose phone does not answer has a text on its way for half a minute."""
    other, trunk = bench.phone("other", "66.0.0.6"), bench.phone("trunk", "20.0.0.9")
    bench.accounts.providers["trunk"] = Provider("trunk", "20.0.0.9", account_id=1)
    for number in range(7):
        for phone in (alice, trunk):
            call_id = f"{phone.name}-{number}"
            phone.send(
                phone.request(
                    "MESSAGE", "sip:bob@example.org", call_id=call_id, headers=[("Subject", call_id)]
                )
            )
    other.send(other.request("MESSAGE", "sip:bob@example.org", headers=[("Subject", "other")]))
    heard = {asked.headers.get("Subject"): asked for asked in bob.heard}

    assert sorted(heard) == [*(f"alice-{n}" for n in range(5)), "other", *(f"trunk-{n}" for n in range(7))]
    assert (alice.statuses("MESSAGE"), trunk.statuses("MESSAGE")) == ([480, 480], [])
    for asked in heard.values():
        bob.answer(asked, 200)
    bob.clear()
    text(alice)
    assert bob.methods() == ["MESSAGE"]


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


IDENTITY = ("Via", "From", "Call-ID", "CSeq")


@pytest.mark.parametrize("is_moved", [False, True], ids=["there", "another port"])
def test_a_phone_knows_a_text_again_that_the_next_process_gives_to_it(bench, alice, bob, is_moved):
    """RFC 3428 §8: the phone has it, but the switch was killed before it could say so to the sender."""
    asked = alice.request("MESSAGE", "sip:bob@example.org", headers=(("Content-Type", "text/plain"),))
    alice.send(asked)
    bench.restart()
    taker = bob
    if is_moved:
        taker = bench.phone("bob", bob.host, port=5070)
        (binding,) = bench.accounts.bindings[bench.accounts.accounts["bob"].id]
        binding.source = f"udp/10.0.0.1:5060/{taker.address}"
    alice.send(asked)

    first, again = bob.heard[0], taker.heard[-1]
    assert [again.headers.get(name) for name in IDENTITY] == [first.headers.get(name) for name in IDENTITY]
    taker.answer(again, 200)
    assert alice.statuses("MESSAGE") == [200]


@pytest.mark.parametrize(
    "another",
    [
        pytest.param({"call_id": "call-2", "cseq": 1}, id="call"),
        pytest.param({"tag": "other", "cseq": 1, "branch": "z9hG4bK2"}, id="tag"),
        pytest.param({"cseq": 2}, id="cseq"),
    ],
)
def test_another_text_is_another_one_to_the_phone(bench, alice, bob, another):
    for how in ({"cseq": 1}, another):
        alice.send(alice.request("MESSAGE", "sip:bob@example.org", **how))

    first, second = bob.heard
    assert first.call_id != second.call_id
    assert first.branch != second.branch


def test_a_text_that_was_challenged_anew_is_the_one_that_it_was(bench, alice, bob):
    """It has another branch, so a phone that has it already says so (RFC 3261 §8.2.2.2), and its sender is content."""
    alice.send(alice.request("MESSAGE", "sip:bob@example.org", cseq=4))
    bench.restart()
    bench.accounts.asked_anew[5] = 4
    alice.send(alice.request("MESSAGE", "sip:bob@example.org", cseq=5))

    first, again = bob.heard
    assert (again.call_id, again.from_tag, again.cseq) == (first.call_id, first.from_tag, first.cseq)
    assert again.branch != first.branch
    bob.answer(again, 482)
    assert alice.statuses("MESSAGE") == [202]


def test_each_phone_has_its_own_copy(bench, alice):
    desk, mobile = bench.phone("desk", "30.0.0.2"), bench.phone("mobile", "30.0.0.3")
    bench.account("bob", desk, mobile)
    text(alice)

    assert desk.last("MESSAGE").call_id != mobile.last("MESSAGE").call_id
