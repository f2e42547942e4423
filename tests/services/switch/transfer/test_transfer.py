"""Transfers that the switch places itself (RFC 3515, RFC 3891, RFC 5589)."""

from urllib.parse import quote

import pytest
from structlog.testing import capture_logs
from tests.services.switch.conftest import SDP

from sipwright.services.leg_options import LegOptions
from sipwright.services.switch.model.leg_state import LegState
from sipwright.sip import Request


@pytest.fixture
def carol(bench):
    phone = bench.phone("carol", "40.0.0.1")
    bench.account("carol", phone)
    return phone


@pytest.fixture
def place(bench, talking):
    """A call of alice to bob whose transfers the switch places."""
    (call,) = bench.switch.calls.values()
    with call.event():
        call.peer.destination.options = LegOptions(transfer="place")
        call.changed()
    bench.run(0.01)
    return talking


def refer(phone, message, to="sip:carol@example.org", *headers):
    request = phone.in_dialog("REFER", message, headers=[("Refer-To", f"<{to}>"), *headers], cseq=70)
    phone.send(request)
    return request


def told(phone):
    """What a transferor heard, and answered 200 each time; fragments and whether they were the last."""
    found = {}
    for message in phone.heard:
        if isinstance(message, Request) and message.method == "NOTIFY":
            state = message.headers.get("subscription-state").partition(";")[0]
            found[message.cseq.number] = (message.body.decode().strip(), state)
    return list(found.values())


def accept_reports(phone):
    phone.answer(phone.last("NOTIFY"), 200)


def answer_both(target, remaining):
    """The target answers, and the remaining end takes its offer."""
    target.answer(target.last("INVITE"), 200, body=SDP.format(target.host))
    remaining.answer(remaining.last("INVITE"), 200, body=SDP.format(remaining.host))


def blind(bench, transferor, remaining, target, message):
    refer(transferor, message)
    accept_reports(transferor)
    target.answer(target.last("INVITE"), 180)
    accept_reports(transferor)
    answer_both(target, remaining)
    accept_reports(transferor)


def test_the_callee_sends_the_caller_on(bench, alice, bob, carol, place):
    blind(bench, bob, alice, carol, place[1])
    bob.answer(bob.last("BYE"), 200)

    assert bob.statuses("REFER") == [202]
    assert told(bob) == [
        ("SIP/2.0 100 Trying", "active"),
        ("SIP/2.0 180 Ringing", "active"),
        ("SIP/2.0 200 OK", "terminated"),
    ]
    assert bob.last("NOTIFY").headers.get("event") == "refer;id=70"
    invite, offer = carol.last("INVITE"), alice.last("INVITE")
    assert (invite.body, invite.from_.uri.user, invite.uri_text) == (
        b"", "alice", "sip:carol@40.0.0.1:5060"
    )  # fmt: skip
    assert b"c=IN IP4 40.0.0.1" in offer.body
    assert b"c=IN IP4 20.0.0.1" in carol.last("ACK").body
    assert [call.state.value for call in bench.switch.calls.values()] == ["talking"]


def listed(bench):
    """Who talks to whom, as `sipwright calls` has it."""
    return [row[6:8] for row in bench.database.rows["call"].values()]


def test_the_list_of_calls_names_the_two_who_talk(bench, alice, bob, carol, place):
    blind(bench, bob, alice, carol, place[1])
    bob.answer(bob.last("BYE"), 200)

    assert listed(bench) == [("sip:alice@elsewhere.net", "sip:carol@example.org")]
    bench.restart()
    alice.send(alice.in_dialog("BYE", place[0], cseq=99))
    records = bench.database.rows["cdr"].values()
    assert {row[5:7] for row in records if row[16] == "caller"} == {
        ("sip:alice@elsewhere.net", "sip:bob@example.org")  # as it was dialled
    }


def test_also_when_the_caller_has_gone(bench, alice, bob, carol, place):
    blind(bench, alice, bob, carol, place[0])
    alice.answer(alice.last("BYE"), 200)

    assert listed(bench) == [("sip:bob@example.org", "sip:carol@example.org")]


def test_after_it_the_two_can_hold_and_hang_up(bench, alice, bob, carol, place):
    blind(bench, bob, alice, carol, place[1])
    bob.answer(bob.last("BYE"), 200)
    invite = carol.last("INVITE")
    carol.send(carol.in_dialog("INVITE", invite, body=SDP.format("40.0.0.1") + "a=sendonly\r\n", cseq=90))
    hold = alice.last("INVITE")
    alice.answer(hold, 200, body=SDP.format("20.0.0.1"))
    carol.ack(carol.last(200))
    alice.send(alice.in_dialog("BYE", place[0], cseq=99))
    carol.answer(carol.last("BYE"), 200)

    assert b"a=sendonly" in hold.body
    assert bench.cdrs() == [
        # the call: alice to the end, bob until the transfer, carol from then on
        (0, 200, "caller"), (1, 200, "transfer"), (2, 200, "caller"),
        # the call to carol: nobody's, and over when she was joined
        (0, 200, "transfer"), (1, 200, "transfer"),
    ]  # fmt: skip
    assert bench.is_empty()


