import pytest

from sipwright.sip.headers.event import parse_event


@pytest.mark.parametrize(
    ("values", "event"),
    [
        (["dialog"], ("dialog", "")),
        (["Refer;ID=93809824"], ("refer", "93809824")),
        (["refer ; x=id\t; Id = 7;y"], ("refer", "7")),
        (["message-summary;uid=7"], ("message-summary", "")),
        (["a.b;id"], ("a.b", "")),
        ([], ("", "")),
        (["dialog", "dialog"], ("", "")),
        (["dialog, presence"], ("", "")),
        ([""], ("", "")),
        ([";id=1"], ("", "")),
    ],
)
def test_an_event_is_read_in_any_case(values, event):
    """RFC 6665 §8.2.1, RFC 3261 §7.3.1."""
    assert parse_event(values) == event
