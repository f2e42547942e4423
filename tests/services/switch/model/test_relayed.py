"""Which header lines of a message the other leg sees, how they are written, and which body it gets."""

import pytest
from tests.services.switch.conftest import SDP, Bench

from sipwright.services.leg_options import LegOptions
from sipwright.services.switch.model.header_table import ALLOW, PASSAGES, Party
from sipwright.services.switch.model.relayed import (
    explaining_headers,
    farewell_headers,
    is_private,
    reasons_of,
    relayed_headers,
    relayed_lines,
    says_along,
    unknown_extensions,
)
from sipwright.sip import parse

OURS = ["Supported: replaces, timer", f"Allow: {ALLOW}"]
"""What every INVITE and its 2xx say of ourselves."""

FAMILY = PASSAGES[Party.PHONE, Party.PHONE]
STRANGER = PASSAGES[Party.OUTSIDER, Party.PHONE]
ASSERTED = "P-Asserted-Identity: <sip:boss@example.org>"


def message(*lines, start="INVITE sip:bob@example.org SIP/2.0", method="INVITE"):
    return parse(
        "\r\n".join(
            [
                start,
                "Via: SIP/2.0/UDP 20.0.0.1:5060;branch=z9hG4bK1;rport",
                "From: <sip:alice@elsewhere.net>;tag=1",
                "To: <sip:bob@example.org>",
                "Call-ID: 1@20.0.0.1",
                f"CSeq: 1 {method}",
                *lines,
                "",
                "",
            ]
        ).encode("utf-8", "surrogateescape")
    )


def info(*lines):
    return message(*lines, start="INFO sip:bob@example.org SIP/2.0", method="INFO")


def response(status, *lines, method="INVITE"):
    return message(*lines, start=f"SIP/2.0 {status} Anything", method=method)


def test_a_line_crosses_as_it_came():
    lines = ["Subject:lunch,  today", "s: a second one", "X-Odd: \udcff", "User-Agent: phone/1"]

    assert relayed_lines(info(*lines), STRANGER) == lines
    assert relayed_headers(info("Subject:  lunch"), STRANGER) == [("Subject", "lunch")]


def test_what_would_do_something_to_a_screen_does_not_cross():
    """RFC 4475 §3.1.1.2 (`intmeth`): behind a backslash any character is legal, and nobody should be shown it."""
    lines = ['P-Asserted-Identity: "J\\\x01\x1b[2J\u202ex" <sip:j@example.org>', "Subject: a\x9bb"]

    assert relayed_lines(info(*lines), PASSAGES[Party.TRUNK, Party.PHONE]) == [
        'P-Asserted-Identity: "J[2Jx" <sip:j@example.org>', "Subject: ab",
    ]  # fmt: skip


def test_a_fold_and_a_blank_before_the_colon_do_not_cross():
    """Both are legal (RFC 3261 §7.3.1), and not everybody can read them."""
    folded = info("Subject: lunch,\r\n   today", "X-Own \t: 1")

    assert relayed_lines(folded, FAMILY) == ["Subject: lunch, today", "X-Own: 1"]


def test_what_belongs_to_one_leg_stays_there():
    own = info(
        "Contact: <sip:a@b>", "Route: <sip:c;lr>", "Authorization: Digest a=1", "P-Sipwright-Source: 1.1.1.1",
        "P-Preferred-Identity: <sip:a@b>", "Proxy-Require: privacy", "Allow: INFO", "Supported: timer",
    )  # fmt: skip

    for passage in set(PASSAGES.values()):
        assert relayed_lines(own, passage) == []


def test_only_what_works_from_end_to_end_is_asked_for():
    """And we say what we do ourselves (RFC 3891 §6.2), not what only the far end does."""
    asked = message("Supported: 100rel", "Require: path", "Supported: histinfo", "Require: timer")

    assert relayed_lines(asked, STRANGER) == OURS
    assert (
        relayed_lines(message("Supported: norefersub"), STRANGER, "replaces")[0]
        == "Supported: replaces, norefersub"
    )
    assert relayed_lines(response(200, "Supported: outbound"), STRANGER) == OURS
    assert relayed_lines(response(180, "Supported: outbound"), STRANGER) == []