def test_the_caller_sends_the_callee_on(bench, alice, bob, carol, place):
    blind(bench, alice, bob, carol, place[0])
    alice.answer(alice.last("BYE"), 200)

    assert told(alice)[-1] == ("SIP/2.0 200 OK", "terminated")
    assert carol.last("INVITE").from_.uri.user == "bob"
    assert b"c=IN IP4 30.0.0.1" in carol.last("ACK").body

    bob.send(bob.in_dialog("BYE", place[1], cseq=80))
    carol.answer(carol.last("BYE"), 200)
    assert bench.is_empty()


def test_whoever_was_transferred_to_may_transfer_again(bench, alice, bob, carol, place):
    dave = bench.phone("dave", "50.0.0.1")
    bench.account("dave", dave)
    blind(bench, bob, alice, carol, place[1])
    bob.answer(bob.last("BYE"), 200)
    first = carol.last("INVITE")
    alice.clear()
    refer(carol, first, "sip:dave@example.org")
    accept_reports(carol)
    answer_both(dave, alice)
    accept_reports(carol)
    carol.answer(carol.last("BYE"), 200)
    alice.send(alice.in_dialog("BYE", place[0], cseq=99))
    dave.answer(dave.last("BYE"), 200)

    assert b"c=IN IP4 20.0.0.1" in dave.last("ACK").body
    assert bench.is_empty()


def test_a_target_that_is_busy_leaves_the_call_as_it_was(bench, alice, bob, carol, place):
    refer(bob, place[1])
    accept_reports(bob)
    alice.clear()
    carol.answer(carol.last("INVITE"), 486)
    accept_reports(bob)
    bob.send(bob.in_dialog("INFO", place[1], cseq=71))

    assert told(bob)[-1] == ("SIP/2.0 486 Busy Here", "terminated")
    assert alice.methods() == ["INFO"]
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_a_target_that_is_nobody_here_is_told(bench, bob, place):
    """Without a dialplan only accounts here can be reached."""
    refer(bob, place[1], "sip:nobody@elsewhere.net")
    accept_reports(bob)
    accept_reports(bob)

    assert told(bob) == [("SIP/2.0 100 Trying", "active"), ("SIP/2.0 404 Not Found", "terminated")]
    assert bench.switch.snapshot().calls == {"talking": 1}


@pytest.mark.parametrize(("who", "account"), [("caller", None), ("callee", 1)])
def test_the_dialplan_depends_on_whose_phone_asks(bench, alice, bob, carol, place, who, account):
    """Alice is somebody outside, bob has an account here."""
    asked = []

    class Scripts:
        def transfer_plan(self, identity, account_id):
            asked.append((identity.direction, identity.user_id, account_id))

    bench.use_scripts(Scripts())
    refer(*((alice, place[0]) if who == "caller" else (bob, place[1])))

    assert asked == [("transfer", 1, account)]
    assert carol.methods() == ["INVITE"]


def test_an_offer_that_the_remaining_end_does_not_want(bench, alice, bob, carol, place):
    refer(bob, place[1])
    accept_reports(bob)
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    alice.answer(alice.last("INVITE"), 488)
    accept_reports(bob)
    carol.answer(carol.last("BYE"), 200)

    assert told(bob)[-1] == ("SIP/2.0 488 Not Acceptable Here", "terminated")
    assert carol.methods() == ["INVITE", "ACK", "BYE"]
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_a_collision_with_a_change_of_the_remaining_end_is_tried_again(bench, alice, bob, carol, place):
    refer(bob, place[1])
    accept_reports(bob)
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    alice.answer(alice.last("INVITE"), 491)
    bench.run(4.1)
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))

    assert b"c=IN IP4 20.0.0.1" in carol.last("ACK").body


def test_a_change_that_is_under_way_comes_first(bench, alice, bob, carol, place):
    """Bob resumes the call while carol picks up: alice answers that before she is offered anything else."""
    refer(bob, place[1])
    accept_reports(bob)
    bob.send(bob.in_dialog("INVITE", place[1], body=SDP.format("30.0.0.1"), cseq=71))
    resume = alice.last("INVITE")
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    bench.run(1)
    meanwhile = alice.last("INVITE")
    alice.answer(resume, 200, body=SDP.format("20.0.0.1"))
    bob.ack(bob.last(200))
    bench.run(1)
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))

    assert meanwhile.cseq == resume.cseq
    assert b"c=IN IP4 40.0.0.1" in alice.last("INVITE").body
    assert b"c=IN IP4 20.0.0.1" in carol.last("ACK").body


