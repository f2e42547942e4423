"""Who a request says that it is from, in whatever spelling, and who has to prove it."""

import pytest

from ..conftest import Provider
from ..test_hostile import Plans


@pytest.fixture
def asked(bench):
    """The domains that somebody had to prove to belong to; here everybody can as `pat`."""
    asked = []

    def authenticate(incoming, domain):
        asked.append(domain)
        return bench.accounts.account("pat", domain)

    def served_domain(host, port):
        is_own = host == "10.0.0.1" and port in (None, 5060)
        return "example.org" if host == "example.org" or is_own else None

    bench.accounts.authenticate, bench.accounts.served_domain = authenticate, served_domain
    return asked


@pytest.fixture
def pat(bench):
    pat = bench.phone("pat", "20.0.0.9")
    bench.account("pat", pat)
    return pat


def call(phone, sender, *headers, uri="sip:bob@example.org"):
    request = phone.request("INVITE", uri, headers=headers)
    request.headers.set("From", f"{sender};tag=caller")
    phone.send(request)


@pytest.mark.parametrize(
    "sender",
    [
        "<sip:pat@example.org>", "<sip:pat@EXAMPLE.org.>", "<sips:pat@example.org:5999>", "<sip:pat@10.0.0.1>",
        "<sip:pat@10.1>", "<sip:pat@0xa.1>", "<sip:pat@167772161>", "<sip:pat@[::ffff:10.0.0.1]>",
        "<sip:pat@10.0.0.1:9>", "<tel:pat;phone-context=Example.org.>",
    ],
)  # fmt: skip
def test_whoever_says_to_be_of_a_served_domain_has_to_prove_it(alice, bob, pat, asked, sender):
    call(alice, sender)

    assert asked == ["example.org"]
    assert bob.methods() == ["INVITE"]


@pytest.mark.parametrize(
    "sender",
    ["<sip:pat@elsewhere.net>", "<tel:+35312345678>", "<tel:1;phone-context=+353>", "<tel:1;phone-context=:>",
     "<sip:anonymous@anonymous.invalid>", "<sip:example.org@elsewhere.net>"],
)  # fmt: skip
def test_anybody_else_calls_in(alice, bob, pat, asked, sender):
    call(alice, sender, ("P-Asserted-Identity", "<sip:+353@10.0.0.1>"), ("Remote-Party-ID", "nonsense <"))

    assert asked == []
    assert bob.methods() == ["INVITE"]


def test_a_server_on_our_own_machine_is_somebody_else(bench, bob, pat, asked):
    """Its From names the port that it really sends from; whoever only says so is not it."""
    call(bench.phone("server", "10.0.0.1", port=5080), "<sip:pat@10.0.0.1:5080>")

    assert asked == []


@pytest.mark.parametrize("sender", ["<http://example.org/pat>", "<mailto:pat@example.org>", "<x:y>"])
def test_a_from_that_nobody_can_be_called_by_is_refused(alice, bob, asked, sender):
    call(alice, sender)

    assert (alice.statuses(), bob.methods(), asked) == ([400], [], [])


@pytest.mark.parametrize(
    "named",
    [
        ("P-Preferred-Identity", "<sip:pat@example.org>"),
        ("P-Asserted-Identity", '"Pat" <sip:pat@example.org.>, <tel:1>'),
        ("Remote-Party-ID", "<sip:pat@example.org>;privacy=full"),
    ],
)
def test_a_phone_that_hides_its_number_is_known_by_what_is_beside_it(bench, alice, bob, pat, asked, named):
    """RFC 3323 §4.1.1.3, RFC 3325 §9.2; the other end is shown nothing of it."""
    call(alice, '"Anonymous" <sip:anonymous@anonymous.invalid>', named, ("Privacy", "id"))
    invite = bob.last("INVITE")

    assert asked == ["example.org"]
    assert invite.headers.get("From").startswith('"Anonymous" <sip:anonymous@anonymous.invalid>')
    assert invite.headers.get("Privacy") == "id"
    assert not any(
        name in invite.headers for name in ("P-Asserted-Identity", "P-Preferred-Identity", named[0])
    )


def test_a_phone_that_hides_its_number_is_known_by_where_it_registered(bench, bob, pat, asked):
    bench.switch.router.senders._domain_at = {f"udp/10.0.0.1:5060/{pat.address}": "example.org"}.get
    call(pat, "<sip:anonymous@anonymous.invalid>")

    (on_behalf,) = (call.identity for call in bench.switch.calls.values())
    assert asked == ["example.org"]
    assert (on_behalf.direction, on_behalf.account_id) == ("out", bench.accounts.account("pat", "").id)


@pytest.mark.parametrize("host", ["example.org", "10.0.0.1", "localhost", "anonymous.invalid"])
def test_a_phone_that_hides_its_number_may_leave_a_host_in_its_from(bench, bob, pat, asked, host):
    """Many write their registrar's name there, or their own; a provider is told that the number is not to be shown."""
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9")
    trunk = bench.phone("trunk", "30.0.0.9")
    bench.accounts.accounts["pat"].out_plan = 1
    Plans(bench, {1: ("353@trunk", ())})
    bench.switch.router.senders._domain_at = {f"udp/10.0.0.1:5060/{pat.address}": "example.org"}.get
    call(pat, f'"Anonymous" <sip:Anonymous@{host}>', uri="sip:353@example.org")

    assert asked == ["example.org"]
    assert trunk.last("INVITE").headers.get("Privacy") == "id"
    assert [call.identity.account_id for call in bench.switch.calls.values()] == [
        bench.accounts.account("pat", "").id
    ]


def test_a_provider_may_write_our_address_behind_a_caller_that_hides(bench, alice, bob, asked):
    bench.accounts.providers["trunk"] = Provider("trunk", "20.0.0.1", account_id=1)
    call(alice, "<sip:anonymous@10.0.0.1>")

    assert (asked, bob.methods()) == ([], ["INVITE"])


def test_a_stranger_is_not_let_in_because_he_hides(bench, alice, bob, asked):
    bench.account("pat")
    call(alice, "<sip:anonymous@example.org>")

    assert asked == ["example.org"]


def test_an_identity_of_somebody_else_is_not_taken(bench, alice, bob, pat, asked):
    bench.account("boss", user_id=2)
    call(alice, "<sip:anonymous@anonymous.invalid>", ("P-Preferred-Identity", "<sip:boss@example.org>"))

    assert (alice.statuses(), bob.methods()) == ([403], [])


def test_nobody_here_has_that_name(alice, bob, pat, asked):
    """So it is no claim: a provider may write our address behind any number."""
    call(alice, "<sip:anonymous@anonymous.invalid>", ("P-Preferred-Identity", "<sip:999@example.org>"))

    assert (asked, bob.methods()) == ([], ["INVITE"])
