"""A call that goes to another node: when it may, what is written, and that nothing of it is left or heard."""

from urllib.parse import quote

import pytest
from tests.services.switch.conftest import SDP, Row, document_of
from tests.services.switch.test_hostile import Plans

from sipwright.services.switch.recovery.document import read_document
from sipwright.services.switch.transfer.moving import referred_dialog
from sipwright.services.switch.transfer.replaces import Replaces
from sipwright.store.writing.writer import StoreBusy


def named(ok):
    """The dialog of whoever heard a 2xx, as it would name it in a REFER."""
    return Replaces(ok.call_id, ok.to_tag, ok.from_tag)


def at_north(key):
    return key if key.startswith("loop/") else f"south!{key}"


@pytest.fixture
def moving(bench):
    return bench.switch.moving


def give(bench, parts):
    """Give a call to the node `north`; returns ids, tags, and whether it was stored by then."""
    stored = []
    ids, tags = bench.switch.moving.give(parts, "north", at_north, lambda: stored.append(True))
    bench.run(0.05)
    return ids, tags, bool(stored)


def goes_on(bench):
    """Let the same switch stand for the other node."""
    rows = [Row(key, document_of(row)) for key, row in bench.database.rows["call"].items()]
    bench.switch.recover(rows)
    bench.switch.resume()
    bench.run(0.05)


def test_it_is_written_for_the_other_node_and_nothing_is_left(bench, talking, moving):
    parts = moving.parts_of(named(talking[0]))
    ids, tags, was_stored = give(bench, parts)
    ((_, row),) = bench.database.rows["call"].items()
    stored = read_document(document_of(row))

    assert (ids, row[1], was_stored) == ([row[0]], "north", True)
    assert tags == [stored.caller.tag, stored.legs[0].tag]
    assert talking[0].to_tag in tags
    assert stored.caller.flow == "south!udp/10.0.0.1:5060/20.0.0.1:5060"
    assert (
        stored.legs[0].flow == stored.legs[0].destination["flow"] == "south!udp/10.0.0.1:5060/30.0.0.1:5060"
    )
    assert (bench.switch.calls, bench.switch.ports.legs, bench.switch.table.active(1)) == ({}, {}, 0)


def test_nobody_hears_of_it_and_it_goes_on_there(bench, alice, bob, talking, moving):
    alice.clear()
    bob.clear()
    give(bench, moving.parts_of(named(talking[0])))
    bench.run(40.0)
    told = alice.heard + bob.heard
    goes_on(bench)
    alice.send(alice.in_dialog("BYE", talking[0], cseq=99))
    bob.answer(bob.last("BYE"), 200)

    assert told == []
    assert alice.statuses("BYE") == [200]
    assert bench.is_empty()
    assert [by for leg, _, by in bench.cdrs() if leg == 0] == ["caller"]


def test_all_parts_of_it_go(bench, alice, bob, moving):
    """A call to the dialplan of an account, which rings another one, has two that the loop joins."""
    bench.account("desk", in_plan=1)
    bench.accounts.accounts["bob"].in_plan = 2
    Plans(bench, {1: ("bob@local", ()), 2: ("bob@local", ())})
    alice.invite("sip:desk@example.org")
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    ok = alice.last(200)
    alice.ack(ok)
    parts = moving.parts_of(named(ok))
    for call in parts:
        call.script = call.execution_id = None  # is over, as somebody has answered
    ids, _, _ = give(bench, parts)
    left = dict(bench.switch.calls)
    goes_on(bench)
    bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=50))
    alice.answer(alice.last("BYE"), 200)

    assert (len(ids), left, bob.statuses("BYE")) == (2, {}, [200])
    assert moving.part_of_tag(ok.to_tag) == []
    assert bench.is_empty()


def test_what_rings_stays(bench, alice, bob, moving):
    invite = alice.invite()
    bob.answer(bob.last("INVITE"), 180)
    ringing = Replaces(invite.call_id, alice.last(180).to_tag, invite.from_tag)
    parts = moving.parts_of(ringing)

    assert (len(parts), moving.is_ringing(parts), moving.may_go(parts)) == (1, True, False)


