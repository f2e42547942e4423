"""Picking up a call that rings elsewhere: by an INVITE with Replaces of an early dialog (RFC 3891 §3), or by a code."""

import pytest
from tests.services.switch.conftest import SDP, Bench

from sipwright.sdp import media


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def phones(bench):
    made = {name: bench.phone(name, f"{number}0.0.0.1") for number, name in enumerate(("bob", "carol"), 3)}
    for name, phone in made.items():
        bench.account(name, phone)
        phone.domain = "example.org"
    made["caller"] = bench.phone("caller", "90.0.0.1")
    return made


def ring(phones, *, status=180):
    phones["caller"].invite()
    invite = phones["bob"].last("INVITE")
    phones["bob"].answer(invite, status)
    return invite


def replaces(invite, *, ours=None, theirs="bob", more=""):
    """As a busy-lamp key writes it, from what the dialog-info says: to-tag is ours, from-tag that of the phone."""
    return ("Replaces", f"{invite.call_id};to-tag={ours or invite.from_tag};from-tag={theirs}{more}")


def pick_up(phones, header, *, body=None, name="carol"):
    return phones[name].invite("sip:bob@example.org", call_id="pick", tag="picker", headers=[header],
                               **({} if body is None else {"body": body}))  # fmt: skip


def take(bench, phones, *, body=None):
    """Let carol acknowledge the silence, and take what the caller offers."""
    carol = phones["carol"]
    carol.ack(carol.last(200))
    bench.run(0.2)
    offer = carol.last("INVITE")
    carol.answer(offer, 200, tag="picker", body=body or SDP.format("40.0.0.1"))
    bench.run(0.2)
    return offer


def test_a_key_picks_up_what_rings_elsewhere(bench, phones):
    invite = ring(phones)
    pick_up(phones, replaces(invite))
    silence = media(phones["carol"].last(200).body)
    offer = take(bench, phones)

    assert [(one.kind, one.direction) for one in silence] == [("audio", "inactive")]
    assert [one.connection for one in media(offer.body)] == ["90.0.0.1"]
    answered = phones["caller"].last(200)
    assert b"c=IN IP4 40.0.0.1" in answered.body
    assert phones["bob"].methods()[-1] == "CANCEL"
    assert "Call completed elsewhere" in phones["bob"].last("CANCEL").headers.get("Reason")
    assert phones["carol"].methods() == ["INVITE", "ACK"]


def test_the_two_can_hang_up_and_nothing_is_left(bench, phones):
    invite = ring(phones)
    pick_up(phones, replaces(invite))
    take(bench, phones)
    caller, carol, bob = phones["caller"], phones["carol"], phones["bob"]
    bob.answer(invite, 487)
    caller.ack(caller.last(200))
    caller.send(caller.in_dialog("BYE", caller.last(200)))
    carol.answer(carol.last("BYE"), 200, tag="picker")

    assert bench.is_empty()
    assert sorted(status for _, status, _ in bench.cdrs()) == [200, 200, 200, 487]


def test_some_phones_have_the_tags_the_other_way_round(bench, phones):
    invite = ring(phones)
    pick_up(phones, ("Replaces", f"{invite.call_id};to-tag=bob;from-tag={invite.from_tag};early-only"))
    take(bench, phones)

    assert phones["caller"].last(200)


def test_whoever_is_of_another_owner_may_not(bench, phones):
    """RFC 3891 §3: 403 would be the answer to whoever may not."""
    bench.accounts.accounts["carol"].user_id = 2
    invite = ring(phones)
    pick_up(phones, replaces(invite))

    assert phones["carol"].statuses()[-1] == 403


def test_the_owner_may_let_others_do_it(bench, phones):
    bench.accounts.accounts["carol"].user_id = 2
    bench.switch.ports.dialling.may_pick_up = lambda rings, picks: (rings, picks) == (1, 2)
    invite = ring(phones)
    pick_up(phones, replaces(invite))

    assert phones["carol"].statuses()[-1] == 200


