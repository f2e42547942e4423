"""Where a 3xx leads: to our own accounts by our own directory, preferred ones first, and nobody learns a secret."""

from __future__ import annotations

import pytest
from tests.services.switch.conftest import SDP, Provider
from tests.services.switch.dialling.test_credentials import challenge, said

from sipwright.services.switch.dialling.destinations import Destinations
from sipwright.sip import Response

TRUNK = "30.0.0.9"


def redirect(phone, *contacts, status=302, headers=()):
    request = phone.last("INVITE")
    lines = [(name, request.headers.get(name)) for name in ("Via", "From", "Call-ID", "CSeq")]
    lines.append(("To", f"{request.headers.get('To')};tag={phone.name}"))
    phone.send(Response(status, None, [*lines, *(("Contact", contact) for contact in contacts), *headers]))


@pytest.fixture
def carol(bench):
    phone = bench.phone("carol", "40.0.0.1")
    bench.account("carol", phone)
    return phone


@pytest.fixture
def trunk(bench, monkeypatch):
    """A provider, to which calls to `out` go."""
    provider = bench.accounts.providers["trunk"] = Provider("trunk", TRUNK)
    bench.account("out")
    phones = Destinations.phones

    def dialled(finder, account):
        if account.username == "out":
            return finder._of_provider(provider, "353", "")
        return phones(finder, account)

    monkeypatch.setattr(Destinations, "phones", dialled)
    return bench.phone("trunk", TRUNK)


@pytest.mark.parametrize(
    "contact",
    [
        "<sip:carol@example.org>",
        "sip:carol@example.org;q=0.1",
        "<sip:carol@10.0.0.1:5060>",
        "<sip:carol@10.0.0.1>",
        "<sip:carol@10.0.0.1;transport=tcp>",
        "<sip:carol@example.org;maddr=66.0.0.6?Replaces=x>",
    ],
)
def test_a_redirect_to_one_of_our_accounts_rings_its_phones(bench, alice, bob, carol, contact):
    """RFC 3261 §8.1.3.4: whose address it is, our own directory knows."""
    alice.invite()
    redirect(bob, contact)

    invite = carol.last("INVITE")
    assert invite.uri_text == f"sip:carol@{carol.address}"
    carol.answer(invite, 200, body=SDP.format(carol.host))
    assert alice.statuses()[-1] == 200


BEFORE = ("Diversion", "<sip:900@elsewhere.net>;reason=user-busy")


@pytest.mark.parametrize(("rings", "reason"), [(False, "unconditional"), (True, "no-answer")])
def test_whoever_is_rung_instead_is_told_whom_the_call_was_for(bench, bob, carol, trunk, rings, reason):
    """RFC 5806 §4: the latest diversion first; phones show it, and a voicemail knows by it whose box is meant."""
    dave = bench.phone("dave", "50.0.0.1")
    bench.account("dave", dave)
    trunk.invite("sip:bob@example.org", headers=[BEFORE])
    if rings:
        bob.answer(bob.last("INVITE"), 180)
    redirect(bob, "<sip:carol@example.org>")
    redirect(carol, "<sip:dave@example.org>")

    by_bob, by_carol = (
        f"<sip:bob@example.org>;reason={reason}",
        "<sip:carol@example.org>;reason=unconditional",
    )
    assert bob.last("INVITE").headers.get_all("Diversion") == [BEFORE[1]]
    assert carol.last("INVITE").headers.get_all("Diversion") == [by_bob, BEFORE[1]]
    assert dave.last("INVITE").headers.get_all("Diversion") == [by_carol, by_bob, BEFORE[1]]


@pytest.mark.parametrize(
    ("contact", "diversion", "reason"),
    [
        ("<sip:carol@example.org>", "<sip:bob@example.org>;reason=user-busy", "user-busy"),
        (
            "<sip:carol@example.org>",
            '<sip:bob@h>;Reason="do-not-disturb";counter=1, <sip:x@h>;reason=away',
            "do-not-disturb",
        ),
        ("<sip:carol@example.org;cause=486>", None, "user-busy"),
        ("<sip:carol@example.org;cause=408>", "<sip:bob@example.org>;reason=deflection", "deflection"),
        ("<sip:carol@example.org>", "<sip:bob@example.org>;reason=x-mine", "unconditional"),
        ("<sip:carol@example.org>", "<sip:bob", "unconditional"),
    ],
)
def test_a_phone_that_says_why_it_sends_a_call_on_is_believed(
    bench, alice, bob, carol, contact, diversion, reason
):
    """RFC 5806 §4, RFC 4458 §2.1; also a process later."""
    alice.invite()
    bench.database.is_eager = False
    redirect(bob, contact, headers=() if diversion is None else [("Diversion", diversion)])
    assert carol.methods() == []
    bench.database.commit_and_tell_nobody()
    bench.database.is_eager = True
    bench.restart()

    assert carol.last("INVITE").headers.get_all("Diversion") == [f"<sip:bob@example.org>;reason={reason}"]


@pytest.mark.parametrize("privacy", ["history", "header;id"])
def test_it_is_not_where_nobody_is_to_see_that(alice, bob, carol, privacy):
    """RFC 4244 §3.3."""
    alice.invite(headers=[("Privacy", privacy)])
    redirect(bob, "<sip:carol@example.org>")

    assert "Diversion" not in carol.last("INVITE").headers


def test_nobody_outside_is_told_the_names_of_our_accounts(bench, alice, bob):
    outside = bench.phone("outside", "60.0.0.1")
    alice.invite()
    redirect(bob, "<sip:x@60.0.0.1>")

    assert "Diversion" not in outside.last("INVITE").headers


