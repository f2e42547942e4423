"""Numbers dialled by URIs of their own: `tel:` (RFC 3966), `user=phone` (RFC 3261 §19.1.6), for help (RFC 5031)."""

from __future__ import annotations

import pytest
from tests.services.switch.conftest import SDP, Bench, Provider
from tests.services.switch.dialling.test_redirects import redirect
from tests.services.switch.test_hostile import Plans

from sipwright.services.leg_options import LegOptions


@pytest.fixture
def trunk(bench):
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9")
    return bench.phone("trunk", "30.0.0.9")


@pytest.fixture
def desk(bench, trunk):
    """A phone whose dialplan sends what was dialled to the trunk."""
    phone = bench.phone("desk", "20.0.0.8")
    phone.domain = "example.org"
    bench.account("desk", phone, out_plan=1)
    Plans(bench, {1: ("trunk", ())})
    return phone


def call(phone, sender, *, uri="sip:bob@example.org", headers=(), contact=True, **options):
    request = phone.request("INVITE", uri, headers=headers, body=SDP.format(phone.host), **options)
    request.headers.set("From", f"{sender};tag=caller")
    if not contact:
        request.headers.remove("Contact")
    phone.send(request)
    return request


@pytest.mark.parametrize(
    ("dialled", "number"),
    [
        ("tel:+353-1-555-0100", "+35315550100"),
        ("tel:0155501;phone-context=+353", "0155501"),
        ("tel:7042;phone-context=elsewhere.net", "7042"),
        ("sip:+353-1-555@example.org;user=phone", "+3531555"),
        ("sip:01(555)1;phone-context=+353@example.org;user=phone", "015551"),
    ],
)
def test_a_dialplan_sees_the_number(bench, desk, trunk, dialled, number):
    desk.invite(dialled)

    (one,) = bench.switch.calls.values()
    assert one.dialled_user == number
    assert one.to_text.startswith(f"sip:{number}@example.org")
    assert trunk.last("INVITE").uri_text == f"sip:{number}@30.0.0.9"


@pytest.mark.parametrize(
    "uri", ["tel:1-0-1", "tel:101;phone-context=example.org", "sip:1-0-1@example.org;user=phone"]
)
def test_an_account_of_that_number_rings(bench, alice, uri):
    phone = bench.phone("p101", "30.0.0.7")
    bench.account("101", phone)
    alice.invite(uri, to="<tel:101>")
    phone.answer(phone.last("INVITE"), 200, body=SDP.format(phone.host))
    ok = alice.last(200)
    alice.ack(ok)
    alice.send(alice.in_dialog("BYE", ok, cseq=90))

    assert ok.headers.get("To").startswith("<tel:101>;tag=")
    assert alice.statuses("BYE") == [200]
    assert phone.methods() == ["INVITE", "ACK", "BYE"]


def test_a_name_with_dashes_stays_one(bench, alice):
    phone = bench.phone("p", "30.0.0.7")
    bench.account("o-neill", phone)
    alice.invite("sip:o-neill@example.org;user=phone")

    assert phone.methods() == ["INVITE"]


def test_the_number_of_somebody_elsewhere_is_not_ours_to_read(bench, desk, trunk):
    desk.invite("sip:030-1;ext=5@elsewhere.net;user=phone")

    assert [one.dialled_user for one in bench.switch.calls.values()] == ["030-1;ext=5"]


def test_a_text_goes_to_a_number(bench, alice):
    phone = bench.phone("p101", "30.0.0.7")
    bench.account("101", phone)
    alice.send(alice.request("MESSAGE", "tel:101"))

    assert phone.methods() == ["MESSAGE"]


