"""One key for every spelling of a header name."""

import pytest

from sipwright.sip import ParseError
from sipwright.sip.headers.names import KEYS


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Via", "via"),
        ("vIa", "via"),
        ("v", "via"),
        ("V", "via"),
        ("Call-ID", "call-id"),
        ("i", "call-id"),
        ("l", "content-length"),
        ("m \t", "contact"),
        ("X-Own", "x-own"),
        ("NewFangledHeader", "newfangledheader"),
    ],
)
def test_long_short_and_odd_spellings(name, key):
    assert KEYS[name] == key


@pytest.mark.parametrize("name", ["", " ", " Via", "Vi a", "Vi\u00e4", "To\r\n", "Call:ID", "(x)"])
def test_a_name_must_be_a_token(name):
    with pytest.raises(ParseError, match="A header name is not a token"):
        KEYS[name]


def test_invented_names_do_not_fill_the_memory(monkeypatch):
    """Beyond the bounds everything begins anew."""
    monkeypatch.setattr(KEYS, "most", len(KEYS) + 1)

    assert [KEYS[name] for name in ("X-1", "X-2", "X-" + "y" * 100)] == ["x-1", "x-2", "x-" + "y" * 100]
    assert list(KEYS) == ["X-2"]


def test_long_names_are_not_kept():
    name = "X-" + "z" * 100

    assert KEYS[name] == name.lower()
    assert name not in KEYS
