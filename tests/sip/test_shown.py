"""Text of strangers, without what would do something to the screen of a phone."""

import pytest

from sipwright.sip.shown import shown, shown_line


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
