"""Patterns that anybody may write: what they match, and that none of them takes long."""

import re

import pytest

from computing import seconds_of
from sipwright.control.pattern import LONGEST, Pattern, PatternError

TEXTS = [
    "",
    "a",
    "b",
    "ab",
    "aab",
    "abc",
    "A1_",
    "call 503 Service",
    "x-y",
    "aaaa",
    "a.b",
    "tab\there",
    "(x)",
    "é",
    "]",
]


@pytest.mark.parametrize(
    "pattern",
    ["", "a", "ab", "a|b", "a*", "a+b", "a?b", "(ab)+", "(?:a|b)c", "^a", "a$", "^$", "^ab?$",
     "[abc]", "[^a]", "[a-c]+$",
     r"\d{3}", r"\d+", r"\w\d_", r"\s", r"\S\s\S", "a{2}", "a{2,}", "a{1,2}b", "a{0}b", "(a{2}){2}", ".", "^.$",
     r"a\.b",
     r"\(x\)", "x-y", "[x-]", "[]]", "(a|ab)(c|bc)", "(a*)*b", "(^a|b$)", "a|", "call 5.3", "a+?b", r"\t", "(a|b)*c$"],
)  # fmt: skip
def test_it_finds_what_pythons_own_finds(pattern):
    for text in TEXTS:
        wanted = re.search(pattern, text, re.IGNORECASE | re.DOTALL) is not None

        assert Pattern(pattern).is_in(text) is wanted, text


@pytest.mark.parametrize(
    ("pattern", "position"),
    [("(", 0), ("a)", 1), ("[a", 0), ("*a", 0), ("a**", 1), ("a{x}", 1), ("a{5,2}", 1), ("a{1000}", 1), ("\\", 1),
     ("(?=a)", 0), (r"\1", 0), (r"\b", 0), ("[z-a]", 3), ("((a{100}){100}){100}", None), ("(" * 30 + ")" * 30, 20),
     ("x" * (LONGEST + 1), LONGEST)],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_place(pattern, position):
    with pytest.raises(PatternError) as refused:
        Pattern(pattern)

    assert position is None or refused.value.position == position


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a|a)*b",
        "(a*)*b",
        "a*a*a*a*a*a*b",
        "(.*)*(.*)*x",
        "(a?){20}a{20}b",
        "(.*a){20}b",
        r"(\w+\s?)+!",
    ],
)
def test_none_takes_long(pattern):
    found = Pattern(pattern)
    texts = ("a" * 4_000, "ab " * 2_000, "".join(map(chr, range(32, 4_000))))

    assert seconds_of(lambda: [found.is_in(text) for text in texts]) < 2
