"""Replaces (RFC 3891): in an INVITE to the switch, and in a REFER that crosses it."""

from urllib.parse import quote, unquote

import pytest
from tests.services.switch.conftest import SDP
from tests.services.switch.test_hostile import Plans

from sipwright.services.leg_options import LegOptions
from sipwright.services.switch.transfer.replaces import Replaces
from sipwright.sip import ParseError, Request


@pytest.fixture
def desk(bench, alice, bob, talking):
    """Another phone of bob's."""
    phone = bench.phone("bob", "30.0.0.2")
    phone.domain = "example.org"
    return phone


def named(invite, tag="bob", flag=""):
    """The dialog of bob's leg, as the switch is told to replace it: its own tag is the one of the switch."""
    return f"{invite.call_id};to-tag={invite.from_tag};from-tag={tag}{flag}"


def take_over(phone, invite, **options):
    headers = [("Replaces", named(invite, **options)), ("Require", "replaces")]
    phone.invite("sip:alice@example.org", call_id="pickup", tag="desk", headers=headers)


def test_a_call_is_taken_over_by_another_phone_of_the_account(bench, alice, bob, desk, talking):
    _, invite = talking
    take_over(desk, invite)
    offer = alice.last("INVITE")
    alice.answer(offer, 200, body=SDP.format("20.0.0.1"))
    answer = desk.last(200)
    desk.ack(answer)
    bob.answer(bob.last("BYE"), 200)

    assert b"c=IN IP4 30.0.0.2" in offer.body
    assert b"c=IN IP4 20.0.0.1" in answer.body
    assert alice.methods() == ["INVITE", "ACK"]
    assert bench.switch.snapshot().calls == {"talking": 1}

    desk.send(desk.in_dialog("BYE", answer))
    alice.answer(alice.last("BYE"), 200)
    assert bench.cdrs() == [
        (0, 200, "transfer"), (1, 200, "transfer"), (0, 200, "caller"), (1, 200, "caller"),
    ]  # fmt: skip
    assert bench.is_empty()


def test_without_an_offer_the_other_end_makes_one(bench, alice, bob, desk, talking):
    _, invite = talking
    desk.invite("sip:alice@example.org", tag="desk", headers=[("Replaces", named(invite))], body=None)
    assert alice.last("INVITE").body == b""
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    assert alice.methods() == ["INVITE"]
    desk.ack(desk.last(200), body=SDP.format("30.0.0.2"))

    assert b"c=IN IP4 30.0.0.2" in alice.last("ACK").body


def test_an_end_that_does_not_want_it_keeps_the_call(bench, alice, bob, desk, talking):
    take_over(desk, talking[1])
    alice.answer(alice.last("INVITE"), 488)

    assert desk.statuses()[-1] == 488
    assert "BYE" not in bob.methods()
    assert bench.switch.snapshot().calls["talking"] == 1


def test_who_has_accepted_what_was_given_up_meanwhile_hears_its_ack(bench, alice, bob):
    """RFC 3261 §13.2.2.4: a callee heard that of its first INVITE once more, and hung up after half a minute."""
    alice.domain = "example.org"
    bench.account("alice", alice)
    bench.account("bob", bob)
    alice.invite()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    ok = alice.last(200)
    alice.ack(ok)
    mobile = bench.phone("alice", "20.0.0.2")
    mobile.domain = "example.org"
    replaced = f"{ok.call_id};to-tag={ok.to_tag};from-tag={ok.from_tag}"
    sent = mobile.invite("sip:bob@example.org", call_id="mobile", headers=[("Replaces", replaced)])
    offer = bob.last("INVITE")
    mobile.send(mobile.request("CANCEL", sent.uri_text, call_id="mobile", cseq=1, branch=sent.top_via.branch))
    for _ in range(2):
        bob.answer(offer, 200, tag="bob", body=SDP.format("30.0.0.1"))

    assert mobile.statuses()[-1] == 487
    assert [m.cseq.number for m in bob.heard if isinstance(m, Request) and m.method == "ACK"] == [1, 2, 2]