def test_allow_lists_what_works_here_and_there():
    """What only the far end could take is left out where the far end does not (RFC 3261 §20.5)."""
    said = message("Allow: INVITE, ACK, CANCEL, BYE, UPDATE, PRACK, PUBLISH")
    allowed = relayed_lines(said, STRANGER)[-1]

    assert allowed == "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, NOTIFY, REFER, REGISTER"
    assert relayed_lines(response(405, "Allow: INVITE", method="INFO"), FAMILY) == [OURS[1]]
    assert "PRACK" in ALLOW


def test_who_rings_says_what_may_be_asked_of_it_already():
    """RFC 3311 §5.1: what the caller may change before the answer it learns of a 18x alone."""
    rings = response(183, "Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE", "Supported: 100rel")

    assert relayed_lines(rings, STRANGER) == [
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, NOTIFY, REFER, REGISTER"
    ]
    assert relayed_lines(response(183), STRANGER) == []


SESSION = "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000"


@pytest.mark.parametrize("passage", list(dict.fromkeys(PASSAGES.values())))
def test_what_a_session_is_called_from_end_to_end_crosses(passage):
    """RFC 7989: it is random, and a B2BUA leaves it alone, so that a call is found in the logs of both sides."""
    assert relayed_lines(info(SESSION), passage) == [SESSION]


@pytest.mark.parametrize("line", ["Geolocation: <cid:alice@example.org>", "Geolocation-Routing: yes"])
def test_where_somebody_is_a_provider_is_told_by_a_phone_alone(line):
    """RFC 6442: a call for help says so, with the place in its body; nobody else reads what a stranger names."""
    place = info(line)

    assert relayed_lines(place, PASSAGES[Party.PHONE, Party.TRUNK]) == [line]
    assert relayed_lines(place, PASSAGES[Party.SWITCH, Party.TRUNK]) == [line]
    assert relayed_lines(place, PASSAGES[Party.PHONE, Party.OUTSIDER]) == []
    assert relayed_lines(place, STRANGER) == []


@pytest.mark.parametrize("name", ["P-Asserted-Identity", "Remote-Party-ID"])
def test_an_identity_is_believed_of_trunks_and_of_ourselves_alone(name):
    """RFC 3325 §5: from a node that is not trusted it is removed, and those who are not are told none."""
    claimed = info(f"{name}: <sip:boss@example.org>")
    crossing = {pair for pair, passage in PASSAGES.items() if relayed_lines(claimed, passage)}

    assert {sender for sender, _ in crossing} == {Party.TRUNK, Party.SWITCH, Party.NEIGHBOUR, Party.SCRIPT}
    assert {sender for sender, receiver in crossing if receiver is Party.OUTSIDER} == {Party.SCRIPT}


@pytest.mark.parametrize(
    "lines",
    [
        (ASSERTED, "Privacy: id"),
        (ASSERTED, "Privacy: header;ID"),
        ("Remote-Party-ID: <sip:boss@example.org>;party=calling; privacy=full",),
    ],
)
def test_a_private_identity_is_for_trunks_and_not_for_phones(lines):
    """RFC 3325 §7, RFC 3323 §4.2."""
    private = info(*lines)

    assert is_private(private)
    assert lines[0] not in relayed_lines(private, PASSAGES[Party.TRUNK, Party.PHONE])
    assert lines[0] not in relayed_lines(private, PASSAGES[Party.NEIGHBOUR, Party.PHONE])
    assert lines[0] in relayed_lines(private, PASSAGES[Party.SWITCH, Party.TRUNK])
    assert not is_private(info(ASSERTED, "Privacy: none"))


BEFORE = "History-Info: <sip:boss@example.org>;index=1"
DIVERTED = "Diversion: <sip:boss@example.org>;reason=user-busy"


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ((BEFORE, DIVERTED), [BEFORE, DIVERTED]),
        ((BEFORE, DIVERTED, "Privacy: id"), [BEFORE, DIVERTED]),
        ((BEFORE, DIVERTED, "Privacy: history"), []),
        ((BEFORE, DIVERTED, "Privacy: id; Header"), []),
        ((BEFORE, DIVERTED, "Privacy: session,critical"), []),
        (("History-Info: <sip:boss@example.org?Privacy=history>;index=1", "Subject: x"), ["Subject: x"]),
        ((BEFORE, f"{DIVERTED};privacy=full"), [BEFORE]),
        ((BEFORE, f'{DIVERTED};privacy="off"'), [BEFORE, f'{DIVERTED};privacy="off"']),
    ],
)
def test_whom_a_call_was_for_before_is_not_shown_to_phones_where_that_is_private(lines, shown):
    """RFC 4244 §3.3, RFC 5806; the other trunk that the call goes on to needs it."""
    invite = message(*lines)
    to_phone, to_trunk = (PASSAGES[Party.TRUNK, party] for party in (Party.PHONE, Party.TRUNK))

    assert [line for line in relayed_lines(invite, to_phone) if line in lines[:2]] == shown
    assert [line for line in relayed_lines(invite, to_trunk) if line in lines[:2]] == list(lines[:2])


