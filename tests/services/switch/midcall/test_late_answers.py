"""Phones that answer a call which is over, and whose process has been killed since (RFC 3261 §13.2.2.4)."""

import pytest

from sipwright.services.switch.midcall.late_answers import MOST_LATE
from sipwright.sip import Request


def told(phone):
    """What the phone was sent inside of dialogs, with the To tags."""
    return [(m.method, m.to_tag) for m in phone.heard if getattr(m, "method", "") in ("ACK", "BYE")]


@pytest.fixture
def forgotten(bench, alice, bob, talking):
    """The INVITE of a call that has ended, and whose process has been killed."""
    ok, invite = talking
    alice.send(alice.in_dialog("BYE", ok))
    bob.answer(bob.last("BYE"), 200)
    assert bench.is_empty()
    bench.restart()
    bob.clear()
    return invite


def test_another_phone_that_answers_then_hears_an_ack_and_a_bye(bench, bob, forgotten):
    bob.answer(forgotten, 200, tag="second")

    ack, bye = bob.heard
    assert [str(each.cseq) for each in (ack, bye)] == ["1 ACK", "2 BYE"]
    for request in (ack, bye):
        assert (request.to_tag, request.from_tag) == ("second", forgotten.from_tag)
        assert (request.call_id, request.uri_text) == (forgotten.call_id, f"sip:bob@{bob.address}")
    assert ack.branch != bye.branch != forgotten.branch
    bench.run(3)
    bob.answer(bye, 200)
    bench.run(40)
    assert (len(bob.heard), bench.is_empty()) == (2, True)


def test_one_that_has_not_heard_so_is_told_again(bench, bob, forgotten):
    for _ in range(2):
        bob.answer(forgotten, 200, tag="second")
    bench.run(5)
    first_ack, first_bye, ack, bye = bob.heard

    assert (bytes(ack), bytes(bye)) == (bytes(first_ack), bytes(first_bye))
    bob.answer(bye, 481)
    bob.answer(forgotten, 200, tag="second")
    assert told(bob)[4:] == [("ACK", "second"), ("BYE", "second")]


def test_one_that_was_never_answered_is_told_as_well(bench, alice, bob):
    """The CANCEL was lost with the process that sent it, and the caller has long heard that nobody answers."""
    invite = alice.invite()
    asked = bob.last("INVITE")
    bob.answer(asked, 180)
    alice.send(
        alice.request("CANCEL", "sip:bob@example.org", cseq=invite.cseq.number, branch=invite.top_via.branch)
    )
    bob.answer(asked, 487)
    bench.run(40)
    assert bench.is_empty()
    bench.restart()
    bob.clear()
    bob.answer(asked, 200, tag="other")

    assert told(bob) == [("ACK", "other"), ("BYE", "other")]


def test_it_goes_by_the_route_of_the_answer(bob, forgotten):
    """To where the answer came from, that is, whatever it says: nobody has proved to be there."""
    routes = ("Record-Route", "<sip:40.0.0.1;lr>, <sip:40.0.0.2;lr>")
    bob.answer(forgotten, 200, tag="second", headers=(routes,))

    assert [request.headers.get_list("Route") for request in bob.heard] == [
        ["<sip:40.0.0.2;lr>", "<sip:40.0.0.1;lr>"]
    ] * 2


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda text, tag: text.replace("CSeq: 1 INVITE", "CSeq: 1 BYE"), id="method"),
        pytest.param(lambda text, tag: text.replace(tag, tag[:-1] + "2"), id="tag"),
        pytest.param(lambda text, tag: text.replace(tag, tag.replace(".1", ".99999")), id="index"),
        pytest.param(lambda text, tag: text.replace(tag, "x"), id="no tag of ours"),
        pytest.param(lambda text, tag: text.replace("Call-ID: ", "Call-ID: x"), id="call"),
        pytest.param(lambda text, tag: text.replace("10.0.0.1", "10.0.0.9", 1), id="way"),
        pytest.param(
            lambda text, tag: text.replace(tag.partition(".")[0], "0123456789abcdef"), id="nobody's call"
        ),
    ],
)
def test_nothing_is_said_to_what_answers_no_invite_of_ours(bench, bob, forgotten, changed):
    text = bytes(forgotten).decode().partition("\r\n")[2].partition("\r\n\r\n")[0]
    lines = [
        line
        for line in text.split("\r\n")
        if line.lower().startswith(("via", "from", "to:", "call-id", "cseq"))
    ]
    lines = [line + ";tag=second" if line.startswith("To:") else line for line in lines]
    given = "\r\n".join(["SIP/2.0 200 OK", *lines, f"Contact: <sip:bob@{bob.address}>", "", ""])
    asked = changed(given, forgotten.from_tag)
    assert asked != given
    bob.flow.send(asked.encode())
    bench.run(1)

    assert bob.heard == []
    assert bench.switch.late_answers._hung_up == {}
    bob.flow.send(given.encode())
    bench.run(1)
    assert told(bob) == [("ACK", "second"), ("BYE", "second")]


def test_a_call_that_goes_on_hears_nothing_of_it(bench, alice, bob, talking):
    """Its record is written at its end: what a call has that cannot be read stays what it is."""
    _, invite = talking
    row = bench.database.rows["call"]
    kept = dict(row)
    row.clear()
    bench.restart()
    bob.clear()
    bob.answer(invite, 200)

    assert (len(kept), bob.heard) == (1, [])


def test_an_answer_that_cannot_be_read_is_left(bench, bob, forgotten):
    forgotten.headers.set("To", "<sip:>")
    bob.answer(forgotten, 200, tag="second")
    bench.run(1)

    assert bob.heard == []
    assert bench.switch.late_answers._hung_up == {}


def test_no_more_are_dealt_with_at_once_than_there_is_room_for(bench, bob, forgotten):
    for number in range(MOST_LATE + 5):
        bob.answer(forgotten, 200, tag=f"made-up-{number}")

    assert (
        len([each for each in bob.heard if isinstance(each, Request) and each.method == "ACK"]) == MOST_LATE
    )
    bench.run(40)
    assert bench.switch.late_answers._hung_up == {}
