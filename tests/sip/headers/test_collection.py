"""An ordered multimap that keeps what it is not asked to change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.sip import Headers, ParseError
from sipwright.sip.headers.collection import index_lines, value_of


def lines(*texts):
    return Headers.from_lines(list(texts), index_lines(list(texts)))


def test_names_match_in_any_spelling():
    headers = lines("Via: one", "v:two", "VIA : three", "X-Own:  4 \t")

    assert headers.get("via") == "one"
    assert headers.get_all("V") == ["one", "two", "three"]
    assert headers.get("x-OWN") == "4"
    assert ("Via" in headers, "v" in headers, "To" in headers) == (True, True, False)
    assert len(headers) == 4


def test_a_missing_header():
    headers = Headers()

    assert headers.get("To") is None
    assert headers.get("To", "x") == "x"
    assert (headers.get_all("To"), headers.get_list("To")) == ([], [])


def test_items_keep_order_and_spelling():
    headers = lines("v:two", "Call-ID : x", "V: three")

    assert list(headers.items()) == [("v", "two"), ("Call-ID", "x"), ("V", "three")]
    assert repr(headers) == "Headers([('v', 'two'), ('Call-ID', 'x'), ('V', 'three')])"


def test_lists_span_lines_and_skip_what_is_empty():
    headers = lines("Supported: a, b", "k: c,,", "Supported:")

    assert headers.get_list("Supported") == ["a", "b", "c"]


def test_folded_values_are_unfolded():
    headers = lines("Subject: I know you're there,\r\n \t pick up\n the phone")

    assert headers.get("Subject") == "I know you're there, pick up the phone"


@pytest.mark.parametrize(
    ("line", "value"), [("A:", ""), ("A: b:c ", "b:c"), ("A:\r\n b", "b"), ("A: b\r\n ", "b")]
)
def test_values(line, value):
    assert value_of(line) == value


def test_a_line_needs_a_colon_and_a_name():
    with pytest.raises(ParseError, match="Via has no colon"):
        index_lines(["Via"])
    with pytest.raises(ParseError, match="not a token"):
        index_lines(["Vi a: x"])


def test_building_leaves_the_length_to_the_message():
    headers = Headers([("To", "<sip:a>"), ("Content-Length", "7"), ("l", "8")])

    assert list(headers.items()) == [("To", "<sip:a>")]
    assert headers.is_changed
    assert not headers.has_length


def test_add_appends():
    headers = lines("Via: one", "To: x")
    headers.add("v", "two")

    assert headers.lines() == ["Via: one", "To: x", "v: two"]
    assert headers.get_all("Via") == ["one", "two"]


def test_insert_goes_before_the_first_of_its_name():
    headers = lines("To: x", "Route: a", "Route: b")
    headers.insert("Route", "c")

    assert headers.lines() == ["To: x", "Route: c", "Route: a", "Route: b"]
    assert headers.get_all("Route") == ["c", "a", "b"]


def test_insert_goes_to_the_top_when_it_is_the_first_of_its_name():
    headers = lines("To: x")
    headers.insert("Via", "a")
    empty = Headers()
    empty.insert("Via", "a")

    assert headers.lines() == ["Via: a", "To: x"]
    assert empty.lines() == ["Via: a"]


def test_set_replaces_all_in_the_place_of_the_first():
    headers = lines("To: x", "m: a", "From: y", "Contact: b")
    headers.set("Contact", "c")

    assert headers.lines() == ["To: x", "Contact: c", "From: y"]
    assert headers.get_all("Contact") == ["c"]


def test_set_appends_what_was_not_there():
    headers = lines("To: x")
    headers.set("Contact", "c")

    assert headers.lines() == ["To: x", "Contact: c"]


def test_set_first_leaves_the_others():
    headers = lines("To: x", "Via: a", "Via: b")
    headers.set_first("Via", "c")

    assert headers.lines() == ["To: x", "Via: c", "Via: b"]
    assert headers.get_all("Via") == ["c", "b"]


def test_remove_takes_all_spellings():
    headers = lines("To: x", "Via: a", "v: b")
    headers.remove("VIA")

    assert headers.lines() == ["To: x"]
    assert "Via" not in headers


@pytest.mark.parametrize(
    "change",
    [
        lambda headers: headers.add("To", "x"),
        lambda headers: headers.insert("To", "x"),
        lambda headers: headers.set("To", "x"),
        lambda headers: headers.set_first("To", "x"),
        lambda headers: headers.remove("To"),
    ],
)
def test_a_change_forgets_what_was_read(change):
    headers = lines("To: a")
    headers.parsed["to"] = "read before"
    assert not headers.is_changed

    change(headers)

    assert headers.parsed == {}
    assert headers.is_changed


@pytest.mark.parametrize("value", ["a\r\nEvil: yes", "a\nEvil: yes", "a\rb", "a\0b"])
def test_a_value_cannot_smuggle_a_header(value):
    headers = lines("To: x")

    for change in (headers.add, headers.insert, headers.set, headers.set_first):
        with pytest.raises(ValueError, match="line break"):
            change("To", value)
    with pytest.raises(ValueError, match="line break"):
        Headers([("To", value)])

    assert headers.lines() == ["To: x"]


@pytest.mark.parametrize("name", ["", "Evil: yes\r\nTo", "a b", "To\n"])
def test_a_name_cannot_smuggle_a_header(name):
    with pytest.raises(ParseError):
        Headers([(name, "x")])
    with pytest.raises(ParseError):
        Headers().add(name, "x")


def test_a_length_that_was_set_or_removed_is_known():
    headers = Headers()

    headers.add("l", "5")
    assert headers.has_length
    headers.remove("Content-Length")
    assert not headers.has_length
    headers.set("Content-Length", "5")
    assert headers.has_length


NAMES = st.sampled_from(["Via", "v", "To", "Contact", "m", "X-Own"])
VALUES = st.text("abc", max_size=3)
CHANGES = st.lists(st.tuples(st.sampled_from(["add", "insert", "set", "remove", "set_first"]), NAMES, VALUES))


@given(CHANGES)
def test_the_index_always_agrees_with_the_lines(changes):
    headers = lines("Via: 1", "Contact: 2", "v: 3")
    for operation, name, value in changes:
        if operation == "remove":
            headers.remove(name)
        elif operation != "set_first" or name in headers:
            getattr(headers, operation)(name, value)

    first, repeated = index_lines(headers.lines())
    assert headers.index() == first
    assert {key: headers.lines_of(key) for key in first} == {key: [first[key]] for key in first} | repeated
