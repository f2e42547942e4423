"""RFC 4028: what two ends agree on."""

import pytest

from sipwright.sip import Request, Response
from sipwright.sip.session_timer import (
    Agreement,
    SessionExpires,
    accept,
    accept_headers,
    agreed,
    is_too_short,
    min_se,
    session_expires,
    supports_timer,
)


def invite(*lines):
    return Request("INVITE", "sip:a@b", [tuple(line.split(": ", 1)) for line in lines])


def ok(*lines):
    return Response(200, None, [tuple(line.split(": ", 1)) for line in lines])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Session-Expires: 1800", SessionExpires(1800, None)),
        ("x: 1800 ; Refresher = UAS", SessionExpires(1800, "uas")),
        ("Session-Expires: 90;refresher=uac;x", SessionExpires(90, "uac")),
        ("Session-Expires: 90;refresher=me", SessionExpires(90, None)),
        ("Session-Expires: soon", None),
        ("Session-Expires: -1", None),
        ("Subject: 90", None),
    ],
)
def test_session_expires_is_read_in_both_forms(line, said):
    assert session_expires(invite(line)) == said


@pytest.mark.parametrize(
    ("line", "seconds"), [("Min-SE: 120", 120), ("Min-SE: 120;x=1", 120), ("Min-SE: x", 0), ("Subject: 7", 0)]
)
def test_min_se_is_a_number(line, seconds):
    assert min_se(invite(line)) == seconds


@pytest.mark.parametrize(
    ("line", "knows"),
    [
        ("Supported: 100rel, Timer", True),
        ("k: timer", True),
        ("Require: timer", True),
        ("Supported: timers", False),
    ],
)
def test_who_supports_or_requires_timers_knows_them(line, knows):
    assert supports_timer(invite(line)) is knows


@pytest.mark.parametrize(
    ("lines", "is_refused"),
    [
        (("Session-Expires: 89", "Supported: timer"), True),
        (("Session-Expires: 90", "Supported: timer"), False),
        (("Session-Expires: 89",), False),  # a 422 would mean nothing to it (§8.1)
        (("Supported: timer",), False),
    ],
)
def test_whoever_knows_timers_is_told_that_its_interval_is_too_short(lines, is_refused):
    assert is_too_short(invite(*lines), 90) is is_refused


@pytest.mark.parametrize(
    ("lines", "agreement"),
    [
        # Table 2
        (("Session-Expires: 1200",), Agreement(1200, "uas")),
        (("Session-Expires: 1200;refresher=uac",), Agreement(1200, "uas")),
        (("Session-Expires: 1200", "Supported: timer"), Agreement(1200, "uac")),
        (("Session-Expires: 1200;refresher=uac", "Supported: timer"), Agreement(1200, "uac")),
        (("Session-Expires: 1200;refresher=uas", "Supported: timer"), Agreement(1200, "uas")),
        # it is never made longer, nor shorter than Min-SE
        (("Session-Expires: 7200", "Supported: timer"), Agreement(1800, "uac")),
        (("Session-Expires: 7200", "Min-SE: 3600", "Supported: timer"), Agreement(3600, "uac")),
        (("Session-Expires: 100", "Min-SE: 200", "Supported: timer"), None),
        (("Session-Expires: 60",), None),
        # who knows timers and asks for none is asked for one
        (("Supported: timer",), Agreement(1800, "uac")),
        (("Supported: timer", "Min-SE: 2000"), Agreement(2000, "uac")),
        (("Supported: replaces",), None),
    ],
)
def test_what_is_agreed_by_accepting_a_request(lines, agreement):
    assert accept(invite(*lines), 1800) == agreement


def test_a_change_that_does_not_say_otherwise_leaves_the_roles_as_they_are():
    """§7.4: so that they do not change at each refresh."""
    kept = Agreement(600, "uas")

    assert accept(invite("Supported: timer"), 1800, kept) == kept
    assert accept(invite("Supported: timer", "Min-SE: 700"), 1800, kept) == Agreement(700, "uas")
    assert accept(invite("Supported: timer", "Session-Expires: 500"), 1800, kept) == Agreement(500, "uas")
    assert accept(invite("Subject: 1"), 1800, kept) is None


def test_the_2xx_says_who_refreshes_and_has_to_be_understood_by_who_knows_timers():
    agreement = Agreement(1200, "uas")

    assert accept_headers(invite("Supported: timer"), agreement) == [
        ("Session-Expires", "1200;refresher=uas"),
        ("Require", "timer"),
    ]
    assert accept_headers(invite("Session-Expires: 1200"), agreement) == [
        ("Session-Expires", "1200;refresher=uas")
    ]


@pytest.mark.parametrize(
    ("line", "agreement"),
    [
        ("Session-Expires: 1200;refresher=uas", Agreement(1200, "uas")),
        ("Session-Expires: 1200", Agreement(1200, "uac")),
        ("Session-Expires: 5;refresher=uac", Agreement(90, "uac")),
        ("Subject: none", None),
    ],
)
def test_what_a_2xx_has_agreed_on(line, agreement):
    """§7.2; an interval that would have us refresh without end is none (§11.1)."""
    assert agreed(ok(line)) == agreement
