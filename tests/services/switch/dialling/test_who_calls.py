"""Who is calling, as each provider is told and tells it."""

import pytest
from tests.services.switch.conftest import Number, Provider

from sipwright.services.dialstring import MAX_WRITTEN, parse_dial_string
from sipwright.services.switch import Hunt

TRUNK = "90.0.0.1"


@pytest.fixture
def provider(bench, alice):
    """A provider, at which the account of alice, who calls from here, has a number."""
    alice.domain = "example.org"
    account = bench.account("alice", alice)
    found = Provider(
        "gw", TRUNK, numbers=(Number("+35315551234", account.id), Number("+3531555*", account.id))
    )
    bench.accounts.providers["gw"] = found
    return found


@pytest.fixture
def gateway(bench, provider):
    return bench.phone("gateway", TRUNK)


@pytest.fixture
def dial(bench, alice, monkeypatch, provider):
    """Let a call of alice, or of somebody whom a provider brings, dial what a script would."""

    def dial(text="+4420@gw", caller=alice, **options):
        bench.account("nobody")

        def reject(call, outcome, headers=()):
            monkeypatch.undo()
            call.hunt = Hunt(call, parse_dial_string(text, most=MAX_WRITTEN), 30.0)
            call.hunt.start()

        monkeypatch.setattr("sipwright.services.switch.call.call.Call.reject", reject)
        caller.invite("sip:nobody@example.org", **options)

    return dial


def told(gateway, *names):
    invite = gateway.last("INVITE")
    values = [invite.headers.get(name) for name in names]
    return [value and value.partition(";tag=")[0] for value in values]


def test_a_provider_that_nothing_was_said_of_knows_us_by_our_name(gateway, dial):
    dial()

    assert told(gateway, "From", "P-Asserted-Identity") == [f"<sip:me@{TRUNK}>", None]


@pytest.mark.parametrize(
    ("wanted", "how", "header", "value"),
    [
        ("from", None, "From", f"<sip:+35315551234@{TRUNK}>"),
        ("from", "digits", "From", f"<sip:35315551234@{TRUNK}>"),
        ("pai", None, "P-Asserted-Identity", f"<sip:+35315551234@{TRUNK}>"),
        ("ppi", "digits", "P-Preferred-Identity", f"<sip:35315551234@{TRUNK}>"),
        ("rpid", "plus", "Remote-Party-ID",
         f"<sip:+35315551234@{TRUNK}>;party=calling;screen=yes;privacy=off"),
        ("diversion", None, "Diversion", None),
    ],
)  # fmt: skip
def test_the_number_of_the_account_is_in_the_header_of_the_providers_choice(
    provider, gateway, dial, wanted, how, header, value
):
    provider.caller_out, provider.number_format = wanted, how
    dial()

    assert told(gateway, header) == [value]
    assert wanted == "from" or told(gateway, "From") == [f"<sip:me@{TRUNK}>"]


def test_several_headers_may_say_it(provider, gateway, dial):
    provider.caller_out = "from pai"
    dial()

    assert told(gateway, "From", "P-Asserted-Identity") == [f"<sip:+35315551234@{TRUNK}>"] * 2


@pytest.mark.parametrize(
    ("name", "number"), [("+4930123456", "+4930123456"), ("300", "4412345678"), ("bob", "4412345678")]
)
def test_without_a_number_of_its_own_it_is_the_account_or_our_name_there(
    bench, alice, provider, gateway, dial, name, number
):
    provider.caller_out, provider.numbers, provider.username = "pai", (), "4412345678"
    alice.name = name
    bench.account(name, alice)
    dial()

    assert told(gateway, "P-Asserted-Identity") == [f"<sip:{number}@{TRUNK}>"]


def test_a_dialplan_may_choose_another_number_and_name(provider, gateway, dial):
    provider.caller_out = "from pai"
    dial('+4420@gw[fu=353199,fd="The Shop"]')

    assert told(gateway, "From", "P-Asserted-Identity") == [f'"The Shop" <sip:353199@{TRUNK}>'] * 2


def test_a_header_that_a_dialplan_sets_is_not_written_twice(provider, gateway, dial):
    provider.caller_out = "pai"
    dial('+4420@gw[header="P-Asserted-Identity: <sip:1@x>"]')

    assert gateway.last("INVITE").headers.get_all("P-Asserted-Identity") == ["<sip:1@x>"]


def test_who_hides_is_named_to_the_provider_alone(provider, gateway, dial):
    """RFC 3323 §4.1.1.3, RFC 3325 §9.3."""
    provider.caller_out = "from pai rpid"
    dial(headers=(("Privacy", "id"),))
    invite = gateway.last("INVITE")

    assert told(gateway, "From", "P-Asserted-Identity") == [
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        f"<sip:+35315551234@{TRUNK}>",
    ]
    assert invite.headers.get_all("Privacy") == ["id"]
    assert invite.headers.get("Remote-Party-ID").endswith("privacy=full")


def test_it_is_the_same_after_a_challenge_and_a_kill(bench, provider, gateway, dial):
    provider.caller_out, provider.number_format = "pai", "digits"
    dial()
    bench.restart()
    gateway.answer(
        gateway.last("INVITE"),
        407,
        headers=(("Proxy-Authenticate", 'Digest realm="r", nonce="n", qop="auth"'),),
    )
    again = gateway.last("INVITE")

    assert (again.cseq.number, again.headers.get("P-Asserted-Identity")) == (2, f"<sip:35315551234@{TRUNK}>")


# Calls that are forwarded.


@pytest.fixture
def outside(bench, provider):
    """Somebody outside, whose call a provider brings to the account `nobody`."""
    return bench.phone("+12125550000", "91.0.0.1")