def test_a_transferor_who_hangs_up_at_once_does_not_end_it(bench, alice, bob, carol, place):
    refer(bob, place[1])
    accept_reports(bob)
    bob.send(bob.in_dialog("BYE", place[1], cseq=71))
    answer_both(carol, alice)
    alice.send(alice.in_dialog("BYE", place[0], cseq=99))
    carol.answer(carol.last("BYE"), 200)

    assert (bob.statuses("BYE"), bob.methods().count("BYE")) == ([200], 0)
    assert bench.cdrs()[:3] == [(0, 200, "caller"), (1, 200, "callee"), (2, 200, "caller")]
    assert bench.is_empty()


def test_nobody_is_left_for_whom_the_transferor_did_not_wait(bench, alice, bob, carol, place):
    refer(bob, place[1])
    accept_reports(bob)
    bob.send(bob.in_dialog("BYE", place[1], cseq=71))
    carol.answer(carol.last("INVITE"), 486)
    alice.answer(alice.last("BYE"), 200)

    assert alice.last("BYE").headers.get("reason") == 'SIP;cause=486;text="Transfer failed"'
    assert "BYE" not in bob.methods()
    assert bench.is_empty()


def test_a_remaining_end_that_hangs_up_stops_the_ringing(bench, alice, bob, carol, place):
    refer(bob, place[1])
    accept_reports(bob)
    carol.answer(carol.last("INVITE"), 180)
    accept_reports(bob)
    alice.send(alice.in_dialog("BYE", place[0], cseq=99))
    bob.answer(bob.last("BYE"), 200)
    carol.answer(carol.last("CANCEL"), 200)
    carol.answer(carol.last("INVITE"), 487)

    assert bench.is_empty()


def test_a_target_that_hangs_up_while_it_is_joined(bench, alice, bob, carol, place):
    refer(bob, place[1])
    accept_reports(bob)
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    carol.send(carol.in_dialog("BYE", carol.last("INVITE"), cseq=90))
    alice.answer(alice.last("CANCEL"), 200) if "CANCEL" in alice.methods() else None
    alice.answer(alice.last("INVITE"), 487)
    accept_reports(bob)

    assert told(bob)[-1] == ("SIP/2.0 487 Request Terminated", "terminated")
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_an_offer_that_is_taken_too_late_is_acknowledged_and_changes_nothing(bench, alice, bob, carol, place):
    """Carol has hung up meanwhile; alice and bob hear each other as before, and may change their call again."""
    refer(bob, place[1])
    accept_reports(bob)
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    carol.send(carol.in_dialog("BYE", carol.last("INVITE"), cseq=90))
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    accept_reports(bob)
    acknowledged = alice.last("ACK").cseq.number
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    bob.send(bob.in_dialog("INVITE", place[1], body=SDP.format("30.0.0.1"), cseq=71))

    assert alice.methods() == ["INVITE", "ACK", "INVITE", "ACK", "INVITE"]
    assert [m.cseq.number - acknowledged for m in alice.heard[-2:]] == [1, 2]
    assert b"20.0.0.1" in bob.last("ACK").body
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_who_wants_no_reports_gets_none(bench, alice, bob, carol, place):
    """RFC 4488."""
    refer(bob, place[1], "sip:carol@example.org", ("Refer-Sub", "false"))
    answer_both(carol, alice)
    bob.answer(bob.last("BYE"), 200)

    assert bob.last(202).headers.get("refer-sub") == "false"
    assert bob.methods() == ["INVITE", "ACK", "BYE"]


def subscribe(phone, message, cseq, *headers):
    phone.send(phone.in_dialog("SUBSCRIBE", message, headers=headers, cseq=cseq))


def test_reports_can_be_asked_for_again_and_called_off(bench, alice, bob, carol, place):
    """RFC 6665 §4.2.1: each SUBSCRIBE is followed by a NOTIFY; after the last one nothing more is told."""
    refer(bob, place[1])
    accept_reports(bob)
    subscribe(bob, place[1], 71, ("Event", "Refer;x=y;\tID = 70"), ("Expires", "600"))
    accept_reports(bob)
    carol.answer(carol.last("INVITE"), 180)
    subscribe(bob, place[1], 72, ("Event", "refer"), ("Expires", "0"))
    accept_reports(bob)  # the 180, which was on its way
    accept_reports(bob)
    answer_both(carol, alice)

    accepted = [m.headers.get("expires") for m in bob.heard if m.cseq.method == "SUBSCRIBE"]
    assert accepted == ["180", "0"]
    assert told(bob) == [
        ("SIP/2.0 100 Trying", "active"),
        ("SIP/2.0 100 Trying", "active"),
        ("SIP/2.0 180 Ringing", "active"),
        ("SIP/2.0 180 Ringing", "terminated"),
    ]
    assert bob.last("NOTIFY").headers.get("subscription-state") == "terminated;reason=timeout"
    assert bob.methods()[-1] == "BYE"


