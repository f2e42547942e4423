"""The bytes of a waiting script."""

import pytest

from sipwright.services.dialplan.sandbox.continuation import freeze, thaw


def test_what_is_frozen_thaws():
    assert thaw(freeze([{"dst": "3ü"}, 1.5, 2], b"\x00MONTY\xff")) == (
        [{"dst": "3ü"}, 1.5, 2],
        b"\x00MONTY\xff",
    )


@pytest.mark.parametrize("value", [2**80, "\udc80"])
def test_what_only_our_own_json_knows_thaws_too(value):
    assert thaw(freeze([{"a": value}], b"MONTY")) == ([{"a": value}], b"MONTY")


@pytest.mark.parametrize("snapshot", [b"", b"SW2", b"SW1", b"SW1zzzzzzzz", b"SW100000005[1,2", b"MONTY" * 5])
def test_anything_else_is_refused(snapshot):
    with pytest.raises(ValueError, match=r".*"):
        thaw(snapshot)
