"""A process dies and another one goes on: no call is lost, and no phone is rung twice."""

import json
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from tests.services.switch.conftest import SDP, document_of


def test_a_ringing_call_is_answered_by_the_next_process(bench, alice, bob):
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 180)
    bench.restart()
    bob.answer(invite, 200, body=SDP.format("30.0.0.1"))
    alice.ack(alice.last(200))

    assert bob.methods() == ["INVITE", "ACK"]
    assert alice.statuses()[-1] == 200

    alice.send(alice.in_dialog("BYE", alice.last(200)))
    bob.answer(bob.last("BYE"), 200)
    assert bench.cdrs() == [(0, 200, "caller"), (1, 200, "caller")]
    assert bench.is_empty()


def test_a_cancel_after_the_restart_reaches_the_phone(bench, alice, bob):
    invite = alice.invite()
    ringing = bob.last("INVITE")
    bob.answer(ringing, 180)
    bench.restart()
    alice.send(alice.request("CANCEL", invite.uri_text, cseq=1, branch=invite.top_via.branch))

    assert bob.methods() == ["INVITE", "CANCEL"]
    assert alice.statuses()[-1] == 487


def test_ring_times_run_on(bench, alice, bob):
    alice.invite()
    bob.answer(bob.last("INVITE"), 180)
    bench.run(100)
    bench.restart()
    bench.run(79)
    assert alice.statuses()[-1] == 180

    bench.run(2)
    assert alice.statuses()[-1] == 408
    assert bob.methods()[-1] == "CANCEL"


def test_an_answered_call_is_held_and_hung_up_with_the_right_cseq(bench, alice, bob, talking):
    ok, first = talking
    alice.send(alice.in_dialog("INFO", ok))
    bob.answer(bob.last("INFO"), 200)
    bench.restart()
    alice.send(alice.in_dialog("INVITE", ok, body=SDP.format("20.0.0.1")))
    hold = bob.last("INVITE")
    bob.answer(hold, 200, body=SDP.format("30.0.0.1"))
    alice.ack(alice.last(200))
    bob.send(bob.in_dialog("BYE", first, cseq=70))
    alice.answer(alice.last("BYE"), 200)

    assert hold.cseq.number == 3
    assert bob.statuses("BYE") == [200]
    assert bench.is_empty()


def test_a_200_that_was_stored_but_not_sent_is_sent_after_the_restart(bench, alice, bob):
    alice.invite()
    invite = bob.last("INVITE")
    bench.database.is_eager = False
    bob.answer(invite, 200, body=SDP.format("30.0.0.1"))
    bench.database.commit_and_tell_nobody()
    bench.database.is_eager = True
    assert alice.statuses() == []

    bench.restart()
    assert alice.statuses() == [200]
    assert bob.methods()[-1] == "ACK"