# --- help --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    ["urn:service:sos", "urn:service:sos.fire", "URN:SERVICE:SOS", "tel:1-1-2", "tel:112;phone-context=+49"],
)
@pytest.mark.parametrize(("emergency", "number"), [(("112", "911"), "112"), (("911",), "911")])
def test_a_call_for_help_is_one_whatever_it_is_dialled_by(uri, emergency, number):
    if uri.startswith("tel:") and number != "112":
        return
    bench = Bench(emergency=frozenset(emergency))
    desk = bench.phone("desk", "20.0.0.8")
    desk.domain = "example.org"
    bench.account("desk", desk, out_plan=1)
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9")
    trunk = bench.phone("trunk", "30.0.0.9")
    Plans(bench, {1: ("trunk", ())})
    desk.invite(uri)

    (one,) = bench.switch.calls.values()
    assert (one.is_emergency, one.dialled_user) == (True, number)
    assert trunk.last("INVITE").uri_text == f"sip:{number}@30.0.0.9"


def test_another_service_is_none_of_ours(desk):
    desk.invite("urn:service:counseling", to="<sip:x@example.org>")

    assert desk.statuses() == [416]


# --- who calls ---------------------------------------------------------------------------------------


def test_a_stranger_with_a_number_is_shown_by_a_sip_uri_at_where_he_calls_from(bench, alice, bob):
    """Phones read no tel URI; at our own domain he would look like one of us."""
    call(alice, '"Bank" <tel:+353-1-555;npdi>')

    invite = bob.last("INVITE")
    assert invite.headers.get("From").partition(";tag=")[0] == '"Bank" <sip:+3531555@20.0.0.1>'
    assert [one.from_text for one in bench.switch.calls.values()] == ["sip:+3531555@20.0.0.1"]


@pytest.mark.parametrize(
    ("options", "headers", "shown"),
    [
        ({}, (), "<sip:+4930123@30.0.0.9>"),
        ({"number_format": "digits"}, (), "<sip:4930123@30.0.0.9>"),
        ({"caller_in": "pai"}, [("P-Asserted-Identity", '"Al" <tel:+49-1>')], '"Al" <sip:+491@30.0.0.9>'),
    ],
)
def test_a_number_that_a_provider_brings_is_one_at_the_provider(bench, bob, options, headers, shown):
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9:5090", account_id=1, **options)
    trunk = bench.phone("trunk", "30.0.0.9")
    call(trunk, "<tel:+49-30-123>", headers=headers, uri="tel:+35315550100")

    invite = bob.last("INVITE")
    assert invite.headers.get("From").partition(";tag=")[0] == shown
    assert [one.dialled_user for one in bench.switch.calls.values()] == ["+35315550100"]


def test_a_number_beside_a_from_with_a_port_is_shown_without_that(bench, bob):
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9", account_id=1, caller_in="pai")
    trunk = bench.phone("trunk", "30.0.0.9")
    call(trunk, "<sip:0@p.net:5070>", headers=[("P-Asserted-Identity", "<tel:+49-1>")])

    assert bob.last("INVITE").headers.get("From").startswith("<sip:+491@p.net>;tag=")


def believe(bench, name):
    """Let everybody be able to prove to be that account; returns the domains that somebody had to."""
    asked = []

    def authenticate(incoming, domain):
        asked.append(domain)
        return bench.accounts.account(name, domain)

    bench.accounts.authenticate = authenticate
    return asked


@pytest.mark.parametrize(
    ("headers", "is_registered"),
    [
        ((), True),
        ([("P-Preferred-Identity", "<tel:+353-1>, <sip:desk@example.org>")], False),
        ([("P-Preferred-Identity", "<tel:101>")], True),
    ],
)
def test_a_phone_that_calls_as_a_number_is_shown_by_what_it_has_proved(
    bench, desk, trunk, headers, is_registered
):
    """It may write any number."""
    bench.account("101", out_plan=1)
    asked = believe(bench, "desk")
    domain_at = {f"udp/10.0.0.1:5060/{desk.address}": "example.org"} if is_registered else {}
    bench.switch.router.senders._domain_at = domain_at.get
    bench.accounts.providers["trunk"].username = ""
    call(desk, '"Al" <tel:+353-1>', uri="tel:+491", headers=headers)

    name = "101" if "101" in str(headers) else "desk"
    (one,) = bench.switch.calls.values()
    assert (asked, one.identity.direction) == (["example.org"], "out")
    assert one.shown_from == f'"Al" <sip:{name}@example.org>'


