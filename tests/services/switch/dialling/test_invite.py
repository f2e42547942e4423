"""The INVITE that a leg is sent, beside that of its caller."""

import pytest

from ..conftest import SDP, Provider
from ..test_hostile import Plans


def invite(alice, **headers):
    request = alice.request("INVITE", "sip:bob@example.org")
    for name, value in headers.items():
        request.headers.set(name, value)
    alice.send(request)


@pytest.mark.parametrize(
    ("sender", "written"),
    [
        (
            '"Alice, \\"A\\""  <sip:alice@elsewhere.net;x=1>;tag=a',
            '"Alice, \\"A\\""  <sip:alice@elsewhere.net;x=1>',
        ),
        ("<sip:alice@elsewhere.net>;tag=a", "<sip:alice@elsewhere.net>"),
        ("Alice <sip:alice@elsewhere.net>;tag=a", '"Alice" <sip:alice@elsewhere.net>'),
        ("sip:alice@elsewhere.net;tag=a", "<sip:alice@elsewhere.net>"),
    ],
)
def test_a_leg_sees_who_calls_with_quotes_around_the_name(alice, bob, sender, written):
    """As it was written, but that not everybody infers the quotes (RFC 4475 §3.1.2.15)."""
    invite(alice, From=sender)

    assert bob.last("INVITE").headers.get("From").rpartition(";tag=")[0] == written


def test_a_folded_name_crosses_on_one_line(bench, alice, bob):
    request = bytes(alice.request("INVITE", "sip:bob@example.org"))
    alice.flow.send(request.replace(b"From: <", b'From: "Al\r\n ice" <'))
    bench.run(0.05)

    assert bob.last("INVITE").headers.get("From").startswith('"Al ice" <sip:alice@')


@pytest.mark.parametrize("contact", ["*", ""])
def test_who_does_not_say_where_it_is_is_not_called_for(alice, bob, contact):
    request = alice.request("INVITE", "sip:bob@example.org")
    request.headers.remove("Contact")
    if contact:
        request.headers.add("Contact", contact)
    alice.send(request)

    assert (alice.statuses(), bob.heard) == ([400], [])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b'"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f"', '"BEL: NUL: DEL:"'),
        (b'"a\x1b[31mb"', '"a[31mb"'),
        (b"a\x07b", '"ab"'),
        ('"x\u202ey"'.encode(), '"xy"'),
        ("\x9b2J".encode(), '"2J"'),
        (b'"\x07"', ""),
    ],
)
def test_what_a_name_would_do_to_a_screen_does_not_cross(bench, alice, bob, name, shown):
    """RFC 4475 §3.1.1.2: such a name is parsed; what shows it is not told to do anything."""
    request = bytes(alice.request("INVITE", "sip:bob@example.org"))
    alice.flow.send(request.replace(b"From: <", b"From: " + name + b" <"))
    bench.run(0.05)

    assert bob.last("INVITE").headers.get("From").partition("<")[0].strip() == shown


KEPT = {
    "Call-ID": lambda invite: {"call_id": invite.call_id},
    "part of the Call-ID": lambda invite: {"call_id": f"b2b_{invite.call_id}@198.51.100.1"},
    "From tag": lambda invite: {"tag": invite.from_tag},
    "header": lambda invite: {"headers": [("x-sipwright-call", invite.headers.get("X-Sipwright-Call"))]},
    "History-Info": lambda invite: {
        "headers": [("History-Info", value) for value in invite.headers.get_all("History-Info")]
    },
}


@pytest.fixture
def trunk(bench):
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9")
    return bench.phone("trunk", "30.0.0.9")


