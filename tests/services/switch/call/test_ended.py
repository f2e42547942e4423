"""What comes for a call that is over: late answers, late CANCELs, and the memory that it took."""

import gc

from sipwright.services.switch.call.call import Call


def ended(alice, bob, ok):
    alice.send(alice.in_dialog("BYE", ok))
    bob.answer(bob.last("BYE"), 200)


def test_an_answer_that_comes_again_is_acknowledged_again(bench, alice, bob, talking):
    ok, _ = talking
    invite = bob.last("INVITE")
    ended(alice, bob, ok)
    assert not bench.switch.calls

    before = bob.methods()
    bob.answer(invite, 200)
    assert bob.methods() == [*before, "ACK"]


def test_an_answer_of_another_phone_behind_a_proxy_is_hung_up(bench, alice, bob, talking):
    ok, _ = talking
    invite = bob.last("INVITE")
    ended(alice, bob, ok)

    before = bob.methods()
    bob.answer(invite, 200, tag="other")
    assert bob.methods() == [*before, "ACK", "BYE"]
    assert bob.last("BYE").to_tag == "other"


def test_a_call_that_is_over_is_freed_without_the_collector(bench, alice, bob):
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            alice.invite()
            bob.answer(bob.last("INVITE"), 180)
            bob.answer(bob.last("INVITE"), 200)
            ok = alice.last(200)
            alice.ack(ok)
            ended(alice, bob, ok)
        assert bench.is_empty()
        assert [thing for thing in gc.get_objects() if type(thing) is Call] == []
    finally:
        gc.enable()
