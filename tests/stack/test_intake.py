import pytest
from tests.stack.conftest import PEER

from sipwright.stack import intake
from sipwright.stack.intake import HeldMessages


def test_a_short_message_may_find_the_room_that_a_long_one_did_not(monkeypatch):
    monkeypatch.setattr(intake, "MOST_BYTES", 4)
    held = HeldMessages()
    for data in (b"one", b"three", b"4"):
        held.keep(data, None)

    assert ([data for data, _ in held.messages], held.dropped) == ([b"one", b"4"], 1)


def test_what_is_held_is_taken_in_order_and_then_whatever_comes(element, peer, request_text):
    element.stack.intake.hold()
    for number in (1, 2):
        peer.send(request_text(call_id=str(number)), element)
    assert element.received == []

    element.stack.intake.release()
    peer.send(request_text(call_id="3"), element)

    assert [incoming.request.call_id for incoming in element.received] == ["1", "2", "3"]
    assert element.log.lines == []


def test_registrations_are_handled_while_all_else_is_held(element, peer, request_text):
    element.stack.intake.hold(but_pings=True)
    peer.send(request_text("MESSAGE", call_id="1"), element)
    peer.send(request_text("REGISTER", call_id="2"), element)
    assert [incoming.request.call_id for incoming in element.received] == ["2"]

    element.stack.intake.release()

    assert [incoming.request.call_id for incoming in element.received] == ["2", "1"]


@pytest.mark.parametrize(("bound", "most"), [("MOST_MESSAGES", 2), ("MOST_BYTES", 500)])
def test_what_finds_no_room_is_dropped_and_said_at_the_end(
    element, peer, request_text, monkeypatch, bound, most
):
    monkeypatch.setattr(intake, bound, most)
    element.stack.intake.hold()
    for number in range(5):
        peer.send(request_text(call_id=str(number)), element)
    element.stack.intake.release()

    assert [incoming.request.call_id for incoming in element.received] == ["0", "1"]
    assert [values for _, values in element.log.lines] == [{"dropped": 3}]


def test_there_is_room_again_for_what_is_held_next(element, peer, request_text, monkeypatch):
    monkeypatch.setattr(intake, "MOST_MESSAGES", 1)
    for number in range(2):
        element.stack.intake.hold()
        peer.send(request_text(call_id=str(number)), element)
        element.stack.intake.release()

    assert [incoming.request.call_id for incoming in element.received] == ["0", "1"]


def test_a_stack_that_does_not_listen_any_more_still_sends(element, peer, request_text, outgoing, user):
    element.stack.intake.stop()
    peer.send(request_text("INVITE"), element)
    element.stack.send_request(outgoing(), PEER, user)
    element.network.advance(0.02)

    assert [type(message).__name__ for message in peer.received] == ["Request"]
    assert element.received == []
