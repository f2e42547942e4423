from sipwright.stack import held_messages
from sipwright.stack.held_messages import HeldMessages


def test_a_short_message_may_find_the_room_that_a_long_one_did_not(monkeypatch):
    monkeypatch.setattr(held_messages, "MOST_BYTES", 4)
    held = HeldMessages()
    for data in (b"one", b"three", b"4"):
        held.keep(data, None)

    assert ([data for data, _ in held.messages], held.dropped) == ([b"one", b"4"], 1)