def test_a_forwarded_call_says_who_calls_and_who_forwards(bench, provider, gateway, dial, outside):
    provider.caller_out = "from diversion history-info"
    provider.numbers = (Number("+35315559999", 2),)  # of the account `nobody`
    dial(caller=outside)
    invite = gateway.last("INVITE")

    assert told(gateway, "From", "Diversion") == [
        f"<sip:+12125550000@{TRUNK}>",
        f"<sip:+35315559999@{TRUNK}>;reason=unconditional",
    ]
    assert invite.headers.get("History-Info").startswith(f"<sip:+35315559999@{TRUNK}>;index=1")


def test_with_from_alone_a_forwarded_call_shows_the_number_that_forwards(provider, gateway, dial, outside):
    provider.caller_out = "from"
    provider.numbers = (Number("+35315559999", 2),)
    dial(caller=outside)

    assert told(gateway, "From", "Diversion") == [f"<sip:+35315559999@{TRUNK}>", None]


# What a provider tells us.


@pytest.fixture
def trunk(bench, bob, provider):
    """The provider calls bob."""
    provider.account_id, provider.numbers = bench.accounts.accounts["bob"].id, ()
    return bench.phone("441", TRUNK)


def rung(bob):
    return bob.last("INVITE").headers.get("From").partition(";tag=")[0]


def test_who_calls_is_read_from_the_header_of_the_providers_choice(bench, bob, provider, trunk):
    provider.caller_in = "pai"
    trunk.invite(headers=(("P-Asserted-Identity", '"The Bank" <sip:+353155@p.net>'),))
    (call,) = bench.switch.calls.values()

    assert rung(bob) == '"The Bank" <sip:+353155@p.net>'
    assert call.from_text == "sip:+353155@p.net"
    bench.restart()
    (call,) = bench.switch.calls.values()
    assert call.shown_from == '"The Bank" <sip:+353155@p.net>'


def test_without_that_header_it_is_who_from_says(bob, provider, trunk):
    provider.caller_in = "rpid"
    trunk.invite()

    assert rung(bob) == "<sip:441@elsewhere.net>"


@pytest.mark.parametrize(
    ("how", "number"), [("plus", "+441234567"), ("digits", "441234567"), (None, "00441234567")]
)
def test_its_numbers_are_written_in_one_way(bench, bob, provider, trunk, how, number):
    provider.number_format = how
    trunk.name = "00441234567"
    trunk.invite()
    (call,) = bench.switch.calls.values()

    assert rung(bob) == f"<sip:{number}@elsewhere.net>"
    assert call.from_text == f"sip:{number}@elsewhere.net"


def test_who_hides_is_not_read_from_elsewhere(bob, provider, trunk):
    provider.caller_in = "pai"
    trunk.name = "anonymous"
    trunk.invite(headers=(("P-Asserted-Identity", "<sip:+353155@p.net>"), ("Privacy", "id")))

    assert rung(bob) == "<sip:anonymous@elsewhere.net>"


def test_nobody_else_is_believed_who_says_who_it_is(bench, bob, provider):
    """By the address it is no provider."""
    provider.caller_in = "pai"
    stranger = bench.phone("mallory", "66.0.0.1")
    stranger.invite(headers=(("P-Asserted-Identity", "<sip:bank@p.net>"),))

    assert rung(bob) == "<sip:mallory@elsewhere.net>"


IDENTITY = (
    ("Identity", "eyJh.eyJk.sig;info=<https://c.example/cert.pem>"),
    ("Date", "Sun, 29 Nov 2026 12:00:00 GMT"),
)


@pytest.mark.parametrize(
    ("header", "value"),
    [("Privacy", "id"), ("Privacy", "user;critical"), ("Remote-Party-ID", "<sip:7@p.net>;privacy=full")],
    ids=["id", "user", "rpid"],
)
def test_a_phone_does_not_see_who_asks_for_privacy(bench, bob, trunk, header, value):
    """RFC 3323 §5.3: many phones and trunks leave their number in From beside it. The records have it."""
    trunk.invite(headers=((header, value),))
    (call,) = bench.switch.calls.values()

    assert rung(bob) == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    assert trunk.name in call.from_text


@pytest.mark.parametrize("privacy", ["none", "history", "critical"])
def test_a_phone_sees_who_asks_for_other_privacy(bob, trunk, privacy):
    trunk.invite(headers=(("Privacy", privacy),))

    assert rung(bob) == f"<sip:{trunk.name}@elsewhere.net>"


@pytest.mark.parametrize("is_marked", [True, False])
def test_an_identity_passes_from_a_trunk_that_is_marked(bob, provider, trunk, is_marked):
    """RFC 8224, and what the trunk says about how certain it is."""
    provider.identity = "pass" if is_marked else None
    verified = ("P-Asserted-Identity", "<sip:+353155;verstat=TN-Validation-Passed@p.net>")
    trunk.invite(headers=(*IDENTITY, verified, ("P-Attestation-Indicator", "A")))
    invite = bob.last("INVITE")

    assert (invite.headers.get("Identity") is not None) is is_marked
    assert ("verstat" in invite.headers.get("P-Asserted-Identity")) is is_marked
    assert (invite.headers.get("P-Attestation-Indicator") is not None) is is_marked


def test_nobody_outside_says_that_a_number_was_verified(bench, bob):
    stranger = bench.phone("+353155;verstat=TN-Validation-Passed", "66.0.0.1")
    stranger.invite(headers=IDENTITY)

    assert rung(bob) == "<sip:+353155@elsewhere.net>"
    assert bob.last("INVITE").headers.get("Identity") is None
