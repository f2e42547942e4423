"""From a phone number to a SIP address (RFC 6116)."""

import dns.asyncresolver
import dns.resolver
import dns.rrset
import pytest

from sipwright.services.dialplan.outside import EnumLookup, choose
from sipwright.services.dialplan.outside.enum import Naptr


def sip(regexp, order=100, preference=10, flags="u", service="E2U+sip"):
    return Naptr(order, preference, flags, service, regexp)


@pytest.mark.parametrize(
    ("regexp", "uri"),
    [
        ("!^.*$!sip:info@example.com!", "sip:info@example.com"),
        (r"!^\+353(.*)$!sip:\1@example.ie!", "sip:12345@example.ie"),
        (r"!^353(.*)$!sip:\1@example.ie!", "sip:12345@example.ie"),
        (r"/^(\+?)(.+)$/sip:\2@example.ie/i", "sip:35312345@example.ie"),
        (r"!^(.*)$!sip:\9x@example.ie!", "sip:x@example.ie"),
        ("!^.*$!mailto:info@example.com!", None),
        ("!^4.*$!sip:info@example.com!", None),
        ("!^.*$!sip:a b!", None),
        ("!(!sip:a@b!", None),
        ("!^((.+)+)+x$!sip:a@b!", None),
        ("!^" + 5 * "3?" + ".*!sip:a@b!", None),
        ("!^" + 5 * "(3|)" + ".*!sip:a@b!", None),
        (r"!^\+?0*(35)3(.+)$!sip:\2@b!", "sip:12345@b"),
        ("!a!b!c!d!", None),
        ("!!", None),
    ],
)
def test_a_record_makes_a_uri_of_the_number(regexp, uri):
    assert choose([sip(regexp)], "35312345") == uri


def test_the_lowest_order_and_then_the_lowest_preference_win():
    records = [
        sip("!^.*$!sip:c@x!", 200, 1),
        sip("!^.*$!sip:b@x!", 100, 20),
        sip("!^.*$!sip:a@x!", 100, 10),
        sip("!^.*$!mailto:z@x!", 1, 1, service="E2U+email:mailto"),
        sip("!^.*$!sip:y@x!", 1, 1, flags="s"),
    ]

    assert choose(records, "1") == "sip:a@x"


@pytest.mark.parametrize("service", ["E2U+sip", "e2u+SIP", "sip+E2U", "E2U+voice:tel+sip", "E2U+sip:im"])
def test_services_that_mean_sip(service):
    assert choose([sip("!^.*$!sip:a@x!", service=service)], "1") == "sip:a@x"


class Resolver(dns.asyncresolver.Resolver):
    """A DNS that knows one name."""

    def __init__(self) -> None:
        super().__init__(configure=False)

    async def resolve(self, name, rdtype, **options):
        if name == "5.4.3.2.1.e164.test.":
            record = '10 10 "u" "E2U+sip" "!^.*$!sip:bob@example.org!" .'
            return dns.rrset.from_text(name, 60, "IN", rdtype, record)
        if name.startswith("9"):
            raise dns.resolver.NoNameservers
        raise dns.resolver.NXDOMAIN


async def test_the_dns_is_asked_for_the_digits_from_the_end():
    assert await EnumLookup(["e164.test"], Resolver()).find("12345", "e164.test") == "sip:bob@example.org"
    assert await EnumLookup(["e164.test"], Resolver()).find("54321", "e164.test") is None


async def test_a_dns_that_does_not_answer_is_an_error():
    with pytest.raises(OSError, match="does not answer for e164"):
        await EnumLookup(["e164.test"], Resolver()).find("99", "e164.test")


@pytest.mark.parametrize("zone", ["e164.org", "evil-e164.test", "test", "secret.example.com"])
async def test_only_the_zones_that_are_named_are_asked(zone):
    """A script could tell the owner of any other zone what it likes, digit by digit and label by label."""
    asked = []

    class Listening(Resolver):
        async def resolve(self, name, rdtype, **options):
            asked.append(name)
            raise dns.resolver.NXDOMAIN

    lookup = EnumLookup(["E164.test."], Listening())
    with pytest.raises(ValueError, match="enum_zones"):
        await lookup.find("12345", zone)
    assert await lookup.find("12345", "ie.e164.test") is None
    assert asked == ["5.4.3.2.1.ie.e164.test."]