def test_a_goodbye_that_was_stored_but_not_sent_is_said_after_the_restart(bench, alice, bob, talking):
    ok, _ = talking
    bench.database.is_eager = False
    alice.send(alice.in_dialog("BYE", ok))
    bench.database.commit_and_tell_nobody()
    bench.database.is_eager = True
    assert "BYE" not in bob.methods()

    bench.restart()
    bob.answer(bob.last("BYE"), 200)
    assert bench.is_empty()


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b'{"format": 5, "kind": "call"}', "start that version, or a later one, and the call goes on"),
        (b"[99]", "start that version"),
        (b"[1]", "deleting the row forgets the call"),
        (b'{"format": 3, "kind": "call"}', "deleting the row forgets the call"),
        (b'{"format": 3', "deleting the row forgets the call"),
        (b"{}", "deleting the row forgets the call"),
        (b"7", "deleting the row forgets the call"),
    ],
)
def test_a_call_that_nobody_here_can_read_stays_in_the_database(bench, alice, bob, talking, document, why):
    bench.database.rows["call"]["other"] = ("other", document)
    with capture_logs() as logs:
        bench.restart()

    (event,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert (event["call_id"], event["event"]) == (
        "other",
        "a call of an earlier process stays in the database",
    )
    assert why in event["error"]
    assert bench.switch.snapshot().calls == {"talking": 1}
    assert bench.database.rows["call"]["other"] == ("other", document)
    assert bench.switch.unread == {"other"}


def test_a_call_whose_parts_do_not_fit_together_stays_in_the_database(bench, alice, bob, talking):
    """Every value has its name, and yet there is no such state, no such leg, no such process, nobody who is rung."""
    ((key, row),) = bench.database.rows["call"].items()
    stored = json.loads(document_of(row))
    nobody = {**stored["legs"][0], "destination": None}
    answer = bytes(alice.last(200)).decode()
    relay = {
        "kind": "relay",
        "sender": 0,
        "receiver": 1,
        "request": answer,
        "wire": "",
        "is_done": True,
        "rounds": 0,
    }
    damages = [{"state": "x"}, {"peer": 9}, {"processes": [{"kind": "x"}]}, {"kind": "x"}, {"legs": [nobody]},
               {"processes": [relay]}]  # fmt: skip
    for number, damage in enumerate(damages):
        bench.database.rows["call"][f"d{number}"] = (f"d{number}", json.dumps({**stored, **damage}).encode())
    bench.restart()

    assert bench.switch.unread == {f"d{number}" for number in range(len(damages))}
    assert set(bench.database.rows["call"]) == {key, *bench.switch.unread}


def test_bytes_that_are_no_utf_8_survive_the_restart(bench, alice, bob):
    """Phones write names in whatever their menu was set to; the document keeps every byte."""
    invite = alice.request("INVITE", "sip:bob@example.org", body=SDP.format("20.0.0.1"))
    invite.headers.set("Subject", "caf\udce9")
    invite.headers.set("From", '"caf\udce9" <sip:caf\udce9@elsewhere.net>;tag=caller')
    alice.send(invite)
    ringing = bob.last("INVITE")
    bob.answer(ringing, 180)
    bench.restart()
    bob.answer(ringing, 200, body=SDP.format("30.0.0.1"))

    assert alice.last(200).headers.get("From") == invite.headers.get("From")


def _stored_but_not_told(bench, act):
    """Let a process end after the commit of what `act` causes, before anybody is told."""
    bench.database.is_eager = False
    act()
    bench.database.commit_and_tell_nobody()
    bench.database.is_eager = True
    bench.restart()


def test_a_refusal_that_was_stored_but_not_told_reaches_the_caller(bench, alice, bob):
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 180)
    _stored_but_not_told(bench, lambda: bob.answer(invite, 486))

    assert alice.statuses()[-1] == 486

    bob.answer(invite, 486)
    assert bob.methods() == ["INVITE", "ACK"]
    alice.send(alice.request("ACK", "sip:bob@example.org", to=alice.last(486).headers.get("To"), cseq=1,
                             branch=alice.last(486).top_via.branch))  # fmt: skip
    bench.run(0.1)
    assert bench.database.rows["call"] == {}
    assert bench.is_empty()


def test_a_refusal_after_one_restart_survives_the_next(bench, alice, bob):
    """It was forgotten as soon as it was sent once: a caller who did not hear that waited for ever."""
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 180)
    bench.restart()
    alice.clear()
    _stored_but_not_told(bench, lambda: bob.answer(invite, 486))

    assert alice.statuses() == [486]


def test_a_refusal_is_acknowledged_only_when_it_is_stored(bench, alice, bob):
    """The phone repeats it to the next process if this one ends before."""
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 180)
    bench.database.is_eager = False
    bob.answer(invite, 486)
    assert bob.methods() == ["INVITE"]

    bench.database.waiting.clear()
    bench.database.is_eager = True
    bench.restart()
    bob.answer(invite, 486)
    assert bob.methods() == ["INVITE", "ACK"]
    assert alice.statuses()[-1] == 486


def test_a_hold_that_was_stored_but_not_sent_reaches_the_other_end_once(bench, alice, bob, talking):
    ok, _ = talking
    hold = alice.in_dialog("INVITE", ok, body=SDP.format("0.0.0.0"))
    _stored_but_not_told(bench, lambda: alice.send(hold))
    alice.send(hold)
    first = bob.last("INVITE")
    bench.restart()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    alice.ack(alice.last(200))
    bench.run(5)

    assert {bytes(m) for m in bob.heard if getattr(m, "method", "") == "INVITE" and m.to_tag} == {
        bytes(first)
    }
    assert alice.last(200).cseq.number == hold.cseq.number
    assert bob.methods()[-1] == "ACK"


def test_an_ack_that_was_stored_but_not_sent_is_sent_after_the_restart(bench, alice, bob, talking):
    """Whoever waits for it takes no other change of the call."""
    _, first = talking
    bob.send(bob.in_dialog("INVITE", first, body=SDP.format("0.0.0.0"), cseq=70))
    hold = alice.last("INVITE")
    _stored_but_not_told(bench, lambda: alice.answer(hold, 200, body=SDP.format("20.0.0.1")))
    alice.clear()
    bench.restart()
    bench.run(0.1)

    assert [(ack.method, ack.cseq.number) for ack in alice.heard] == [("ACK", hold.cseq.number)]
    assert bob.last(200).cseq.number == 70


def test_an_info_that_was_answered_is_not_carried_over_again(bench, alice, bob, talking):
    ok, _ = talking
    info = alice.in_dialog("INFO", ok)
    alice.send(info)
    _stored_but_not_told(bench, lambda: bob.answer(bob.last("INFO"), 200))
    alice.clear()
    alice.send(info)

    assert alice.statuses("INFO")[-1] == 200
    assert bob.methods().count("INFO") == 1