@pytest.mark.parametrize("event", ["refer;id=71", "presence"])
def test_a_subscription_to_something_else_crosses(bench, alice, bob, carol, place, event):
    refer(bob, place[1])
    accept_reports(bob)
    subscribe(bob, place[1], 71, ("Event", event))

    assert alice.last("SUBSCRIBE").headers.get("event") == event


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ([], 400, "One Refer-To Is Needed"),
        ([("Refer-To", "<sip:a@b>"), ("Refer-To", "<sip:c@d>")], 400, "One Refer-To Is Needed"),
        ([("Refer-To", "nonsense")], 400, None),
        ([("Refer-To", "<mailto:a@b.example>")], 416, None),
        ([("Refer-To", "<sip:a@example.org;method=BYE>")], 400, "Only An INVITE Can Be Referred"),
        ([("Refer-To", "<sip:a@example.org?Replaces=x>")], 400, "The Replaces header does not name a dialog"),
        (
            [("Refer-To", "<sip:a@example.org?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>")],
            400,
            "Replaces Names No Other Call Here",
        ),
    ],
)  # fmt: skip
def test_a_refer_that_makes_no_sense_is_refused(bench, bob, place, headers, status, reason):
    bob.send(bob.in_dialog("REFER", place[1], headers=headers, cseq=70))

    refusal = bob.last(status)
    assert refusal.cseq.method == "REFER"
    assert reason in (None, refusal.reason)
    assert [call.processes for call in bench.switch.calls.values()] == [()]


def test_a_refer_that_may_not_be_carried_out_is_not_under_way(bench, bob, carol, place):
    """Whose account is disabled in a call may ask again when it no longer is."""
    account = bench.accounts.accounts["bob"]
    account.is_enabled = False
    bob.send(bob.in_dialog("REFER", place[1], headers=[("Refer-To", "<sip:carol@example.org>")], cseq=70))
    account.is_enabled = True
    bob.send(bob.in_dialog("REFER", place[1], headers=[("Refer-To", "<sip:carol@example.org>")], cseq=71))

    assert bob.statuses("REFER") == [403, 202]
    assert carol.methods() == ["INVITE"]


def test_a_second_refer_has_to_wait(bench, bob, carol, place):
    refer(bob, place[1])
    accept_reports(bob)
    bob.send(bob.in_dialog("REFER", place[1], headers=[("Refer-To", "<sip:carol@example.org>")], cseq=71))

    assert bob.statuses("REFER") == [202, 491]


# With another call.


def consult(bench, transferor, target):
    """Let the transferor call the target; returns the 2xx that it heard, and the INVITE that the target heard."""
    if transferor.name in bench.accounts.accounts:
        transferor.domain = "example.org"
    transferor.invite(f"sip:{target.name}@example.org", call_id="consult", tag="consult")
    invite = target.last("INVITE")
    target.answer(invite, 200, body=SDP.format(target.host))
    ok = transferor.last(200)
    transferor.ack(ok)
    return ok, invite


