"""What a lamp shows of what it is told (RFC 4235 §4.1)."""

from __future__ import annotations

from .lamps import Lamp


def told(state: str, **dialogs: str) -> bytes:
    """Return a document as the switch writes it."""
    found = "".join(
        f'<dialog id="{key}" call-id="c"><state>{value}</state></dialog>' for key, value in dialogs.items()
    )
    head = '<?xml version="1.0"?>\r\n<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="3" '
    return f'{head}state="{state}" entity="sip:pa@sip.test">{found}</dialog-info>'.encode()


def test_it_shows_the_dialogs_that_are_not_over():
    lamp = Lamp("pa")
    lamp.hear(told("full", d1="early", d2="confirmed", d3="terminated"))

    assert lamp.shown == {b"d1": "early", b"d2": "confirmed"}


def test_a_part_changes_what_it_names_and_all_takes_the_place_of_what_was_shown():
    lamp = Lamp("pa")
    lamp.hear(told("full", d1="early", d2="confirmed"))
    lamp.hear(told("partial", d1="terminated"))
    assert lamp.shown == {b"d2": "confirmed"}

    lamp.hear(told("full"))
    assert lamp.shown == {}
