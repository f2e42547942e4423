"""Busy lamps as real calls change them (RFC 4235): what is shown, to whom, how soon, and how often."""

import pytest
from tests.services.switch.conftest import SDP

from watching import Lamp, WatchBench, described


@pytest.fixture
def bench():
    return WatchBench()


@pytest.fixture
def phones(bench):
    made = {
        name: bench.phone(name, f"{number}0.0.0.1")
        for number, name in enumerate(("alice", "bob", "carol"), 2)
    }
    for name, phone in made.items():
        bench.account(name, phone)
    made["caller"] = bench.phone("caller", "90.0.0.1")
    return made


@pytest.fixture
def lamp(bench, phones):
    """Alice's key for bob."""
    lamp = Lamp(bench, phones["alice"])
    lamp.subscribe()
    lamp.notifies()
    return lamp


def ring(bench, phones, seconds=1.5):
    phones["caller"].invite()
    invite = phones["bob"].last("INVITE")
    phones["bob"].answer(invite, 180)
    bench.run(seconds)
    return invite


def test_a_call_that_comes_in_is_seen_to_ring_to_be_answered_and_to_end(bench, phones, lamp):
    invite = ring(bench, phones)
    assert lamp.states() == [["early"]]
    phones["bob"].answer(invite, 200, body=SDP.format("30.0.0.1"))
    phones["caller"].ack(phones["caller"].last(200))
    bench.run(1.5)
    assert lamp.states() == [["confirmed"]]
    phones["caller"].send(phones["caller"].in_dialog("BYE", phones["caller"].last(200)))
    phones["bob"].answer(phones["bob"].last("BYE"), 200)
    bench.run(1.5)

    assert lamp.states() == [["terminated"]]


def test_whoever_hides_from_the_phone_is_hidden_from_its_lamp_as_long_as_the_call_lasts(bench, phones, lamp):
    phones["caller"].invite(headers=(("Privacy", "id"),))
    invite = phones["bob"].last("INVITE")
    phones["bob"].answer(invite, 180)
    bench.run(1.5)
    phones["bob"].answer(invite, 200, body=SDP.format("30.0.0.1"))
    phones["caller"].ack(phones["caller"].last(200))
    bench.run(1.5)
    phones["caller"].send(phones["caller"].in_dialog("BYE", phones["caller"].last(200)))
    phones["bob"].answer(phones["bob"].last("BYE"), 200)
    bench.run(1.5)
    told = [described(notify).dialogs[0].text for _, notify in lamp.heard]

    assert len(told) == 3
    assert all("sip:anonymous@anonymous.invalid" in text and "sip:caller@" not in text for text in told)


def test_a_change_is_told_within_300_ms(bench, phones, lamp):
    phones["caller"].invite()
    began = bench.network.now
    phones["bob"].answer(phones["bob"].last("INVITE"), 180)
    bench.run(0.3)

    assert [at - began < 0.3 for at, _ in lamp.heard] == [True]


def test_changes_are_told_once_a_second_and_the_last_counts(bench, phones, lamp):
    invite = ring(bench, phones, 0.2)
    phones["bob"].answer(invite, 200, body=SDP.format("30.0.0.1"))
    phones["caller"].ack(phones["caller"].last(200))
    phones["caller"].send(phones["caller"].in_dialog("BYE", phones["caller"].last(200)))
    phones["bob"].answer(phones["bob"].last("BYE"), 200)
    bench.run(2)
    times = [at for at, _ in lamp.heard]

    assert lamp.states() == [["early"], ["terminated"]]
    assert times[1] - times[0] >= 1.0


def test_what_it_takes_to_pick_a_call_up_is_shown(bench, phones, lamp):
    """RFC 4235 §4.1: the dialog in the eyes of the phone that rings."""
    invite = ring(bench, phones)
    (notify,) = lamp.notifies()
    (dialog,) = described(notify).dialogs

    assert (dialog.call_id, dialog.local_tag, dialog.remote_tag) == (invite.call_id, "bob", invite.from_tag)
    assert dialog.direction == "recipient"
    assert "<remote><identity>sip:caller@elsewhere.net</identity>" in dialog.text
    assert "<local><identity>sip:bob@example.org</identity>" in dialog.text


def test_whoever_may_see_the_lamp_alone_sees_nothing_else(bench, phones):
    bench.accounts.accounts["alice"].user_id = 2
    bench.setting["bob"] = "alice@example.org"
    lamp = Lamp(bench, phones["alice"])
    lamp.subscribe()
    lamp.notifies()
    invite = ring(bench, phones)
    (notify,) = lamp.notifies()
    (dialog,) = described(notify).dialogs

    assert (dialog.state, dialog.call_id, dialog.local_tag, dialog.remote_tag) == ("early", None, None, None)
    for secret in ("caller", invite.call_id, invite.from_tag, next(iter(bench.switch.calls))):
        assert secret not in notify.body.decode()