def replacing(ok):
    """The Refer-To of an attended transfer, in terms of the transferor's own dialog."""
    value = f"{ok.call_id};to-tag={ok.to_tag};from-tag={ok.from_tag}"
    return f"sip:carol@example.org?Replaces={quote(value, safe='')}"


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_an_attended_transfer_joins_the_two_others(bench, alice, bob, carol, place, who):
    transferor, remaining, message = (alice, bob, place[0]) if who == "caller" else (bob, alice, place[1])
    ok, _ = consult(bench, transferor, carol)
    refer(transferor, message, replacing(ok))
    accept_reports(transferor)
    asked = carol.last("INVITE")
    answer_both(carol, remaining)
    accept_reports(transferor)
    byes = [m for m in transferor.heard if isinstance(m, Request) and m.method == "BYE"]
    for bye in {m.call_id: m for m in byes}.values():
        transferor.answer(bye, 200)

    assert (asked.body, asked.call_id) == (b"", carol.heard[0].call_id)
    assert b"c=IN IP4 40.0.0.1" in remaining.last("INVITE").body
    assert f"c=IN IP4 {remaining.host}".encode() in carol.last("ACK").body
    assert told(transferor) == [("SIP/2.0 100 Trying", "active"), ("SIP/2.0 200 OK", "terminated")]
    assert {bye.call_id for bye in byes} == {message.call_id, "consult"}
    assert bench.switch.snapshot().calls == {"talking": 1}
    stays = {"caller": "sip:bob@example.org", "callee": "sip:alice@elsewhere.net"}[who]
    assert listed(bench) == [(stays, "sip:carol@example.org")]

    carol.send(carol.in_dialog("BYE", carol.heard[0], cseq=90))
    remaining.answer(remaining.last("BYE"), 200)
    (mine, theirs) = sorted(
        {key[0] for key in bench.database.rows["cdr"]},
        key=lambda call: -len([key for key in bench.database.rows["cdr"] if key[0] == call]),
    )
    seen = {key: bench.database.rows["cdr"][key][16] for key in sorted(bench.database.rows["cdr"])}
    assert [seen[mine, leg] for leg in range(3)] == (
        ["transfer", "callee", "callee"] if who == "caller" else ["callee", "transfer", "callee"]
    )
    assert [seen[theirs, leg] for leg in range(2)] == ["transfer", "transfer"]
    assert bench.is_empty()


def test_the_target_may_be_the_one_who_called(bench, alice, bob, carol, place):
    """Carol has called bob, who then joins her with alice."""
    carol.invite("sip:bob@example.org", call_id="consult", tag="carol")
    waiting = bob.last("INVITE")
    bob.answer(waiting, 200, tag="bob2", body=SDP.format("30.0.0.1"))
    ok = carol.last(200)
    carol.ack(ok)
    value = f"{waiting.call_id};to-tag={waiting.from_tag};from-tag=bob2"
    refer(bob, place[1], f"sip:carol@example.org?Replaces={quote(value, safe='')}")
    accept_reports(bob)
    answer_both(carol, alice)
    accept_reports(bob)
    alice.send(alice.in_dialog("BYE", place[0], cseq=99))

    assert b"c=IN IP4 20.0.0.1" in carol.last("ACK").body
    assert carol.last("BYE").call_id == "consult"


@pytest.mark.parametrize("is_attended", [False, True])
def test_a_2xx_that_comes_again_is_acknowledged_again(bench, alice, bob, carol, place, is_attended):
    """The target has not heard our ACK: it gets the same one, whichever call its leg is in by now."""
    to = replacing(consult(bench, bob, carol)[0]) if is_attended else "sip:carol@example.org"
    carol.clear()
    refer(bob, place[1], to)
    accept_reports(bob)
    invite = carol.last("INVITE")
    answer_both(carol, alice)
    carol.answer(invite, 200, body=SDP.format("40.0.0.1"))

    assert carol.methods() == ["INVITE", "ACK", "ACK"]
    assert len({bytes(message) for message in carol.heard if message.method == "ACK"}) == 1


def test_the_target_is_found_after_a_kill_in_which_its_old_call_was_not_over_yet(
    bench, alice, bob, carol, place
):
    """The transferor has not answered the BYE of that, so the leg is in two calls: over in the one that began later."""
    refer(bob, place[1], replacing(consult(bench, bob, carol)[0]))
    accept_reports(bob)
    answer_both(carol, alice)
    accept_reports(bob)
    bench.restart()
    carol.send(carol.in_dialog("BYE", carol.heard[0], cseq=90))

    assert (carol.statuses("BYE"), alice.methods()[-1]) == ([200], "BYE")


@pytest.mark.parametrize("part", ["call_id", "to_tag", "from_tag"])
def test_all_three_parts_of_a_dialog_must_match(bench, alice, bob, carol, place, part):
    ok, _ = consult(bench, bob, carol)
    value = {"call_id": ok.call_id, "to_tag": ok.to_tag, "from_tag": ok.from_tag} | {part: "guessed"}
    named = f"{value['call_id']};to-tag={value['to_tag']};from-tag={value['from_tag']}"
    refer(bob, place[1], f"sip:carol@example.org?Replaces={quote(named, safe='')}")

    assert bob.last(400).reason == "Replaces Names No Other Call Here"


def test_the_call_of_somebody_else_cannot_be_taken(bench, alice, bob, carol, place):
    """Dave and carol talk; bob has learnt the tags of that call, which does not make it his."""
    dave = bench.phone("dave", "50.0.0.1")
    bench.account("dave", dave)
    ok, _ = consult(bench, dave, carol)
    carol.clear()
    refer(bob, place[1], replacing(ok))

    assert bob.last(403).reason == "Not A Call Of Yours"
    assert carol.heard == []


