"""What a provider takes for a second client, and for none."""

from __future__ import annotations

import pytest

from sipwright.sip import Request

from .registrar import GRANTED, Client

NORTH, SOUTH = "sip:0f5a@127.0.0.1:5060", "sip:0f5a@127.0.0.2:5060"


def register(cseq: int, *contacts: str, call_id: str = "c") -> Request:
    headers = [
        ("Via", "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1"), ("From", "<sip:held0@x>;tag=1"), ("To", "<sip:held0@x>"),
        ("Call-ID", call_id), ("CSeq", f"{cseq} REGISTER"), ("Expires", "3600"),
    ]  # fmt: skip
    return Request("REGISTER", "sip:x", [*headers, *(("Contact", contact) for contact in contacts)])


@pytest.fixture
def client() -> Client:
    found = Client()
    first = register(4, f"<{NORTH}>")
    assert (found.complaint(first), found.bind(first, 0.0)) == (None, None)
    return found


@pytest.mark.parametrize(
    ("again", "complaint"),
    [
        (register(5), None),
        (register(4), "CSeq 4 after 4"),
        (register(3), "CSeq 3 after 4"),
        (register(5, call_id="d"), "Call-ID d after c"),
    ],
)
def test_another_client_counts_by_itself(client: Client, again: Request, complaint: str | None):
    assert client.complaint(again) == complaint


def test_who_goes_on_takes_back_what_the_one_before_has_bound(client: Client):
    assert client.bind(register(5, f"<{SOUTH}>"), 1.0) == f"is registered at {NORTH} and {SOUTH}"
    assert client.bind(register(6, f"<{NORTH}>;expires=0", f"<{SOUTH}>"), 2.0) is None
    assert client.bound(2.0) == [SOUTH]


def test_a_lapse_begins_with_the_end_of_the_last_binding(client: Client):
    assert [client.lapse(GRANTED + seconds) for seconds in (-1.0, 2.0, 3.0)] == [0.0, 2.0, 3.0]
    client.bind(register(5, f"<{NORTH}>"), GRANTED + 4.0)
    assert client.lapse(GRANTED + 5.0) == 0.0


def test_nobody_is_missed_who_was_never_there():
    assert Client().lapse(100.0) == 0.0
