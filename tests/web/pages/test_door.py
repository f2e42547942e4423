"""Who may come in, and where they go then."""

import pytest
from starlette.requests import Request

from sipwright.web.pages.door import is_from_elsewhere, safe_target


def request(**headers):
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(
        {"type": "http", "method": "POST", "path": "/login", "headers": lines, "query_string": b""}
    )


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/cdrs?q=1", "/cdrs?q=1"), ("https://evil.example/", "/"), ("//evil.example", "/"), ("/\\evil.example", "/"),
        ("/login", "/"), ("", "/"), ("/a\r\nSet-Cookie: x", "/"), ("/x\\y", "/"),
    ],
)  # fmt: skip
def test_nobody_is_led_to_another_site_after_logging_in(wanted, target):
    assert safe_target(wanted) == target


def test_a_form_that_another_site_has_sent_is_not_taken():
    assert is_from_elsewhere(request(sec_fetch_site="cross-site"))
    assert is_from_elsewhere(request(sec_fetch_site="same-site"))
    assert is_from_elsewhere(request(origin="https://evil.example", host="switch.example"))


def test_our_own_form_and_a_program_are():
    assert not is_from_elsewhere(request(sec_fetch_site="same-origin"))
    assert not is_from_elsewhere(request(origin="https://switch.example", host="switch.example"))
    assert not is_from_elsewhere(request())