@pytest.mark.parametrize("change", [{"ours": "another"}, {"theirs": "another"}])
def test_all_three_parts_must_match(bench, phones, change):
    invite = ring(phones)
    pick_up(phones, replaces(invite, **change))

    assert "setting up" in [call.state.value for call in bench.switch.calls.values()]
    assert "CANCEL" not in phones["bob"].methods()
    assert 200 not in phones["carol"].statuses()


def test_one_who_takes_no_offer_loses_nobody_the_call(bench, phones):
    invite = ring(phones)
    pick_up(phones, replaces(invite))
    carol = phones["carol"]
    carol.ack(carol.last(200))
    bench.run(0.2)
    carol.answer(carol.last("INVITE"), 488, tag="picker")
    bench.run(0.2)

    assert carol.methods()[-1] == "BYE"
    assert "CANCEL" not in phones["bob"].methods()
    phones["bob"].answer(invite, 200, body=SDP.format("30.0.0.1"))
    assert phones["caller"].statuses()[-1] == 200


def test_a_caller_who_gives_up_meanwhile_leaves_nothing_to_pick_up(bench, phones):
    invite = ring(phones)
    pick_up(phones, replaces(invite))
    caller, carol = phones["caller"], phones["carol"]
    caller.send(
        caller.request("CANCEL", "sip:bob@example.org", cseq=1, branch="z9hG4bK-caller-INVITE-1-call-1")
    )
    carol.ack(carol.last(200))
    bench.run(0.2)

    assert carol.methods()[-1] == "BYE"
    assert caller.statuses()[-1] == 487


def test_whoever_hangs_up_at_once_has_picked_up_nothing(bench, phones):
    invite = ring(phones)
    pick_up(phones, replaces(invite))
    carol = phones["carol"]
    carol.ack(carol.last(200))
    carol.send(carol.in_dialog("BYE", carol.last(200)))
    bench.run(1)

    assert carol.statuses("BYE") == [200]
    assert "CANCEL" not in phones["bob"].methods()
    assert len(bench.switch.calls) == 1


@pytest.mark.parametrize("moment", ["answered", "acknowledged", "offered", "joined"])
def test_it_outlives_the_process_at_every_step(bench, phones, moment):
    invite, carol = ring(phones), phones["carol"]
    pick_up(phones, replaces(invite))
    if moment == "answered":
        bench.restart()
    carol.ack(carol.last(200))
    if moment == "acknowledged":
        bench.restart()  # an ACK is not stored: the new process repeats its 200
        carol.ack(carol.last(200))
    bench.run(0.3)
    if moment == "offered":
        bench.restart()
        bench.run(0.6)
    carol.answer(carol.last("INVITE"), 200, tag="picker", body=SDP.format("40.0.0.1"))
    bench.run(0.2)
    if moment == "joined":
        bench.restart()

    assert b"c=IN IP4 40.0.0.1" in phones["caller"].last(200).body


def test_a_video_phone_picks_up_a_call_without_video(bench, phones):
    video = SDP.format("40.0.0.1") + "m=video 5000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    invite = ring(phones)
    pick_up(phones, replaces(invite), body=video)
    offer = take(bench, phones, body=video.replace("m=video 5000", "m=video 0"))

    assert [(one.kind, one.port) for one in media(offer.body)] == [("audio", 4000), ("video", 0)]
    assert [one.kind for one in media(phones["caller"].last(200).body)] == ["audio"]


def test_a_code_picks_up_what_rings_longest(bench, phones):
    ring(phones)
    carol = phones["carol"]
    carol.invite("sip:nobody@example.org", call_id="pick", tag="picker")
    assert carol.statuses()[-1] == 404
    call_id = next(iter(bench.switch.calls))

    assert bench.switch.pick_up(call_id, 1) is False  # nobody picks up a call with itself
    assert bench.switch.pick_up("gone", 1) is False


def test_the_offer_of_the_caller_is_a_later_version_of_the_silence(bench, phones):
    """RFC 3264 §8."""
    invite = ring(phones)
    pick_up(phones, replaces(invite))
    silence = phones["carol"].last(200).body
    offer = take(bench, phones).body

    assert (b"o=- 1 0 IN" in silence, b"o=- 1 1 IN" in offer) == (True, True)
