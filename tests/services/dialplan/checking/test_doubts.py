"""What fails in some calls is told before: headers that nobody has to send."""

import pytest

from sipwright.services.dialplan.checking.doubts import doubts


@pytest.mark.parametrize(
    ("source", "line", "column", "instead"),
    [
        ('log(1)\nlog(req.headers["X-None"])', 2, 5, 'req.headers.get("X-None", "")'),
        ("if req.headers['User-Agent'].startswith('x'):\n    respond(403)", 1, 4, 'req.headers.get("User-Agent", "")'),
        ('h = req.headers\nlog(h["X-None"])', 2, 5, 'h.get("X-None", "")'),
        ('def f():\n    return req.headers["X-None"]\nf()', 2, 12, 'req.headers.get("X-None", "")'),
        ('from sipwright import req\nlog(req.headers["X-None"])', 2, 5, 'req.headers.get("X-None", "")'),
        ('try:\n    pass\nfinally:\n    log(req.headers["X-None"])', 4, 9, 'req.headers.get("X-None", "")'),
        ('"other" in req.headers\nlog(req.headers["X-None"])', 2, 5, 'req.headers.get("X-None", "")'),
    ],
)  # fmt: skip
def test_a_header_that_need_not_be_there(source, line, column, instead):
    (found,) = doubts(source)

    assert found[:2] == (line, column)
    name = instead.split('"')[1]
    told = f"fails where a caller sends no {name}, who hears 500 then; write {instead}"
    assert found.message.endswith(told)


@pytest.mark.parametrize(
    "source",
    [
        'log(req.headers["From"], req.headers["call-id"], req.headers["CONTACT"])',
        'log(req.headers.get("X-None", ""))',
        'if "x-none" in req.headers:\n    log(req.headers["X-None"])',
        'log(req.headers["X-None"] if "X-None" in req.headers else "")',
        'if "X-None" not in req.headers:\n    respond(403)\nlog(req.headers["X-None"])',
        'try:\n    log(req.headers["X-None"])\nexcept KeyError:\n    respond(403)',
        'name = "X-None"\nlog(req.headers[name])',
        'req = call\nlog(req.headers["X-None"])',
        'from sipsorcery import req\nlog(req.headers["X-None"])',
        'page = http_get("http://a.example")\nlog(page.headers["X-None"])',
        'h = req.headers\nh = {"X-None": 1}\nlog(h["X-None"])',
        "this is no script headers",
    ],
)
def test_where_there_is_doubt_about_the_doubt_nothing_is_said(source):
    assert doubts(source) == []