def test_a_goodbye_that_was_sent_is_repeated_as_it_was(bench, alice, bob, talking):
    ok, _ = talking
    alice.send(alice.in_dialog("BYE", ok))
    first = bob.last("BYE")
    bench.restart()

    assert bytes(bob.last("BYE")) == bytes(first)

    bob.answer(first, 200)
    assert bench.is_empty()


def test_a_stale_200_that_nobody_acknowledges_does_not_end_the_call(bench, alice, bob):
    """The phone has acknowledged it, the process ended before that was stored, and the next one comes late."""
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format("30.0.0.1"))
    bench.database.is_eager = False
    alice.ack(alice.last(200))
    bench.database.waiting.clear()
    bench.network.now += 300
    bench.database.is_eager = True
    bench.restart()
    bench.run(40)

    assert "BYE" not in bob.methods()


def test_a_200_that_an_earlier_process_saw_acknowledged_is_repeated_and_ends_nothing(
    bench, alice, bob, talking
):
    """An ACK that carries nothing is not stored; a phone that does not repeat it is asked whether it is there."""
    bench.restart()
    assert alice.statuses()[-1] == 200

    for _ in range(35):
        bench.run(1)
        for phone in (alice, bob):
            if phone.methods()[-1:] == ["OPTIONS"]:
                phone.answer(phone.last("OPTIONS"), 200)

    assert "OPTIONS" in alice.methods()
    assert "BYE" not in alice.methods() + bob.methods()


def test_a_phone_has_a_moment_to_repeat_its_answer_before_its_ring_time_ends(bench, alice, bob):
    alice.invite()
    bob.answer(bob.last("INVITE"), 180)
    bench.network.now += 181
    bench.restart()
    bench.run(5)  # T2, and a second: the copy before may have gone to where a lost node was
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))

    assert alice.statuses()[-1] == 200
    assert bob.methods() == ["INVITE", "ACK"]


def test_a_leg_whose_address_was_being_looked_up_rings_by_itself(bench, alice, bob, monkeypatch):
    """The look-up ends long after the event that began it."""
    pending, finder, reach = [], bench.switch.finder, bench.stack.outbound.reach
    phones = finder.phones
    monkeypatch.setattr(finder, "phones", lambda of: [replace(phone, flow=None) for phone in phones(of)])
    monkeypatch.setattr(bench.stack.outbound, "reach", lambda *asked: pending.append(asked))
    alice.invite()
    reach(*pending.pop())
    bench.run(0.1)

    assert bob.methods() == ["INVITE"]


def test_a_cancel_is_repeated_as_it_was(bench, alice, bob):
    """A branch and a CSeq number never stand for two different requests (RFC 3261 §17.1.3)."""
    carol = bench.phone("carol", "40.0.0.1")
    bench.account("both", bob, carol)
    alice.invite("sip:both@example.org")
    for phone in (bob, carol):
        phone.answer(phone.last("INVITE"), 180)
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    bench.restart()
    cancels = {bytes(message) for message in bob.heard if getattr(message, "method", "") == "CANCEL"}

    assert len(cancels) == 1
    assert b"Call completed elsewhere" in cancels.pop()


def test_a_refused_caller_on_a_connection_is_connected_to_again(bench, bob):
    """A trunk that was about to hear a refusal when the process ended."""
    trunk = bench.phone("trunk", "50.0.0.1", protocol="tcp")
    request = trunk.request("INVITE", "sip:bob@example.org", body=SDP.format("50.0.0.1"))
    request.headers.set("Contact", f"<sip:trunk@{trunk.address};transport=tcp>")
    request.headers.set("Via", f"SIP/2.0/TCP {trunk.address};branch=z9hG4bK-trunk")
    trunk.send(request)
    bob.answer(bob.last("INVITE"), 180)
    _stored_but_not_told(bench, lambda: bob.answer(bob.last("INVITE"), 486))

    assert trunk.statuses()[-1] == 486


def test_nothing_is_forgotten_when_one_process_ends_soon_after_the_other(bench, bob):
    """A trunk is connected to again at once, which stores the call; the ring time must be in what is stored."""
    trunk = bench.phone("trunk", "50.0.0.1", protocol="tcp")
    request = trunk.request("INVITE", "sip:bob@example.org", body=SDP.format("50.0.0.1"))
    request.headers.set("Contact", f"<sip:trunk@{trunk.address};transport=tcp>")
    request.headers.set("Via", f"SIP/2.0/TCP {trunk.address};branch=z9hG4bK-trunk")
    trunk.send(request)
    bob.answer(bob.last("INVITE"), 180)
    for _ in range(3):
        bench.run(30)
        bench.restart()
    bench.run(100)

    assert trunk.statuses()[-1] == 408
    assert bob.methods()[-1] == "CANCEL"
