"""Contacts with preference and lifetime, and the star."""

import pytest

from sipwright.sip import STAR, NameAddr, ParseError, expires_of, parse_contacts, q_of
from sipwright.sip.headers.contact import parse_sole_contact, readable_contacts


def test_several_contacts_in_several_lines():
    contacts = parse_contacts(['"A, B" <sip:a@b;x=1>;q=0.7, sip:c@d', "<sip:e@f>"])

    assert [str(contact.uri) for contact in contacts] == ["sip:a@b;x=1", "sip:c@d", "sip:e@f"]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["Contact: <sip:a@b;x=1>"], ("<sip:a@b;x=1>", "sip:a@b;x=1")),
        (["m:<tel:1>"], ("<tel:1>", "tel:1")),
        ([], None),
        (["Contact: *"], None),
        (["Contact: <*>"], None),
        (["Contact: sip:a@b"], None),
        (["Contact: A <sip:a@b>"], None),
        (["Contact: <sip:a@b>;tag=1"], None),
        (["Contact: <sip:a@b>;expires=60"], None),
        (["Contact: <sip:a@b>, <sip:c@d>"], None),
        (["Contact: <sip:a@b>", "Contact: <sip:c@d>"], None),
    ],
)
def test_a_contact_that_is_nothing_but_a_uri(lines, found):
    sole = parse_sole_contact(lines)

    assert (sole and (sole[0], str(sole[1]))) == found


def test_no_contact_at_all():
    assert parse_contacts([]) == []


def test_the_star_stands_alone():
    (contact,) = parse_contacts(["*"])

    assert contact.uri is STAR


@pytest.mark.parametrize("values", [["*", "<sip:a@b>"], ["<sip:a@b>, *"], ["*, *"], ["*;expires=0"]])
def test_the_star_in_company(values):
    """RFC 3261 §10.3: nothing else may be in the request."""
    with pytest.raises(ParseError, match="Contact: the URI cannot be read"):
        parse_contacts(values)


@pytest.mark.parametrize("values", [[""], [","], [" , ,", ""]])
def test_an_empty_contact(values):
    with pytest.raises(ParseError, match="Contact"):
        parse_contacts(values)


@pytest.mark.parametrize("values", [["<sip:a@b>,"], [",<sip:a@b>"], [", ,<sip:a@b>", ","], ["<sip:a@b>", ""]])
def test_an_empty_element_is_no_contact(values):
    """Of any list (RFC 9110 §5.6.1.2)."""
    assert [str(contact) for contact in parse_contacts(values)] == ["<sip:a@b>"]


@pytest.mark.parametrize(
    ("params", "seconds"),
    [("", None), (";expires=60", 60), (";expires=0", 0), (';expires="30"', 30), (";expires=soon", None)],
)
def test_the_lifetime(params, seconds):
    assert expires_of(NameAddr.parse("<sip:a@b>" + params)) == seconds


@pytest.mark.parametrize(
    ("params", "q"),
    [
        ("", 1.0),
        (";q=0.5", 0.5),
        (";q=0", 0.0),
        (';q="0.3"', 0.3),
        (";q=1.000", 1.0),
        (";q=2", 1.0),
        (";q=high", 1.0),
        (";q=nan", 1.0),
        (";q", 1.0),
    ],
)
def test_the_preference(params, q):
    assert q_of(NameAddr.parse("<sip:a@b>" + params)) == q


def test_of_the_contacts_of_a_redirect_those_count_that_can_be_read():
    contacts = readable_contacts(
        ["<sip:a@b>;q=0.1", "<sip:broken", "<tel:+1>", "<sip:c@d>;q=0.9, *", "<sip:e@f>"]
    )

    assert [str(contact.uri) for contact in contacts] == ["sip:a@b", "sip:c@d", "sip:e@f"]


def test_some_can_use_others():
    contacts = readable_contacts(["<sip:a@b>", "<tel:+1>", "<mailto:a@b>", "*"], ("tel",))

    assert [str(contact.uri) for contact in contacts] == ["tel:+1"]
