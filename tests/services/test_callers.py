"""How providers write the numbers of callers."""

import pytest

from sipwright.services.callers import formatted, is_number


@pytest.mark.parametrize(
    ("number", "plus", "digits"),
    [
        ("+353 1 555-1234", "+35315551234", "35315551234"),
        ("0035315551234", "+35315551234", "35315551234"),
        ("35315551234", "+35315551234", "35315551234"),
        ("015551234", "015551234", "015551234"),  # of which country is not said
        ("300", "300", "300"),
        ("alice", "alice", "alice"),
        ("anonymous", "anonymous", "anonymous"),
        ("", "", ""),
    ],
)
def test_a_number_is_written_as_a_provider_wants_it(number, plus, digits):
    assert [formatted(number, how) for how in ("plus", "digits", None)] == [plus, digits, number]


@pytest.mark.parametrize(
    ("name", "is_one"), [("+35315551234", True), ("353 1 555 1234", True), ("300", False), ("alice", False)]
)
def test_an_extension_is_no_number_that_others_could_call(name, is_one):
    assert is_number(name) is is_one