@pytest.mark.parametrize(
    "line",
    [
        "Answer-Mode: Auto", "Priv-Answer-Mode: Auto", "P-Auto-Answer: normal", "X-Auto-Answer: yes",
        "Call-Info: <sip:127.0.0.1>;answer-after=0", "Alert-Info: <http://192.168.1.1/a>", "Error-Info: <sip:a@b>",
    ],
)  # fmt: skip
def test_what_makes_phones_act_crosses_inside_of_one_owner_alone(line):
    acting = info(line)

    assert relayed_lines(acting, PASSAGES[Party.TRUNK, Party.PHONE]) == []
    assert relayed_lines(acting, PASSAGES[Party.TRUNK, Party.SWITCH]) == []
    assert relayed_lines(acting, PASSAGES[Party.TRUNK, Party.TRUNK]) == [line]
    assert_crosses_inside_alone(acting, line)


@pytest.mark.parametrize(
    "line",
    [
        "Diversion: <sip:boss@example.org>",
        "History-Info: <sip:boss@example.org>;index=1",
        "New-Fangled: header",
    ],
)
def test_what_nobody_knows_crosses_from_a_provider_too(line):
    strange = info(line)

    assert relayed_lines(strange, PASSAGES[Party.TRUNK, Party.PHONE]) == [line]
    assert relayed_lines(strange, PASSAGES[Party.TRUNK, Party.SWITCH]) == [line]
    assert_crosses_inside_alone(strange, line)


def assert_crosses_inside_alone(acting, line):
    assert relayed_lines(acting, STRANGER) == []
    assert relayed_lines(acting, PASSAGES[Party.NEIGHBOUR, Party.PHONE]) == []
    assert relayed_lines(acting, PASSAGES[Party.PHONE, Party.TRUNK]) == []
    assert relayed_lines(acting, FAMILY) == [line]
    assert relayed_lines(acting, PASSAGES[Party.SCRIPT, Party.OUTSIDER]) == [line]


def test_charging_is_between_trunks():
    charged = info("P-Charging-Vector: icid-value=1")

    assert relayed_lines(charged, PASSAGES[Party.TRUNK, Party.TRUNK])
    assert not relayed_lines(charged, FAMILY)
    assert not relayed_lines(charged, PASSAGES[Party.TRUNK, Party.PHONE])


@pytest.mark.parametrize(
    ("status", "told"),
    [(420, "Unsupported: timer"), (421, "Require: timer"), (503, "Retry-After: 9"), (486, "Warning: 399 a b"),
     (603, "Reason: Q.850;cause=21"), (403, "User-to-User: 56a3"), (488, "X-Why: no"), (423, "Min-Expires: 90")],
)  # fmt: skip
def test_a_refusal_is_explained(status, told):
    """RFC 3261 §8.2.2.3, §20.33, §21.4.15, §21.4.17."""
    refusal = response(status, told)
    name, _, value = told.partition(": ")

    assert relayed_lines(refusal, STRANGER) == [told]
    assert explaining_headers(refusal, STRANGER) == ((name, value),)
    assert explaining_headers(response(status, "Subject: private"), FAMILY) == ()


def test_every_reason_goes_on():
    """RFC 3326 §2: there may be one for each protocol."""
    reasons = ("SIP;cause=200", "Q.850;cause=16")

    assert reasons_of(info(*(f"Reason: {reason}" for reason in reasons))) == (
        ("Reason", "SIP;cause=200"),
        ("Reason", "Q.850;cause=16"),
    )
    assert reasons_of(info()) == ()


