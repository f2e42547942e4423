"""What the switch says of a phone that it knows (RFC 3325 §5)."""

import pytest

from sipwright.services.switch.model.header_table import Party
from sipwright.services.switch.model.identity_headers import asserted, vouch
from sipwright.sip import Request

AOR = "sip:pat@example.org"
OURS = ("P-Asserted-Identity", f"<{AOR}>")


def invite(*headers):
    return Request("INVITE", "sip:bob@example.org", headers)


def vouched(*headers, is_anonymous=False):
    request = invite(*headers)
    vouch(request, AOR, is_anonymous=is_anonymous)
    return list(request.headers.items())


def test_what_a_phone_claims_is_replaced_by_what_we_know():
    preferred = ("P-Preferred-Identity", '"The Boss" <sip:pat@example.org>')

    assert vouched(preferred) == [OURS]
    assert vouched(("Remote-Party-ID", "<sip:boss@bank.example>"), ("Privacy", "id")) == [
        ("Privacy", "id"),
        OURS,
    ]


def test_who_hides_in_from_is_not_shown_by_what_we_assert():
    """RFC 3325 §9.3: a provider would show it otherwise."""
    assert vouched(is_anonymous=True) == [OURS, ("Privacy", "id")]
    assert vouched(("Privacy", "none"), is_anonymous=True) == [("Privacy", "none"), OURS]


def test_without_a_reason_nothing_is_said():
    assert vouched(("Subject", "x")) == [("Subject", "x")]
    assert vouched(("P-Asserted-Identity", "<sip:boss@bank.example>")) == []


@pytest.mark.parametrize(
    ("receiver", "is_private", "told"),
    [
        (Party.PHONE, False, [OURS]), (Party.PHONE, True, []), (Party.OUTSIDER, False, []),
        (Party.SWITCH, True, [OURS]), (Party.TRUNK, True, [OURS]),
    ],
)  # fmt: skip
def test_it_is_for_those_who_may_hear_it(receiver, is_private, told):
    """RFC 3325 §7: not for phones when it is to be kept private, and not for strangers at all."""
    request = invite(OURS, *([("Privacy", "id")] if is_private else []))

    assert [*asserted(request, receiver, f"<{AOR}>", is_shown_otherwise=False)] == told
    assert [*asserted(invite(), receiver, f"<{AOR}>", is_shown_otherwise=False)] == []


def test_a_provider_hears_the_number_that_it_knows():
    from_ = '"Anonymous" <sip:353@trunk.example>'
    told = [*asserted(invite(OURS), Party.TRUNK, from_, is_shown_otherwise=True)]

    assert told == [("P-Asserted-Identity", "<sip:353@trunk.example>")]