def test_a_redirect_rings_all_phones_of_an_account(bench, alice, bob):
    desk, mobile = bench.phone("desk", "40.0.0.1"), bench.phone("mobile", "40.0.0.2")
    bench.account("carol", desk, mobile)
    alice.invite()
    redirect(bob, "<sip:carol@example.org>")

    assert (desk.methods(), mobile.methods()) == (["INVITE"], ["INVITE"])


@pytest.mark.parametrize("options", [{}, {"is_enabled": False}])
def test_a_redirect_to_nobody_who_can_be_rung_is_a_failure(bench, alice, bob, options):
    bench.account("carol", **options)
    alice.invite()
    redirect(bob, "<sip:carol@example.org>", "<sip:unknown@example.org>")

    assert alice.statuses()[-1] == 480


def test_a_redirect_tries_the_preferred_first(bench, alice, bob, carol):
    other = bench.phone("other", "40.0.0.2")
    alice.invite()
    redirect(bob, "<sip:other@40.0.0.2>;q=0.2, <sip:carol@example.org>;q=0.8", status=300)
    assert (other.methods(), carol.methods()) == ([], ["INVITE"])
    bench.restart()
    carol.answer(carol.last("INVITE"), 486)

    assert other.methods() == ["INVITE"]
    other.answer(other.last("INVITE"), 404)
    assert alice.statuses()[-1] == 486
    assert bench.is_empty()


def test_a_redirect_leads_nowhere_twice(bench, alice, bob, carol):
    """RFC 3261 §8.1.3.4: so two phones that send their calls to each other ring once."""
    alice.invite()
    redirect(bob, "<sip:bob@example.org>", "<sip:carol@example.org>")
    redirect(carol, "<sip:bob@example.org>", f"<sip:carol@{carol.address}>")

    assert [bob.methods().count("INVITE"), carol.methods().count("INVITE")] == [1, 2]
    redirect(carol, f"<sip:carol@{carol.address}>")
    assert alice.statuses()[-1] == 480


def test_nothing_but_the_address_is_taken_from_a_redirect(bench, alice, bob):
    """RFC 3261 §19.1.5: headers and a method in a URI are not honoured, nor is another way there."""
    other = bench.phone("other", "40.0.0.2")
    alice.invite()
    redirect(
        bob,
        "<sip:x@40.0.0.2;maddr=10.9.9.9;method=BYE;user=phone?Replaces=1%3Bto-tag%3D2&P-Asserted-Identity=x>",
    )

    invite = other.last("INVITE")
    assert invite.uri_text == "sip:x@40.0.0.2;user=phone"
    assert invite.headers.get("replaces") is None


def test_a_stranger_hears_nothing_of_the_provider_that_redirects_to_him(bench, alice, trunk):
    """RFC 3261 §22: neither its name nor an answer made from its password."""
    stranger = bench.phone("stranger", "66.0.0.6")
    alice.invite("sip:out@example.org")
    challenge(trunk, trunk.last("INVITE"), "n1")
    redirect(trunk, "<sip:x@66.0.0.6>")
    invite = stranger.last("INVITE")
    challenge(stranger, invite, "n2")

    assert stranger.methods() == ["INVITE", "ACK"]
    assert said(invite) == []
    assert str(invite.from_.uri) == "sip:alice@elsewhere.net"
    assert alice.statuses()[-1] == 502


def test_a_provider_that_redirects_to_itself_may_ask_who_calls(bench, alice, trunk):
    alice.invite("sip:out@example.org")
    redirect(trunk, f"<sip:0353@{TRUNK}>")
    challenge(trunk, trunk.last("INVITE"), "n1")

    invite = trunk.last("INVITE")
    assert (invite.uri_text, said(invite)) == (f"sip:0353@{TRUNK}", [("n1", 1)])


def test_another_server_on_the_host_of_a_provider_is_not_the_provider(bench, alice, trunk):
    other = bench.phone("other", TRUNK, port=5070)
    alice.invite("sip:out@example.org")
    redirect(trunk, f"<sip:x@{TRUNK}:5070>")
    challenge(other, other.last("INVITE"), "n1")

    assert other.methods() == ["INVITE", "ACK"]


def test_a_provider_may_redirect_to_one_of_our_accounts(alice, trunk, carol):
    alice.invite("sip:out@example.org")
    redirect(trunk, "<sip:carol@example.org>")

    assert str(carol.last("INVITE").from_.uri) == "sip:alice@elsewhere.net"


@pytest.mark.parametrize("status", [305, 380])
def test_a_proxy_or_another_service_is_no_other_place(bench, alice, bob, carol, status):
    """RFC 3261 §21.3.4, §21.3.5."""
    alice.invite()
    redirect(bob, "<sip:carol@example.org>", status=status)

    assert (carol.methods(), alice.statuses()[-1]) == ([], 480)


@pytest.mark.parametrize("status", [300, 301, 302])
def test_what_cannot_be_rung_or_read_is_left_out(bench, alice, bob, carol, status):
    alice.invite()
    redirect(
        bob, "<tel:+353123>", "<<>>", "<mailto:a@b.example>;q=1.0", "<sip:carol@example.org;method=REGISTER>",
        "<sips:carol@nowhere.example>;q=0.9", status=status,
    )  # fmt: skip

    assert carol.methods() == ["INVITE"]


def test_two_phones_that_send_to_each_other_end_the_call(bench, alice, bob, carol):
    alice.invite()
    redirect(bob, "<sip:carol@example.org>")
    redirect(carol, "<sip:bob@example.org>")

    assert (bob.methods(), carol.methods()) == (["INVITE", "ACK"], ["INVITE", "ACK"])
    assert alice.statuses()[-1] == 480
    assert bench.is_empty()