def test_a_number_that_is_an_account_of_somebody_else_is_not_taken(bench, desk, trunk):
    bench.account("101", user_id=2)
    believe(bench, "desk")
    bench.switch.router.senders._domain_at = lambda key: "example.org"
    call(desk, "<tel:101>", uri="tel:+491")

    assert (desk.statuses(), trunk.methods()) == ([403], [])


def test_a_caller_with_a_number_and_no_contact_is_where_the_call_comes_from(bench, alice, bob):
    """RFC 2543 knew callers without a tag, and asked for no Contact."""
    request = alice.request("INVITE", "sip:bob@example.org", body=SDP.format(alice.host))
    request.headers.set("From", "<tel:+3531>")
    request.headers.remove("Contact")
    alice.send(request)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=7))

    bye = alice.last("BYE")
    assert (bye.uri_text, bye.headers.get("To")) == ("sip:20.0.0.1:5060", "<tel:+3531>")


@pytest.mark.parametrize("contact", ["<tel:+3531>", "<mailto:a@b.example>", "*"])
def test_a_contact_that_leads_nowhere_is_not_taken(bench, alice, bob, contact):
    request = alice.request("INVITE", "sip:bob@example.org", body=SDP.format(alice.host))
    request.headers.set("Contact", contact)
    alice.send(request)

    assert (alice.last(400).reason, bob.methods()) == ("INVITE Without SIP Contact", [])


# --- sent elsewhere ----------------------------------------------------------------------------------


@pytest.fixture
def p101(bench):
    phone = bench.phone("p101", "30.0.0.7")
    bench.account("101", phone)
    return phone


def test_a_transfer_to_a_number_is_placed_by_us(bench, alice, bob, p101, talking):
    (one,) = bench.switch.calls.values()
    with one.event():
        one.peer.destination.options = LegOptions(transfer="place")
        one.changed()
    bob.send(bob.in_dialog("REFER", talking[1], headers=[("Refer-To", "tel:1-01")], cseq=70))

    assert bob.statuses("REFER") == [202]
    assert p101.methods() == ["INVITE"]


def test_no_phone_is_asked_to_dial_a_number(bench, bob, p101):
    """Phones of one owner may ask each other, but not all know what a tel URI is."""
    carol = bench.phone("carol", "40.0.0.1")
    carol.domain = "example.org"
    bench.account("carol", carol)
    carol.invite()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    carol.ack(carol.last(200))
    bob.send(bob.in_dialog("REFER", bob.last("INVITE"), headers=[("Refer-To", "<tel:101>")], cseq=70))

    assert "REFER" not in carol.methods()
    assert p101.methods() == ["INVITE"]


def test_a_phone_redirects_to_a_number_of_ours(bench, alice, bob, p101):
    alice.invite()
    redirect(bob, "<tel:1-0-1>")

    assert p101.methods() == ["INVITE"]


@pytest.mark.parametrize(("server", "uri"), [
    ("30.0.0.9", "sip:+491@30.0.0.9;user=phone"), ("30.0.0.9:5060", "sip:+491@30.0.0.9:5060;user=phone"),
])  # fmt: skip
def test_a_provider_redirects_to_a_number_of_its_own(bench, desk, trunk, server, uri):
    bench.accounts.providers["trunk"].server = server
    desk.invite("sip:353@example.org")
    redirect(trunk, "<tel:+49-1>")

    assert trunk.last("INVITE").uri_text == uri
    assert [leg.provider for one in bench.switch.calls.values() for leg in one.legs] == [(1, "trunk")] * 2


def test_a_dialplan_dials_a_number(bench, alice, p101):
    bench.account("desk2", in_plan=2)
    Plans(bench, {2: ("tel:1-0-1", ())})
    alice.invite("sip:desk2@example.org")

    assert p101.methods() == ["INVITE"]
