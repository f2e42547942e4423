"""Lists a page at a time."""

import pytest

from sipwright.usecases.errors import Invalid
from sipwright.usecases.page import MOST, checked_limit, cursor_of, place_of


def test_a_cursor_names_the_place_to_go_on():
    assert place_of(cursor_of("ünicode", 3, 1.5), str, int, float) == ("ünicode", 3, 1.5)
    assert place_of(cursor_of(2), float) == (2,)
    assert place_of(None, str) is None


@pytest.mark.parametrize("cursor", ["", "x", "%%%", "é", cursor_of("a"), cursor_of(1, 2), cursor_of(True)])
def test_what_is_no_cursor_of_this_list_is_told_at_its_field(cursor):
    with pytest.raises(Invalid) as caught:
        place_of(cursor, int)

    assert caught.value.fields[0].field == "cursor"


@pytest.mark.parametrize("limit", [0, -1, MOST + 1])
def test_no_page_is_empty_or_endless(limit):
    with pytest.raises(Invalid):
        checked_limit(limit)