@pytest.mark.parametrize("owner", [1, 2])
def test_a_phone_with_two_accounts_transfers_from_one_to_the_other(bench, alice, bob, carol, place, owner):
    """It asks back on its second line: that is the same phone, where both lines are one owner's."""
    bench.account("line2", bob, user_id=owner)
    bob.name = "line2"
    ok, _ = consult(bench, bob, carol)
    bob.name = "bob"
    refer(bob, place[1], replacing(ok))

    assert bob.statuses("REFER") == [202 if owner == 1 else 403]
    assert carol.methods() == ["INVITE", "ACK", *(["INVITE"] if owner == 1 else [])]


def bye_in_both(transferor, message, ok):
    transferor.send(transferor.in_dialog("BYE", message, cseq=71))
    transferor.send(transferor.in_dialog("BYE", ok, cseq=71))


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_transferor_may_leave_both_calls_at_once(bench, alice, bob, carol, place, is_killed):
    """Not every phone waits to hear how it went."""
    ok, _ = consult(bench, bob, carol)
    refer(bob, place[1], replacing(ok))
    accept_reports(bob)
    if is_killed:
        bench.restart()
    bye_in_both(bob, place[1], ok)
    answer_both(carol, alice)
    alice.send(alice.in_dialog("BYE", place[0], cseq=99))
    carol.answer(carol.last("BYE"), 200)

    assert bob.statuses("BYE") == [200, 200]
    assert "BYE" not in bob.methods()
    assert b"c=IN IP4 20.0.0.1" in carol.last("ACK").body
    assert carol.methods().count("BYE") == 1
    assert bench.is_empty()


def test_when_it_has_left_both_and_it_fails_nobody_is_left_waiting(bench, alice, bob, carol, place):
    ok, _ = consult(bench, bob, carol)
    refer(bob, place[1], replacing(ok))
    accept_reports(bob)
    bye_in_both(bob, place[1], ok)
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    alice.answer(alice.last("INVITE"), 488)
    for phone in (alice, carol):
        phone.answer(phone.last("BYE"), 200)

    assert "BYE" not in bob.methods()
    assert bench.is_empty()


def test_an_end_that_is_always_busy_changing_is_given_up(bench, alice, bob, carol, place):
    refer(bob, place[1])
    accept_reports(bob)
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    for _ in range(10):
        alice.answer(alice.last("INVITE"), 491)
        bench.run(4.1)
    accept_reports(bob)
    carol.answer(carol.last("BYE"), 200)

    assert told(bob)[-1] == ("SIP/2.0 491 Request Pending", "terminated")
    assert bench.switch.snapshot().calls == {"talking": 1}


@pytest.mark.parametrize("said", ["491, each time", "100"])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_target_is_acknowledged_in_time_whatever_the_other_end_does(
    bench, alice, bob, carol, place, said, restarts
):
    """RFC 3261 §13.3.1.4: whoever hears no ACK for 64*T1 hangs up."""
    ok, _ = consult(bench, bob, carol)
    refer(bob, place[1], replacing(ok))
    accept_reports(bob)
    asked, had = carol.last("INVITE"), carol.methods().count("ACK")
    carol.answer(asked, 200, body=SDP.format(carol.host))
    answered_at = bench.network.now
    for number in range(8):
        if carol.methods().count("ACK") == had:
            alice.answer(alice.last("INVITE"), int(said[:3]))
            if restarts and number == 3:
                bench.restart()
            bench.run(4.1)
        if "CANCEL" in alice.methods():
            alice.answer(alice.last("INVITE"), 487)

    assert (carol.last("ACK").cseq.number, bench.network.now - answered_at < 32) == (asked.cseq.number, True)
    assert b"m=audio 0 RTP/AVP 0\r\n" in carol.last("ACK").body
    assert bench.switch.snapshot().calls == {"talking": 2}


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_nothing_else_changes_a_target_whose_offer_waits_for_its_answer(
    bench, alice, bob, carol, place, restarts, method
):
    """RFC 3261 §14.1: its ACK had the number of a re-INVITE that came in between, and was none for what it had said."""
    ok, _ = consult(bench, bob, carol)
    refer(bob, place[1], replacing(ok))
    accept_reports(bob)
    asked = carol.last("INVITE")
    carol.answer(asked, 200, body=SDP.format(carol.host))
    if restarts:
        bench.restart()
    heard = len(carol.heard)
    bob.send(bob.in_dialog(method, ok, cseq=75, body=SDP.format(bob.host)))
    assert (bob.statuses(method)[-1], len(carol.heard)) == (491, heard)
    alice.answer(alice.last("INVITE"), 200, body=SDP.format(alice.host))

    ack = carol.last("ACK")
    assert (ack.cseq.number, f"IP4 {alice.host}" in ack.body.decode()) == (asked.cseq.number, True)
    ends = [each for call in bench.switch.calls.values() for each in call.ends()]
    legs = [each for each in ends if each.state is LegState.ANSWERED]
    assert [each.reinvite for each in legs if each.sip_call_id == ack.call_id] == [None]


