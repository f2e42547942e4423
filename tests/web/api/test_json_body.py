"""Bodies: what JSON is, and what nobody can have meant is told with its place."""

from __future__ import annotations

import json

import pytest

from sipwright.web.api.json_body import DEEPEST, parsed
from sipwright.web.problems import Problem

JSON = "application/json"


def test_json_is_read():
    value = {"a": [1, 2.5, -3e-7, None, True, "ä€😀"], "": {}, "10 digits": 1234567890}

    assert parsed(json.dumps(value).encode(), JSON) == value
    assert parsed(json.dumps(value, ensure_ascii=False).encode(), "application/merge-patch+json") == value
    assert parsed(b"\xef\xbb\xbf[]", "Application/JSON; Charset=UTF-8") == []


@pytest.mark.parametrize(
    "kind",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "json", "application/jsonx", "text/json",
     "application/json; charset=latin-1", "multipart/form-data; boundary=x"],
)  # fmt: skip
def test_what_is_said_to_be_something_else_is_not_read(kind):
    with pytest.raises(Problem) as refused:
        parsed(b"{}", kind)

    assert (refused.value.status, refused.value.headers) == (415, {"Accept": JSON})


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b"{", None, "the body is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        (b'{"a":\n 1,}', None, "the body is not JSON: Expecting property name enclosed in double quotes at line 2, "
         "column 4"),
        (b"\xff", None, "the body is not JSON: it is not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), None, "the body is not JSON: it is not UTF-8"),
        (b"[NaN]", None, "the body is not JSON: NaN is no number there"),
        (b"[-Infinity]", None, "the body is not JSON: -Infinity is no number there"),
        (b"[1e999]", None, "1e999 is more than a number can be"),
        (b"[" + b"9" * 5_000 + b"]", None, "a number with 5,000 digits is more than anything here takes"),
        (b'{"a": 1, "b": 2, "a": 3}', "a", "it is there more than once, and only one can be meant"),
        (b'{"x": {"\\ud800": 1, "\\ud800": 2}}', "?", "it is there more than once, and only one can be meant"),
        (b'{"a": ["fine", "\\ud800"]}', "a.1", "there is NUL or half a character in it; leave that out"),
        (b'{"a": {"\\u0000": 1}}', "a", "there is NUL or half a character in it; leave that out"),
        (b'"\\udc00"', None, "there is NUL or half a character in it; leave that out"),
    ],
)  # fmt: skip
def test_what_nobody_can_have_meant_is_told_with_its_place(body, field, message):
    with pytest.raises(Problem) as refused:
        parsed(body, JSON)

    error = refused.value.errors[0]
    assert (refused.value.status, error["field"], error["message"]) == (422, field, message)


@pytest.mark.parametrize("depth", [DEEPEST + 1, 900, 100_000])
@pytest.mark.parametrize(("opened", "closed"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_brackets_within_brackets_are_bounded(depth, opened, closed):
    with pytest.raises(Problem, match="more than 64 brackets"):
        parsed(opened * depth + b"1" + closed * depth, JSON)

    assert parsed(opened * DEEPEST + b"1" + closed * DEEPEST, JSON)