def test_an_extension_that_nobody_knows_is_found_in_both_headers():
    """RFC 3261 §8.2.2.3 and §16.3 step 5."""
    asked = info("Require: timer, 100rel, gruu", "Proxy-Require: privacy, sec-agree")

    assert unknown_extensions(asked) == ["gruu", "sec-agree"]
    assert unknown_extensions(info("Supported: 100rel")) == []


def media_address(message):
    return message.body.split(b"c=IN IP4 ")[1].split(b"\r\n")[0].decode()


def call(bench, caller, callee, *, offer="192.168.1.10", answer="10.9.9.9", early=None):
    """Set up a call and return the addresses that callee and caller are told."""
    caller.invite(body=SDP.format(offer))
    invite = callee.last("INVITE")
    if early:
        callee.answer(invite, 183, body=SDP.format(early))
    callee.answer(invite, 200, body=SDP.format(answer))
    return media_address(invite), media_address(caller.last(200))


def test_private_addresses_become_the_real_ones(bench, alice, bob):
    assert call(bench, alice, bob) == ("20.0.0.1", "30.0.0.1")


def test_public_addresses_are_left_alone(bench, alice, bob):
    assert call(bench, alice, bob, offer="20.0.0.99", answer="30.0.0.99") == ("20.0.0.99", "30.0.0.99")


def test_two_ends_behind_the_same_nat_talk_directly(bench):
    alice = bench.phone("alice", "20.0.0.1", port=5061)
    bob = bench.phone("bob", "20.0.0.1", port=5062)
    bench.account("bob", bob)

    assert call(bench, alice, bob) == ("192.168.1.10", "10.9.9.9")


def test_early_media_is_rewritten_too(bench, alice, bob):
    call(bench, alice, bob, early="10.9.9.9")

    assert media_address(alice.last(183)) == "30.0.0.1"


def test_changes_of_the_call_are_rewritten_in_both_directions(bench, alice, bob, talking):
    """The old service left re-INVITEs alone, and calls that turned to video broke."""
    ok, first = talking
    alice.send(alice.in_dialog("INVITE", ok, body=SDP.format("192.168.1.10")))
    at_bob = bob.last("INVITE")
    bob.answer(at_bob, 200, body=SDP.format("10.9.9.9"))
    at_alice = alice.last(200)
    alice.ack(at_alice)
    bob.send(bob.in_dialog("UPDATE", first, body=SDP.format("10.9.9.9"), cseq=70))

    assert media_address(at_bob) == "20.0.0.1"
    assert media_address(at_alice) == "30.0.0.1"
    assert media_address(alice.last("UPDATE")) == "30.0.0.1"


def test_a_phone_beside_the_switch_gets_its_public_address():
    bench = Bench(public_address="99.0.0.1")
    alice = bench.phone("alice", "192.168.1.10")
    bob = bench.phone("bob", "30.0.0.1")
    bench.account("bob", bob)

    assert call(bench, alice, bob)[0] == "99.0.0.1"


@pytest.mark.parametrize(("mangle", "told"), [("true", "20.0.0.1"), ("false", "192.168.1.10")])
def test_ma_false_turns_it_off_for_the_whole_call(bench, alice, bob, mangle, told):
    carol = bench.account("carol")
    original = bench.switch.finder.phones

    def phones(account):
        if account is carol:
            found = original(bench.accounts.accounts["bob"])
            for destination in found:
                destination.options = LegOptions(mangle=mangle == "true")
            return found
        return original(account)

    bench.switch.finder.phones = phones
    alice.invite("sip:carol@example.org", body=SDP.format("192.168.1.10"))
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format("10.9.9.9"))
    ok = alice.last(200)
    alice.ack(ok)
    alice.send(alice.in_dialog("INVITE", ok, body=SDP.format("192.168.1.10")))

    assert media_address(invite) == told
    assert media_address(bob.last("INVITE")) == told


@pytest.mark.parametrize(
    ("line", "is_said"),
    [
        ("Reason: Q.850;cause=16", True),
        ("User-to-User: 56a3", True),
        ("X-Score: 5", True),
        ("Max-Forwards: 70", False),
        ("Also-X-Score: 5", False),
    ],
)
def test_a_bye_says_why_or_something_along_or_nothing(line, is_said):
    bye = message(line, start="BYE sip:bob@example.org SIP/2.0", method="BYE")

    assert says_along(bye) is is_said
    assert bool(farewell_headers(bye, FAMILY)) is (is_said and not line.startswith("Reason"))
