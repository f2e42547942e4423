"""Calls whose ends are gone are found out, and ended."""

import pytest


def test_both_ends_are_asked_and_the_call_goes_on(bench, alice, bob, talking):
    bench.run(901)
    for phone in (alice, bob):
        phone.answer(phone.last("OPTIONS"), 405)

    assert bench.switch.snapshot().calls == {"talking": 1}
    assert bob.last("OPTIONS").cseq.number == 2


@pytest.mark.parametrize("is_silent", [True, False])
def test_an_end_that_is_gone_ends_the_call(bench, alice, bob, talking, is_silent):
    bench.run(901)
    alice.answer(alice.last("OPTIONS"), 200)
    if is_silent:
        bench.run(33)
    else:
        bob.answer(bob.last("OPTIONS"), 481)
    alice.answer(alice.last("BYE"), 200)

    assert "BYE" not in bob.methods()
    assert [status for _, status, _ in bench.cdrs()] == [408 if is_silent else 481] * 2
    assert bench.is_empty()


def test_after_a_restart_the_ends_are_asked_soon(bench, alice, bob, talking):
    bench.restart()
    bench.run(62)

    assert "OPTIONS" in alice.methods()
    assert "OPTIONS" in bob.methods()