def test_a_call_that_the_phone_makes_is_seen_too(bench, phones, lamp):
    phones["bob"].domain = "example.org"
    phones["bob"].invite("sip:carol@example.org")
    phones["carol"].answer(phones["carol"].last("INVITE"), 180)
    bench.run(1.5)
    (dialog,) = described(lamp.notifies()[-1]).dialogs

    assert (dialog.state, dialog.direction, dialog.call_id) == ("early", "initiator", "call-1")
    assert (dialog.local_tag, dialog.remote_tag) == ("caller", phones["bob"].last(180).to_tag)
    assert "<identity>sip:carol@example.org</identity>" in dialog.text


def test_of_two_calls_only_the_one_that_changes_is_told(bench, phones, lamp):
    """RFC 4235 §4.1: partial, unless that is all there is."""
    invite = ring(bench, phones)
    phones["bob"].answer(invite, 200, body=SDP.format("30.0.0.1"))
    phones["caller"].ack(phones["caller"].last(200))
    bench.run(1.5)
    lamp.notifies()
    phones["caller"].invite(call_id="call-2", tag="second")
    phones["bob"].answer(phones["bob"].last("INVITE"), 180)
    bench.run(1.5)
    told = [described(notify) for notify in lamp.notifies()]

    assert [(each.state, [one.state for one in each.dialogs]) for each in told] == [("partial", ["early"])]
    lamp.subscribe()
    (whole,) = [described(notify) for notify in lamp.notifies()]
    assert (whole.state, sorted(one.state for one in whole.dialogs)) == ("full", ["confirmed", "early"])
    assert [each.version for each in (*told, whole)] == [3, 4]


def test_whoever_begins_to_watch_sees_the_calls_that_there_are(bench, phones):
    ring(bench, phones)
    lamp = Lamp(bench, phones["alice"])
    lamp.subscribe()

    assert lamp.states() == [["early"]]


def test_nobody_looks_at_calls_when_nobody_watches(bench, phones, lamp):
    assert bench.switch.ports.watch is not None
    lamp.subscribe(0)
    bench.run(1)

    assert bench.switch.ports.watch is None


def test_a_killed_process_shows_the_calls_that_go_on(bench, phones, lamp):
    ring(bench, phones)
    before = described(lamp.notifies()[-1])
    bench.restart()
    after = described(lamp.notifies()[-1])

    assert [(each.state, each.call_id) for each in after.dialogs] == [("early", before.dialogs[0].call_id)]
    phones["bob"].answer(phones["bob"].last("INVITE"), 486)
    bench.run(1.5)
    assert lamp.states() == [["terminated"]]


def test_a_hundred_watchers_are_told_a_few_at_a_time(bench, phones, lamp):
    phone = phones["alice"]
    lamps = [lamp]
    for number in range(60):
        one = Lamp(bench, phone, call_id=f"lamp-{number}")
        one.subscribe()
        lamps.append(one)
    heard = []
    phone.transport.on_message = lambda data, flow: heard.append(data)
    ring(bench, phones, 0.3)

    assert sum(data.startswith(b"NOTIFY") for data in heard) == 61


def test_a_lamp_shows_that_a_call_is_parked_and_how_to_pick_it_up(bench, phones):
    slot = bench.account("701")
    lamp = Lamp(bench, phones["alice"], "sip:701@example.org")
    lamp.subscribe()
    lamp.notifies()
    ring(bench, phones)
    (call,) = bench.switch.calls.values()
    assert bench.switch.park(call.id, slot, 60.0, bench.accounts.accounts["bob"].id)
    bench.run(1.5)
    phones["caller"].ack(phones["caller"].last(200))
    (dialog,) = described(lamp.notifies()[-1]).dialogs
    leg = bench.switch.parking.at(slot.id)

    assert "<state>confirmed</state>" in dialog.text
    assert (dialog.call_id, dialog.remote_tag) == (leg.sip_call_id, leg.local_tag)
    phones["caller"].send(phones["caller"].in_dialog("BYE", phones["caller"].last(200)))
    bench.run(1.5)
    assert lamp.states() == [["terminated"]]


def test_a_call_that_goes_to_another_node_is_shown_no_more(bench, phones, lamp):
    """The other node shows it, to whoever looks at lamps there or here."""
    invite = ring(bench, phones)
    phones["bob"].answer(invite, 200, body=SDP.format("30.0.0.1"))
    phones["caller"].ack(phones["caller"].last(200))
    bench.run(1.5)
    bench.switch.moving.give(list(bench.switch.calls.values()), "north", lambda key: key, lambda: None)
    bench.run(1.5)

    assert lamp.states()[-1] == ["terminated"]


def test_all_watches_are_told_that_a_call_goes(bench):
    told = []

    class Watch:
        def __init__(self, name, is_used):
            self.gone = lambda call: (lambda: told.append((name, call))) if is_used else None

    for name, is_used in (("one", True), ("two", False), ("three", True)):
        bench.watches.set(name, Watch(name, is_used))
    bench.watches.gone("call")()
    bench.watches.set("three", Watch("three", False))
    bench.watches.set("one", None)

    assert told == [("one", "call"), ("three", "call")]
    assert bench.watches.gone("call") is None