def test_a_call_with_something_under_way_stays_until_that_is_over(bench, alice, bob, talking, moving):
    alice.send(alice.in_dialog("INVITE", talking[0], cseq=20, body=SDP.format("20.0.0.1")))
    parts = moving.parts_of(named(talking[0]))
    asked = moving.may_go(parts)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    answered = moving.may_go(parts)
    alice.ack(alice.last(200))

    assert (asked, answered, moving.may_go(parts)) == (False, False, True)


def test_nothing_goes_that_is_not_stored(bench, alice, bob, moving):
    alice.invite()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    alice.ack(alice.last(200))
    parts = moving.parts_of(named(alice.last(200)))
    bench.database.is_away = True

    assert moving.may_go(parts) is False
    bench.database.is_away = False
    assert moving.may_go(parts) is True
    with parts[0].event():
        parts[0].changed()
        assert moving.may_go(parts) is False


def test_it_stays_when_the_queue_is_full(bench, talking, moving, monkeypatch):
    parts = moving.parts_of(named(talking[0]))

    def full(*_arguments):
        raise StoreBusy

    with monkeypatch.context() as patch:
        patch.setattr(bench.database, "put", full)
        with pytest.raises(StoreBusy):
            give(bench, parts)

    assert list(bench.switch.calls.values()) == parts
    assert parts[0].caller.flow.key == "udp/10.0.0.1:5060/20.0.0.1:5060"


def test_a_script_that_waits_for_the_end_goes_too(bench, talking, moving):
    class Run:
        execution_id, may_go, has_gone = "run", True, False

        def let_go(self):
            self.has_gone = True

    (call,) = moving.parts_of(named(talking[0]))
    call.script = run = Run()
    give(bench, [call])
    assert run.has_gone is True

    call.script = run
    run.may_go = False
    assert moving.may_go([call]) is False


def test_who_watches_calls_is_told_that_it_is_gone(bench, talking, moving):
    class Watch:
        def __init__(self):
            self.gone_calls = []

        def gone(self, call):
            return lambda: self.gone_calls.append(call.id)

    bench.switch.ports.watch = watch = Watch()
    ids, _, _ = give(bench, moving.parts_of(named(talking[0])))

    assert watch.gone_calls == ids


@pytest.mark.parametrize("part", ["call_id", "to_tag", "from_tag"])
def test_all_three_parts_of_a_dialog_must_match(talking, moving, part):
    assert moving.parts_of(named(talking[0])._replace(**{part: "guessed"})) == []
    assert moving.may_go([]) is False


@pytest.mark.parametrize(
    ("method", "refer_to", "found"),
    [
        ("REFER", f"<sip:a@x?Replaces={quote('c;to-tag=1;from-tag=2', safe='')}>", Replaces("c", "1", "2")),
        ("REFER", "<sip:a@x?Replaces=nonsense>", None),
        ("REFER", "<sip:a@x>", None),
        ("REFER", None, None),
        ("INFO", f"<sip:a@x?Replaces={quote('c;to-tag=1;from-tag=2', safe='')}>", None),
    ],
)
def test_the_dialog_that_a_refer_names(alice, method, refer_to, found):
    headers = [] if refer_to is None else [("Refer-To", refer_to)]

    assert referred_dialog(alice.request(method, "sip:bob@example.org", headers=headers)) == found


def test_a_refer_that_waits_for_another_node_comes_in_again(bench, bob, talking, moving):
    waits = iter([True, False])
    asked = []
    moving.waits = lambda refer, flow: asked.append((refer.method, flow.key)) or next(waits)
    refer = bob.in_dialog("REFER", talking[1], headers=[("Refer-To", "<sip:x@example.org>")], cseq=70)
    bob.send(refer)
    before = bob.statuses("REFER")
    bob.send(refer)

    assert (before, len(bob.statuses("REFER"))) == ([], 1)
    assert asked == [("REFER", "udp/10.0.0.1:5060/30.0.0.1:5060")] * 2
