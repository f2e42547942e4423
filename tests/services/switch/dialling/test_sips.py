"""Calls to sips URIs: TLS on the whole way, or none at all (RFC 3261 §26.2.2, §12.1.1)."""

import pytest


def connected(bench, name, host):
    """A phone that has opened its connection."""
    phone = bench.phone(name, host, port=5061, protocol="tls")
    phone.send(phone.request("OPTIONS", "sip:10.0.0.1"))
    phone.clear()
    return phone


@pytest.fixture
def caller(bench):
    """A phone with TLS, registered for alice."""
    phone = connected(bench, "alice", "10.0.0.2")
    phone.domain = "example.org"
    bench.account("alice", phone)
    return phone


def uri_of(message):
    return str(message.contacts[0].uri)


def test_a_phone_with_tls_is_rung_and_both_are_told_sips(bench, caller):
    bob = connected(bench, "bob", "10.0.0.3")
    bench.account("bob", bob)
    caller.invite("sips:bob@example.org")
    asked = bob.last("INVITE")
    bob.answer(asked, 180)
    bob.answer(asked, 200)

    assert asked.top_via.transport == "TLS"
    assert uri_of(asked) == "sip:10.0.0.1:5061;transport=tls"  # what it registered promises nothing
    assert uri_of(caller.last(180)) == uri_of(caller.last(200)) == "sips:10.0.0.1:5061"


def test_a_phone_without_it_is_not_rung(bench, caller):
    """RFC 5630 §5.3."""
    bob = bench.phone("bob", "10.0.0.3")
    bench.account("bob", bob)
    caller.invite("sips:bob@example.org")

    assert bob.methods() == []
    assert (caller.last(480).reason, bench.cdrs()[-1]) == ("SIPS Not Allowed", (1, 480, "switch"))


def test_of_two_phones_the_one_with_tls_rings(bench, caller):
    phones = bench.phone("bob", "10.0.0.3"), connected(bench, "bob", "10.0.0.4")
    bench.account("bob", *phones)
    caller.invite("sips:bob@example.org")

    assert [phone.methods() for phone in phones] == [[], ["INVITE"]]


def test_a_sip_uri_over_tls_rings_any_phone(bench, caller):
    bob = bench.phone("bob", "10.0.0.3")
    bench.account("bob", bob)
    caller.invite("sip:bob@example.org")
    bob.answer(bob.last("INVITE"), 180)

    assert uri_of(bob.last("INVITE")) == "sip:10.0.0.1:5060"
    assert uri_of(caller.last(180)) == "sip:10.0.0.1:5061;transport=tls"


@pytest.mark.parametrize(
    ("contact", "record_route", "ours"),
    [
        ("<sips:alice@10.0.0.2:5061>", None, "sips:10.0.0.1:5061"),
        ("<SIPS:alice@10.0.0.2:5061>", None, "sips:10.0.0.1:5061"),
        ("<sip:alice@10.0.0.2:5061>", "<Sips:10.0.0.2:5061;lr>", "sips:10.0.0.1:5061"),
        (
            "<sip:alice@10.0.0.2:5061>",
            "<sip:10.0.0.2:5061;transport=tls;lr>",
            "sip:10.0.0.1:5061;transport=tls",
        ),
    ],
)
def test_who_gives_a_sips_contact_is_given_one(bench, caller, contact, record_route, ours):
    """RFC 3261 §12.1.1: a sips Contact of whoever calls, or of the first proxy, wants one of ours."""
    bob = bench.phone("bob", "10.0.0.3")
    bench.account("bob", bob)
    request = caller.request("INVITE", "sip:bob@example.org", body="v=0\r\n")
    request.headers.set("Contact", contact)
    if record_route:
        request.headers.add("Record-Route", record_route)
    caller.send(request)
    bob.answer(bob.last("INVITE"), 180)

    assert uri_of(caller.last(180)) == ours


def test_a_sips_target_is_one_in_any_case(bench, caller):
    """RFC 3261 §19.1.4: also in what is asked later."""
    bob = connected(bench, "bob", "10.0.0.3")
    bench.account("bob", bob)
    request = caller.request("INVITE", "sip:bob@example.org", body="v=0\r\n")
    request.headers.set("Contact", "<SIPS:alice@10.0.0.2:5061>")
    caller.send(request)
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body="v=0\r\n")
    caller.ack(caller.last(200))
    bob.send(bob.in_dialog("INVITE", invite, body="v=0\r\n", cseq=70))

    assert uri_of(caller.last("INVITE")) == "sips:10.0.0.1:5061"