def test_a_caller_who_gives_up_leaves_the_call_as_it_was(bench, alice, bob, desk, talking):
    take_over(desk, talking[1])
    offer = alice.last("INVITE")
    alice.answer(offer, 100)
    cancel = desk.request("CANCEL", "sip:alice@example.org", call_id="pickup", tag="desk", cseq=1,
                          branch="z9hG4bK-bob-INVITE-1-pickup")  # fmt: skip
    desk.send(cancel)
    alice.answer(alice.last("CANCEL"), 200)
    alice.answer(offer, 487)

    assert desk.statuses()[-1] == 487
    assert alice.methods() == ["INVITE", "CANCEL", "ACK"]
    assert bench.switch.snapshot().calls["talking"] == 1


def test_a_collision_is_tried_again(bench, alice, bob, desk, talking):
    take_over(desk, talking[1])
    alice.answer(alice.last("INVITE"), 491)
    bench.run(4.1)
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))

    assert desk.statuses()[-1] == 200


def test_it_goes_on_after_a_restart(bench, alice, bob, desk, talking):
    take_over(desk, talking[1])
    bench.restart()
    bench.run(1)
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    desk.ack(desk.last(200))

    assert (
        len({m.top_via.branch for m in alice.heard if isinstance(m, Request) and m.method == "INVITE"}) == 1
    )
    assert bob.methods()[-1] == "BYE"


def test_nobody_takes_the_call_of_somebody_else(bench, alice, bob, talking):
    """Neither an account of another user, nor somebody outside who has learnt the tags."""
    carol = bench.phone("carol", "40.0.0.1")
    bench.account("carol", carol, user_id=2)
    for domain in ("example.org", "elsewhere.net"):
        carol.domain = domain
        carol.invite("sip:bob@example.org", call_id=domain, headers=[("Replaces", named(talking[1]))])

    assert carol.statuses() == [403, 403]
    assert alice.methods() == []


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("nonsense", 400),
        ("x;to-tag=1", 400),
        ("x;to-tag=1;to-tag=2;from-tag=3", 400),
    ],
)
def test_a_header_that_cannot_be_read(desk, value, status):
    desk.invite("sip:alice@example.org", tag="desk", headers=[("Replaces", value)])

    assert desk.statuses() == [status]


def test_a_call_that_has_been_answered_is_not_early(desk, talking):
    take_over(desk, talking[1], flag=";early-only")

    assert desk.statuses() == [486]


def test_whoever_is_sent_the_names_of_a_phone_takes_its_place(bench, alice, bob, talking):
    """RFC 5359 §2.6: the tags are those of the phone that gives the call away, which the other end could not know."""
    carol = bench.phone("carol", "40.0.0.1")
    carol.domain = "example.org"
    bench.account("carol", carol)
    bench.account("alice", alice)
    invite = talking[1]
    value = f"{invite.call_id};to-tag=bob;from-tag={invite.from_tag}"
    carol.invite("sip:alice@example.org", call_id="taken", tag="taker", headers=[("Replaces", value)])
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))

    assert (carol.statuses()[-1], alice.methods(), bob.methods()[-1]) == (200, ["INVITE", "ACK"], "BYE")


@pytest.mark.parametrize("dialled", ["bob", "555"])
def test_a_phone_that_is_called_itself_knows_what_its_names_mean(bench, desk, bob, talking, dialled):
    """Also where a dialplan says who is called by a number."""
    Plans(bench, {1: ("bob@local", ())})
    bench.accounts.accounts["bob"].out_plan = 1
    bob.clear()
    invite = talking[1]
    value = f"{invite.call_id};to-tag=bob;from-tag={invite.from_tag}"
    desk.invite(f"sip:{dialled}@example.org", call_id="desk", tag="desk", headers=[("Replaces", value)])
    bench.run(0.1)

    assert bob.last("INVITE").headers.get("replaces") == value


