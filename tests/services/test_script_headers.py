"""Which headers a script may add to a message."""

import pytest

from sipwright.services.script_headers import header, one_line


def test_a_header_is_taken_on_one_line():
    assert header("X-Queue", "sales\r\nVia: x") == ("X-Queue", "sales Via: x")


@pytest.mark.parametrize("name", ["", "X Queue", "X:", "X\r\n", "é", "x" * 65])
def test_a_header_has_the_name_of_one(name):
    with pytest.raises(ValueError, match="is not the name of a header"):
        header(name, "1")


@pytest.mark.parametrize("name", ["Via", "CALL-ID", "l", "Proxy-Authorization", "Contact", "m"])
def test_what_the_switch_writes_itself_is_refused(name):
    with pytest.raises(ValueError, match=f"the header {name} is written by the switch"):
        header(name, "1")


def test_a_redirect_may_have_a_contact_but_not_in_short():
    assert header("contact", "<sip:a@b>", contact=True) == ("contact", "<sip:a@b>")
    with pytest.raises(ValueError, match="written by the switch"):
        header("m", "<sip:a@b>", contact=True)


def test_a_long_text_is_cut_where_it_says_so():
    assert one_line(" a\n\x00b ", 10) == "a b"
    assert one_line("x" * 20, 10) == "xxxxxxx..."