def test_a_target_that_does_not_want_to_change_leaves_both_calls(bench, alice, bob, carol, place):
    ok, _ = consult(bench, bob, carol)
    refer(bob, place[1], replacing(ok))
    accept_reports(bob)
    carol.answer(carol.last("INVITE"), 488)
    accept_reports(bob)

    assert told(bob)[-1] == ("SIP/2.0 488 Not Acceptable Here", "terminated")
    assert bench.switch.snapshot().calls == {"talking": 2}


def test_an_offer_of_the_target_that_nobody_wants_is_answered_with_no_stream(bench, alice, bob, carol, place):
    ok, _ = consult(bench, bob, carol)
    refer(bob, place[1], replacing(ok))
    accept_reports(bob)
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    alice.answer(alice.last("INVITE"), 488)
    accept_reports(bob)

    assert b"m=audio 0 RTP/AVP 0\r\n" in carol.last("ACK").body
    assert bench.switch.snapshot().calls == {"talking": 2}


# Killed in the middle.


STEPS = ["accepted", "ringing", "picked up", "joined", "reported"]


@pytest.mark.parametrize("step", STEPS)
def test_a_blind_transfer_outlives_the_process_at_every_step(bench, alice, bob, carol, place, step):
    def reached(name):
        if name == step:
            bench.restart()
            bench.run(1)

    refer(bob, place[1])
    reached("accepted")
    accept_reports(bob)
    carol.answer(carol.last("INVITE"), 180)
    reached("ringing")
    accept_reports(bob)
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    reached("picked up")
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    reached("joined")
    accept_reports(bob)
    bob.answer(bob.last("BYE"), 200)
    reached("reported")
    alice.send(alice.in_dialog("BYE", place[0], cseq=99))
    carol.answer(carol.last("BYE"), 200)

    assert told(bob)[-1] == ("SIP/2.0 200 OK", "terminated")
    assert b"c=IN IP4 20.0.0.1" in carol.last("ACK").body
    assert bench.cdrs() == [
        (0, 200, "caller"), (1, 200, "transfer"), (2, 200, "caller"), (0, 200, "transfer"), (1, 200, "transfer"),
    ]  # fmt: skip
    assert bench.is_empty()


@pytest.mark.parametrize("step", ["asked", "offered", "joined"])
def test_an_attended_transfer_outlives_the_process_at_every_step(bench, alice, bob, carol, place, step):
    def reached(name):
        if name == step:
            bench.restart()
            bench.run(1)

    ok, _ = consult(bench, bob, carol)
    refer(bob, place[1], replacing(ok))
    reached("asked")
    accept_reports(bob)
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    reached("offered")
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    reached("joined")
    accept_reports(bob)
    for bye in {m.call_id: m for m in bob.heard if isinstance(m, Request) and m.method == "BYE"}.values():
        bob.answer(bye, 200)
    alice.send(alice.in_dialog("BYE", place[0], cseq=99))
    carol.answer(carol.last("BYE"), 200)

    assert b"c=IN IP4 20.0.0.1" in carol.last("ACK").body
    assert sorted(by for _, _, by in bench.cdrs()) == ["caller", "caller", "transfer", "transfer", "transfer"]
    assert bench.is_empty()


def left(bench):
    (call,) = [call for call in bench.switch.calls.values() if call.state.value == "talking"]
    return None if call.time_left is None else round(call.time_left)


@pytest.mark.parametrize(
    ("old", "new", "expected"), [(None, 60, 60), (30, 60, 30), (90, 60, 60), (90, None, 90)]
)
def test_no_transfer_makes_a_call_longer_than_it_may_be(bench, alice, bob, carol, place, old, new, expected):
    """Neither the limit of the call that goes on nor that of the target is lost."""
    (call,) = bench.switch.calls.values()
    call.end_within((old,))
    refer(bob, place[1])
    (referred,) = [one for one in bench.switch.calls.values() if one is not call]
    referred.limit = new
    accept_reports(bob)
    answer_both(carol, alice)

    assert left(bench) == expected


def test_what_the_target_was_answered_last_is_in_one_call_only(bench, alice, bob, carol, place):
    """Carol asked something just before she was fetched; after a restart both calls are there all the same."""
    ok, invite = consult(bench, bob, carol)
    carol.send(carol.in_dialog("INFO", invite, cseq=60))
    bob.answer(bob.last("INFO"), 200)
    refer(bob, place[1], replacing(ok))
    accept_reports(bob)
    answer_both(carol, alice)
    with capture_logs() as logs:
        bench.restart()

    assert [entry["event"] for entry in logs] == []
    assert len(bench.switch.calls) == 2