@pytest.mark.parametrize("change", ["call-id", "from-tag"])
def test_a_tag_of_ours_with_anything_else_is_no_dialog(bench, bob, desk, talking, change):
    """RFC 3891 §3: all three parts have to match, and nobody else could know what is meant."""
    invite = talking[1]
    call_id = "x" if change == "call-id" else invite.call_id
    bob.clear()
    value = f"{call_id};to-tag={invite.from_tag};from-tag={'x' if change == 'from-tag' else 'bob'}"
    desk.invite("sip:bob@example.org", call_id="desk", tag="desk", headers=[("Replaces", value)])

    assert (desk.statuses(), bob.methods()) == ([481], [])


def test_what_is_no_dialog_of_ours_is_left_to_the_callee(bench, desk, bob):
    bob.clear()
    desk.invite("sip:bob@example.org", tag="desk",
                headers=[("Replaces", "x;to-tag=1;from-tag=2"), ("Require", "replaces")])  # fmt: skip

    assert bob.last("INVITE").headers.get("replaces") == "x;to-tag=1;from-tag=2"
    assert bob.last("INVITE").headers.get("require") == "replaces"


# In a REFER that crosses.


@pytest.fixture
def passing(bench, talking):
    """A call of alice to bob whose dialplan lets the other end carry out transfers."""
    (call,) = bench.switch.calls.values()
    with call.event():
        call.peer.destination.options = LegOptions(transfer="pass")
        call.changed()
    return talking


def test_a_refer_that_crosses_names_the_dialog_of_the_far_end(bench, alice, bob, desk, passing):
    """Bob talks to alice and to carol; alice is told to replace the dialog that carol knows."""
    carol = bench.phone("carol", "40.0.0.1")
    bench.account("carol", carol)
    desk.invite("sip:carol@example.org", call_id="consult", tag="consult")
    at_carol = carol.last("INVITE")
    carol.answer(at_carol, 200, body=SDP.format("40.0.0.1"))
    ok = desk.last(200)
    value = quote(f"{ok.call_id};to-tag={ok.to_tag};from-tag={ok.from_tag};early-only", safe="")
    target = f"<sip:carol@example.org?Replaces={value}&Require=replaces>"
    bob.send(bob.in_dialog("REFER", passing[1], headers=[("Refer-To", target)], cseq=70))

    seen = alice.last("REFER").headers.get("refer-to")
    head, _, rest = seen.partition("?Replaces=")
    named, _, tail = rest.partition("&")
    assert (head, tail) == ("<sip:carol@example.org", "Require=replaces>")
    assert unquote(named) == f"{at_carol.call_id};to-tag=carol;from-tag={at_carol.from_tag};early-only"


@pytest.mark.parametrize(
    "target",
    ["<sip:carol@example.org>", "<sip:c@e?Replaces=x>", "<sip:c@e?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>"],
)
def test_any_other_refer_crosses_as_it_is(alice, bob, passing, target):
    bob.send(bob.in_dialog("REFER", passing[1], headers=[("Refer-To", target)], cseq=70))

    assert alice.last("REFER").headers.get("refer-to") == target


def test_a_value_is_read_whatever_its_order():
    replaces = Replaces.parse("a@b ; from-tag=1;x=y; early-only;TO-TAG=2")

    assert replaces == Replaces("a@b", "2", "1", True)
    assert str(replaces) == "a@b;to-tag=2;from-tag=1;early-only"
    with pytest.raises(ParseError):
        Replaces.parse(";to-tag=1;from-tag=2")


def test_the_limit_of_a_call_that_is_taken_over_runs_on(bench, alice, bob, desk, talking):
    (call,) = bench.switch.calls.values()
    call.end_within((60,))
    bench.run(20)
    take_over(desk, talking[1])
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    (over,) = [call for call in bench.switch.calls.values() if call.state.value == "talking"]

    assert round(over.time_left) == 40
