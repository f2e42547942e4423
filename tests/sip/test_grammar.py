"""The shared pieces of the grammar, at their edges and in linear time."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computing import seconds_of
from sipwright.sip import ParseError
from sipwright.sip.grammar import (
    forbid_breaks,
    format_params,
    is_token,
    listed,
    parse_content_length,
    parse_max_forwards,
    parse_params,
    parse_seconds,
    quote,
    read_number,
    shown,
    shown_line,
    split_list,
    unquote,
)

TOKENS = st.text("abcdefXYZ019-.!%*_+`'~", min_size=1, max_size=12)
NO_BREAKS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=30)


@pytest.mark.parametrize("text", ["INVITE", "a.b-c!%*_+`'~9"])
def test_tokens(text):
    assert is_token(text)


@pytest.mark.parametrize("text", ["", "a b", "a:b", "a\n", "ä", "a@b", "(a)"])
def test_not_tokens(text):
    assert not is_token(text)


@given(NO_BREAKS)
def test_quoting_can_be_undone(text):
    assert unquote(quote(text)) == text


@pytest.mark.parametrize("text", ["abc", '"', "", '"abc', 'abc"'])
def test_only_a_quoted_string_is_unquoted(text):
    assert unquote(text) == text


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_a_line_break_is_refused(text):
    with pytest.raises(ValueError, match="line break"):
        forbid_breaks(text)


def test_other_text_is_let_through():
    forbid_breaks("a\tb\x85ä")


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("", {}),
        (";lr", {"lr": None}),
        (";Tag=Ab;q=0.5", {"tag": "Ab", "q": "0.5"}),
        ("; Tag = Ab ; lr ; q = 0.5 ", {"tag": "Ab", "lr": None, "q": "0.5"}),
        (';text="a;b,\\"c=d"', {"text": '"a;b,\\"c=d"'}),
        (";nonce=abc==", {"nonce": "abc=="}),
        (";received=2001:db8::1", {"received": "2001:db8::1"}),
        (";rport=;tag= ; lr", {"rport": None, "tag": None, "lr": None}),
        (";a=1; ", {"a": "1"}),
        (";", {}),
    ],
)
def test_parameters(text, params):
    assert parse_params(text, "Contact") == params


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (";;", "Contact has a parameter that cannot be read at ';;'"),
        (";;lr", "Contact has a parameter that cannot be read at ';;lr'"),
        (";a==b", "Contact has a parameter that cannot be read at '=b'"),
        (';a="open', "Contact has a parameter that cannot be read at '\"open'"),
        (" ;a", "Contact has a parameter that cannot be read at ' ;a'"),
        (";a b", "Contact has a parameter that cannot be read at 'b'"),
        (";a;A=1", "Contact has the parameter a twice"),
    ],
)
def test_what_is_wrong_with_parameters(text, reason):
    with pytest.raises(ParseError) as caught:
        parse_params(text, "Contact")

    assert (caught.value.reason, caught.value.header) == (reason, "Contact")


@given(st.dictionaries(TOKENS.map(str.lower), st.one_of(st.none(), TOKENS, NO_BREAKS.map(quote)), max_size=6))
def test_parameters_survive_a_round_trip(params):
    assert parse_params(format_params(params), "Contact") == params


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("0070", 70),
        ("255", 255),
        ("256", None),
        ("", None),
        ("-1", None),
        ("1_0", None),
        ("٣", None),
    ],
)
def test_numbers(text, number):
    assert read_number(text, 255) == number


def test_a_number_of_a_million_digits_is_not_computed():
    assert read_number("9" * 1_000_000, 255) is None


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a , b,,c", ["a", "b", "", "c"]),
        ('"a, b" <sip:a>, <sip:b,c>', ['"a, b" <sip:a>', "<sip:b,c>"]),
        ('"a\\", b" <sip:a>,b', ['"a\\", b" <sip:a>', "b"]),
        ("a (x, (y, z), \\), w), b", ["a (x, (y, z), \\), w)", "b"]),
        ("sip:a(b@c, sip:(d@e, f", ["sip:a(b@c", "sip:(d@e", "f"]),
        ('a, "open, b', ["a", '"open, b']),
        ("a, <open, b", ["a", "<open, b"]),
    ],
)
def test_lists_split_at_commas_that_stand_alone(value, parts):
    assert split_list(value) == parts
    assert list(listed([value, ",", value])) == [part for part in parts * 2 if part]


@given(st.lists(NO_BREAKS.map(quote), min_size=1, max_size=5))
def test_a_list_of_quoted_strings_survives(parts):
    assert split_list(", ".join(parts)) == parts


@pytest.mark.parametrize("text", ["(", "<", '"', "()", "(,", '\\"', ";", ";a", " ", ",", "((,)"])
def test_no_input_of_64_kilobytes_is_slow(text):
    """A quadratic pattern would need minutes here."""
    long = "," + text * (65_536 // len(text))

    def read():
        split_list(long)
        with contextlib.suppress(ParseError):
            parse_params(long, "Contact")
            parse_params(";a=" + long, "Contact")

    assert seconds_of(read) < 10.0


@pytest.mark.parametrize(
    ("text", "is_shown_as"),
    [
        ("Busy Here", "Busy Here"),
        ("Bus\x1b[2Jy", "Bus[2Jy"), ("a\u202eb\x9bc\x7f", "abc"), ("Büro 日本", "Büro 日本"),
        ("latin \udce9", "latin \udce9"),
    ],
)  # fmt: skip
def test_characters_that_nobody_sees_are_left_out(text, is_shown_as):
    assert shown(text) == is_shown_as


@pytest.mark.parametrize(
    ("line", "is_shown_as"),
    [
        ('Reply-To: "A \\"b\\"" <sip:a@b>', 'Reply-To: "A \\"b\\"" <sip:a@b>'),
        ('Reply-To: "A\\\x00b\x1bc" <sip:a@b>', 'Reply-To: "Abc" <sip:a@b>'),
        ('Reply-To: "A\\\\\x00" <sip:a@b>', 'Reply-To: "A\\\\" <sip:a@b>'),
        ('Reply-To: "A\\\\\\\u202e" <sip:a@b>', 'Reply-To: "A\\\\" <sip:a@b>'),
        ("Subject: a\tb", "Subject: a b"),
        ("Subject: \udce9", "Subject: \udce9"),
    ],
)
def test_in_a_line_the_backslash_before_one_goes_too(line, is_shown_as):
    """RFC 3261 §25.1: what is left must still be a quoted string."""
    assert shown_line(line) == is_shown_as


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("3600", 3600),
        ("0", 0),
        ("4294967296", 2**32 - 1),
        ("9" * 50, 2**32 - 1),
        ("", None),
        ("-1", None),
        ("one hour", None),
        ("٣٦٠٠", None),
        ("3600 ", None),
    ],
)
def test_seconds_are_cut_to_32_bits(text, seconds):
    """RFC 3261 §20.19: 0 to 2**32 - 1; what is malformed leaves it to the default (§10.2.1.1)."""
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(("text", "hops"), [("70", 70), ("0", 0), ("0068", 68), ("255", 255)])
def test_max_forwards(text, hops):
    assert parse_max_forwards(text) == hops


@pytest.mark.parametrize("text", ["256", "-1", "", "seventy", "300"])
def test_max_forwards_out_of_range(text):
    """RFC 3261 §20.22."""
    with pytest.raises(ParseError, match="Max-Forwards is not a number from 0 to 255"):
        parse_max_forwards(text)


@pytest.mark.parametrize(("values", "length"), [(["0"], 0), (["0150"], 150), (["7", "7", "07"], 7)])
def test_content_length(values, length):
    assert parse_content_length(values) == length


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["-999"], "Content-Length is not a number"),
        ([""], "Content-Length is not a number"),
        (["9" * 20], "Content-Length is not a number"),
        (["1", "2"], "Content-Length is there twice with different values"),
    ],
)
def test_content_length_that_cannot_be_trusted(values, reason):
    with pytest.raises(ParseError) as caught:
        parse_content_length(values)

    assert (caught.value.reason, caught.value.header) == (reason, "Content-Length")