def test_the_limit_of_a_call_that_is_fetched_runs_on(bench, alice, bob, carol, place):
    ok, _ = consult(bench, bob, carol)
    bench.switch.ports.legs[ok.to_tag].owner.end_within((60,))
    bench.run(20)
    refer(bob, place[1], replacing(ok))
    accept_reports(bob)
    answer_both(carol, alice)

    assert left(bench) == 40


def test_a_caller_whose_name_makes_no_sense_is_sent_on_all_the_same(bench, alice, bob, carol, place):
    (call,) = bench.switch.calls.values()
    call.caller.dialog.remote_uri = "<nonsense>"
    refer(bob, place[1])

    assert carol.last("INVITE").from_.uri.user == "anonymous"


# With a call that still rings.


def ring(bench, transferor, target):
    """Let the transferor call the target, which only rings; returns the Refer-To that names that call."""
    if transferor.name in bench.accounts.accounts:
        transferor.domain = "example.org"
    transferor.invite(f"sip:{target.name}@example.org", call_id="consult", tag="consult")
    target.answer(target.last("INVITE"), 180)
    return replacing(transferor.last(180))


SEMI_ATTENDED = ["ringing", "accepted", "picked up", "asked", "offered", "joined"]


@pytest.mark.parametrize("step", [None, *SEMI_ATTENDED])
def test_a_call_that_still_rings_can_be_handed_over(bench, alice, bob, carol, talking, step):
    """RFC 5589 §7.3 has phones give up that call and begin another one; here it rings on, over a restart too."""

    def reached(name):
        if name == step:
            bench.restart()
            alice.ack(talking[0])  # the next process has not heard her first one
            bench.run(1)

    to = ring(bench, bob, carol)
    reached("ringing")
    refer(bob, talking[1], to)
    reached("accepted")
    given_up = bob.last(487)
    bob.send(bob.request("ACK", "sip:carol@example.org", to=given_up.headers.get("To"), call_id="consult",
                         tag="consult", cseq=given_up.cseq.number, branch=given_up.top_via.branch))  # fmt: skip
    accept_reports(bob)
    reached("picked up")
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    accept_reports(bob)
    reached("asked")
    asked = carol.last("INVITE")
    carol.answer(asked, 200, body=SDP.format("40.0.0.1"))
    reached("offered")
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    reached("joined")
    accept_reports(bob)
    bob.answer(bob.last("BYE"), 200)

    assert given_up.headers.get("reason") == 'SIP;cause=200;text="Transferred"'
    assert ("CANCEL" in carol.methods(), asked.body) == (False, b"")
    assert b"c=IN IP4 40.0.0.1" in alice.last("INVITE").body
    assert b"c=IN IP4 20.0.0.1" in carol.last("ACK").body
    assert told(bob)[-1] == ("SIP/2.0 200 OK", "terminated")
    assert bench.switch.snapshot().calls == {"talking": 1}

    alice.send(alice.in_dialog("BYE", talking[0], cseq=99))
    carol.answer(carol.last("BYE"), 200)
    assert bench.is_empty()


def test_what_rings_may_be_given_up_at_once(bench, alice, bob, carol, talking):
    """The CANCEL of a phone that thinks its part is done changes nothing."""
    refer(bob, talking[1], ring(bench, bob, carol))
    bob.send(bob.request("CANCEL", "sip:carol@example.org", call_id="consult", tag="consult", cseq=1,
                         branch=bob.last(180).top_via.branch))  # fmt: skip

    assert carol.methods() == ["INVITE"]
    assert bench.switch.snapshot().calls == {"talking": 1, "setting up": 1}


def test_nobody_who_rings_and_does_not_answer_changes_anything(bench, alice, bob, carol, talking):
    refer(bob, talking[1], ring(bench, bob, carol))
    accept_reports(bob)
    carol.answer(carol.last("INVITE"), 486)
    accept_reports(bob)
    accept_reports(bob)

    assert told(bob)[-1] == ("SIP/2.0 486 Busy Here", "terminated")
    assert alice.methods() == []
    bench.run(40)
    assert bench.switch.snapshot().calls == {"talking": 1}


def test_a_call_of_somebody_else_that_rings_cannot_be_taken(bench, alice, bob, carol, talking):
    dave = bench.phone("dave", "50.0.0.1")
    bench.account("dave", dave)
    refer(bob, talking[1], ring(bench, dave, carol))

    assert bob.last(403).reason == "Not A Call Of Yours"
    assert carol.methods() == ["INVITE"]
