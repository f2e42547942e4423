"""Lists a page at a time."""

import base64
import math

import pytest

from sipwright.usecases.errors import Invalid
from sipwright.usecases.page import MOST, checked_limit, cursor_of, place_of


def test_a_cursor_names_the_place_to_go_on():
    assert place_of(cursor_of("x", "ünicode", 3, 1.5), "x", str, int, float) == ("ünicode", 3, 1.5)
    assert place_of(cursor_of("x", 2), "x", float) == (2,)
    assert place_of(None, "x", str) is None


def encoded(text):
    return base64.urlsafe_b64encode(text).decode()


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "%%%", "é", cursor_of("x"), cursor_of("x", "a"), cursor_of("x", 1, 2), cursor_of("x", True),
     cursor_of("y", 1), cursor_of("x", 2**63), cursor_of("x", 1.5), encoded(b"1"), encoded(b"[" * 20_000)],
)  # fmt: skip
def test_what_is_no_cursor_of_this_list_is_told_at_its_field(cursor):
    with pytest.raises(Invalid) as caught:
        place_of(cursor, "x", int)

    assert caught.value.fields[0].field == "cursor"


@pytest.mark.parametrize(
    ("kind", "value"),
    [(float, math.inf), (float, math.nan), (float, 1e300), (str, "\ud800"), (str, "\0"), (str, 1)],
)
def test_no_database_is_asked_for_what_it_cannot_compare(kind, value):
    with pytest.raises(Invalid):
        place_of(cursor_of("x", value), "x", kind)


@pytest.mark.parametrize("limit", [0, -1, MOST + 1])
def test_no_page_is_empty_or_endless(limit):
    with pytest.raises(Invalid):
        checked_limit(limit)
