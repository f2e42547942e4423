"""Early dialogs: those of the far side are told apart by their To tags, and to the caller too (RFC 3261 §12.1)."""

import pytest
from tests.services.switch.conftest import SDP


def heard(alice):
    """What the caller was told before the answer: statuses, To tags, media."""
    return [
        (m.status, m.to_tag, m.body.partition(b"c=IN IP4 ")[2].partition(b"\r")[0].decode())
        for m in alice.heard
        if getattr(m, "status", 0) in range(101, 300) and m.cseq.method == "INVITE"
    ]


@pytest.fixture
def phones(bench):
    first, second = bench.phone("first", "40.0.0.1"), bench.phone("second", "40.0.0.2")
    bench.account("bob", first, second)
    return first, second


def test_when_the_leg_fails_whose_media_was_heard_the_next_one_is_heard_under_a_tag_of_its_own(
    bench, alice, phones
):
    first, second = phones
    alice.invite()
    first.answer(first.last("INVITE"), 183, body=SDP.format("1.1.1.1"))
    second.answer(second.last("INVITE"), 183, body=SDP.format("2.2.2.2"))
    first.answer(first.last("INVITE"), 503)
    second.answer(second.last("INVITE"), 180)
    second.answer(second.last("INVITE"), 200, body=SDP.format("2.2.2.2"))

    (_, one, _), (_, two, _), _, (_, last, _) = told = heard(alice)
    assert [(status, media) for status, _, media in told] == [
        (183, "1.1.1.1"), (183, "2.2.2.2"), (180, ""), (200, "2.2.2.2"),
    ]  # fmt: skip
    assert one != two == last

    alice.ack(alice.last(200))
    alice.send(alice.in_dialog("BYE", alice.last(200)))
    second.answer(second.last("BYE"), 200)
    assert alice.statuses("BYE") == [200]
    assert bench.is_empty()


def test_another_legs_180_takes_the_place_of_media_that_has_ended(bench, alice, phones):
    first, second = phones
    alice.invite()
    first.answer(first.last("INVITE"), 183, body=SDP.format("1.1.1.1"))
    second.answer(second.last("INVITE"), 180)
    bench.restart()
    first.answer(first.last("INVITE"), 486)
    second.answer(second.last("INVITE"), 180)
    second.answer(second.last("INVITE"), 486)

    told = dict.fromkeys((status, tag) for status, tag, _ in heard(alice))
    (_, one), (_, two) = told
    assert [status for status, _ in told] == [183, 180]
    assert one != two
    assert alice.statuses()[-1] == 486
    alice.send(alice.request("ACK", "sip:bob@example.org", to=alice.last(486).headers.get("To"), cseq=1,
                             branch=alice.last(486).top_via.branch))  # fmt: skip
    assert bench.is_empty()


@pytest.mark.parametrize("restarts", [False, True])
def test_each_fork_of_a_leg_has_an_early_dialog_of_its_own(bench, alice, bob, restarts):
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 183, tag="x", body=SDP.format("1.1.1.1"))
    bob.answer(invite, 183, tag="y", body=SDP.format("2.2.2.2"))
    in_x, in_y = (m for m in alice.heard if getattr(m, "status", 0) == 183)
    if restarts:
        bench.restart()

    assert in_x.to_tag != in_y.to_tag
    for message, tag in ((in_x, "x"), (in_y, "y"), (in_x, "x")):
        alice.send(alice.in_dialog("INFO", message))
        assert bob.last("INFO").to_tag == tag
        bob.answer(bob.last("INFO"), 200)
        assert alice.last(200).to_tag == message.to_tag

    for tag, message in (("y", in_y), ("x", in_x)):
        asked = bob.in_dialog("UPDATE", invite, branch=f"z9hG4bK-{tag}")
        asked.headers.set("From", f"<{invite.uri_text}>;tag={tag}")
        bob.send(asked)
        assert alice.last("UPDATE").from_tag == message.to_tag
        alice.answer(alice.last("UPDATE"), 200)

    bob.answer(invite, 200, tag="y", body=SDP.format("2.2.2.2"))
    ok = alice.last(200)
    assert (ok.to_tag, b"2.2.2.2" in ok.body) == (in_y.to_tag, True)
    alice.ack(ok)
    assert bob.last("ACK").to_tag == "y"
    alice.send(alice.in_dialog("BYE", ok, cseq=30))
    assert bob.last("BYE").to_tag == "y"
    bob.answer(bob.last("BYE"), 200, tag="y")
    assert bench.is_empty()


def test_who_is_heard_again_is_heard_in_the_same_early_dialog(bench, alice, bob):
    """RFC 3261 §12.1: with another tag in between the first one was lost, and stayed in the table of legs for good."""
    alice.invite()
    invite = bob.last("INVITE")
    for status, tag, body in (
        (183, "x", SDP.format("1.1.1.1")),
        (180, "y", None),
        (183, "x", SDP.format("1.1.1.1")),
    ):
        bob.answer(invite, status, tag=tag, body=body)
    bob.answer(invite, 200, tag="y", body=SDP.format("2.2.2.2"))
    alice.ack(alice.last(200))

    x, y, again, answered = (tag for _, tag, _ in heard(alice))
    assert (again, answered, x != y) == (x, y, True)
    assert len(bench.switch.ports.legs) == 2
    alice.send(alice.in_dialog("BYE", alice.last(200)))
    bob.answer(bob.last("BYE"), 200, tag="y")
    assert bench.is_empty()


def test_an_answer_with_other_media_than_were_heard_has_a_tag_of_its_own(bench, alice, phones):
    """RFC 3264 §4: an offer has one answer in each dialog."""
    first, second = phones
    alice.invite()
    first.answer(first.last("INVITE"), 183, body=SDP.format("1.1.1.1"))
    second.answer(second.last("INVITE"), 200, body=SDP.format("2.2.2.2"))

    (_, one, _), (_, two, media) = heard(alice)
    assert (one != two, media) == (True, "2.2.2.2")


def test_no_proxy_can_make_more_early_dialogs_than_phones_ring(bench, alice, bob):
    alice.invite()
    for number in range(40):
        bob.answer(bob.last("INVITE"), 183, tag=f"t{number}", body=SDP.format(f"1.1.1.{number}"))

    (call,) = bench.switch.calls.values()
    assert (len(call.legs[0].early), len(bench.switch.ports.legs)) == (16, 17)
    bob.answer(bob.last("INVITE"), 200, tag="t39", body=SDP.format("1.1.1.39"))
    alice.ack(alice.last(200))
    assert bob.last("ACK").to_tag == "t39"
    assert len(bench.switch.ports.legs) == 2
