"""A name, a URI and parameters, in all the ways they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.sip import STAR, NameAddr, ParseError, Uri


@pytest.mark.parametrize(
    ("text", "display_name", "uri", "params"),
    [
        ("sip:a@b", None, "sip:a@b", {}),
        ("sip:a@b;tag=1", None, "sip:a@b", {"tag": "1"}),
        (" sip:a@b ; tag=1", None, "sip:a@b", {"tag": "1"}),
        ("tel:+123;tag=x", None, "tel:+123", {"tag": "x"}),
        ("<sip:a@b;lr>;tag=1", None, "sip:a@b;lr", {"tag": "1"}),
        ("<sip:a@b?x=y>", None, "sip:a@b?x=y", {}),
        ("Bob <sip:a@b> ;tag=1", "Bob", "sip:a@b", {"tag": "1"}),
        ("Bob B. Smith<sip:a@b>", "Bob B. Smith", "sip:a@b", {}),
        ("Bell, Alexander <sip:a@b>", "Bell, Alexander", "sip:a@b", {}),
        ("Jürgen <sip:a@b>", "Jürgen", "sip:a@b", {}),
        ('"" <sip:a@b>', "", "sip:a@b", {}),
        ('"Bob"<sip:a@b>', "Bob", "sip:a@b", {}),
        ('"A <sip:x@y>, \\"B\\" \\\\" <sip:a@b>', 'A <sip:x@y>, "B" \\', "sip:a@b", {}),
        (
            '<sip:a@b>;+sip.instance="<urn:uuid:1;2>";expires=60',
            None,
            "sip:a@b",
            {"+sip.instance": '"<urn:uuid:1;2>"', "expires": "60"},
        ),
        ("<nobody:knows,this>", None, "nobody:knows,this", {}),
    ],
)
def test_the_parts_of_an_address(text, display_name, uri, params):
    address = NameAddr.parse(text)

    assert (address.display_name, str(address.uri), address.params) == (display_name, uri, params)
    assert str(address) == text.strip()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "To: the URI cannot be read: "),
        ("<>", "To: the URI cannot be read: "),
        ("<sip:a@b", "To: the URI cannot be read: <sip:a@b"),
        ('"Bob <sip:a@b>', 'To has a URI that needs angle brackets: "Bob <sip:a@b>'),
        ('"Bob" x <sip:a@b>', 'To has a URI that needs angle brackets: "Bob" x <sip:a@b>'),
        ("sip:a@b?x=y", "To has a URI that needs angle brackets: sip:a@b?x=y"),
        ("sip:a@b, sip:c@d", "To has a URI that needs angle brackets: sip:a@b, sip:c@d"),
        ("<sip:a@b>, <sip:c@d>", "To has a parameter that cannot be read at ', <sip:c@d>'"),
        ("<sip:a@b>;tag=1;tag=2", "To has the parameter tag twice"),
        ("<sip:a@b:99999>", "To: the URI has a port above 65535: 99999"),
    ],
)
def test_what_is_wrong_with_an_address(text, reason):
    with pytest.raises(ParseError) as caught:
        NameAddr.parse(text, "To")

    assert (caught.value.reason, caught.value.header) == (reason, "To")


def test_lists_of_addresses():
    assert NameAddr.parse_list([""], "Route") == NameAddr.parse_list(["", " , "], "Route") == []
    addresses = NameAddr.parse_list(['"A, B" <sip:a,c@b>;x="1,2" , sip:d', "<sip:e>"], "Route")

    assert [str(address.uri) for address in addresses] == ["sip:a,c@b", "sip:d", "sip:e"]


def test_the_tag_and_other_parameters():
    address = NameAddr.parse('<sip:a@b>;tag=x;text="a \\"b\\"";lr')

    assert address.tag == "x"
    assert [address.param(name) for name in ("tag", "text", "lr", "none")] == ["x", 'a "b"', None, None]
    assert NameAddr.parse("<sip:a@b>").tag is None


def test_building_an_address():
    uri = Uri(user="a", host="b")

    assert str(NameAddr(uri)) == "<sip:a@b>"
    assert str(NameAddr("tel:123", 'The "B"', {"tag": "1", "lr": None})) == '"The \\"B\\"" <tel:123>;tag=1;lr'
    assert str(NameAddr(STAR)) == "*"
    assert repr(NameAddr(uri)) == "NameAddr('<sip:a@b>')"


def test_addresses_compare_by_their_parts():
    one, same = NameAddr.parse("Bob  <sip:a@b> ;tag=1"), NameAddr.parse('"Bob"<sip:a@b>;tag=1')

    assert one == same
    assert hash(one) == hash(same)
    assert one != NameAddr.parse("Bob <sip:a@b>;tag=2")
    assert one != "Bob <sip:a@b>;tag=1"


NAMES = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=30)


@given(NAMES, st.from_regex(r"[a-z0-9]{1,9}", fullmatch=True))
def test_any_display_name_survives(display_name, tag):
    address = NameAddr("sip:a@b", display_name, {"tag": tag})

    assert NameAddr.parse(str(address)) == address


@given(st.text('<>",;sip:a@b\\ =?', max_size=30))
def test_any_text_is_an_address_or_a_parse_error(text):
    try:
        address = NameAddr.parse(text)
    except ParseError:
        return
    assert NameAddr.parse(str(address)) == address