def brings_back(bench, trunk, uri, turn, kept):
    """Bring the call back that the trunk was sent last, from another caller and with other tags."""
    bench.run(0.2)
    invite = trunk.last("INVITE")
    trunk.answer(invite, 100)
    how = {"call_id": f"turn-{turn}", "tag": f"t{turn}", **kept(invite)}
    trunk.name = f"caller{turn}"
    trunk.invite(uri, branch=f"z9hG4bKt{turn}", cseq=100 + turn, **how)
    bench.run(0.2)


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_a_call_that_spirals_ends_when_it_has_come_back_too_often(bench, alice, trunk, kept):
    bench.account("desk", in_plan=1)
    Plans(bench, {1: ("99@trunk", ())})
    alice.invite("sip:desk@example.org")
    for turn in range(1, 5):
        brings_back(bench, trunk, "sip:desk@example.org", turn, kept)

    assert len(bench.switch.calls) == 4
    assert trunk.statuses().count(482) == 1
    assert [call.passes for call in bench.switch.calls.values()] == [0, 1, 2, 3]


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_the_count_goes_on_in_another_process(bench, alice, trunk, kept):
    bench.account("desk", in_plan=1)
    Plans(bench, {1: ("99@trunk", ())})
    alice.invite("sip:desk@example.org")
    for turn in range(1, 4):
        brings_back(bench, trunk, "sip:desk@example.org", turn, kept)
    bench.restart()
    Plans(bench, {1: ("99@trunk", ())})
    brings_back(bench, trunk, "sip:desk@example.org", 4, kept)

    assert trunk.statuses()[-1] == 482


def test_a_call_of_ours_may_come_back_for_another_account(bench, trunk, bob):
    """Alice calls the number that bob has at the same provider."""
    alice = bench.phone("alice", "192.168.1.20")
    alice.domain = "example.org"
    bench.account("alice", alice, out_plan=1)
    Plans(bench, {1: ("353@trunk", ())})
    alice.invite("sip:353@example.org")
    brings_back(bench, trunk, "sip:bob@example.org", 1, KEPT["Call-ID"])
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))

    assert trunk.statuses()[-1] == 200


def test_what_an_account_dials_by_itself_says_nothing_of_its_call(bench, trunk):
    alice = bench.phone("alice", "192.168.1.20")
    alice.domain = "example.org"
    bench.account("alice", alice, out_plan=1)
    Plans(bench, {1: ("353@trunk", ())})
    alice.invite("sip:353@example.org")
    bench.run(0.2)

    index = trunk.last("INVITE").headers.index()
    assert not {"history-info", "x-sipwright-call"} & index.keys()


def test_history_is_not_told_for_a_caller_who_wants_privacy(bench, alice, trunk):
    bench.account("desk", in_plan=1)
    Plans(bench, {1: ("99@trunk", ())})
    alice.invite("sip:desk@example.org", headers=(("Privacy", "history"),))
    bench.run(0.2)

    assert "History-Info" not in trunk.last("INVITE").headers


def test_accounts_that_pass_a_call_on_among_themselves_count_by_themselves(bench, alice, bob):
    bench.account("first", in_plan=1)
    bench.account("second", in_plan=2)
    Plans(bench, {1: ("second@local", ()), 2: ("bob@local", ())})
    alice.invite("sip:first@example.org")
    bench.run(0.3)

    assert [(call.loops, call.passes) for call in bench.switch.calls.values()] == [(0, 0), (1, 0)]
    assert bob.methods() == ["INVITE"]


def test_the_line_names_the_loop(bench, alice, trunk):
    refused = []
    bench.pipeline._on_refused = lambda incoming, refusal, has_record=False: refused.append(refusal.why)
    bench.account("desk", in_plan=1)
    Plans(bench, {1: ("99@trunk", ())})
    alice.invite("sip:desk@example.org")
    for turn in range(1, 5):
        brings_back(bench, trunk, "sip:desk@example.org", turn, KEPT["header"])

    assert "has come back 4 times: whoever has sip:desk@example.org dials 99@trunk" in refused[-1]


def test_a_stranger_who_makes_up_a_name_gets_nowhere_with_it(bench, alice, trunk):
    bench.account("desk", in_plan=1)
    Plans(bench, {1: ("99@trunk", ())})
    alice.invite("sip:desk@example.org", headers=(("X-Sipwright-Call", "f" * 16),))
    bench.run(0.2)

    assert trunk.last("INVITE").headers.get_all("X-Sipwright-Call") == [next(iter(bench.switch.calls))]


def test_the_count_goes_on_where_a_call_passes_from_one_account_to_the_next(bench, alice, trunk):
    bench.account("desk", in_plan=1)
    bench.account("next", in_plan=2)
    Plans(bench, {1: ("next@local", ()), 2: ("99@trunk", ())})
    alice.invite("sip:desk@example.org")
    for turn in range(1, 5):
        brings_back(bench, trunk, "sip:desk@example.org", turn, KEPT["header"])

    assert [call.passes for call in bench.switch.calls.values()] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert trunk.statuses().count(482) == 1
