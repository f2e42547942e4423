"""One sentence on why a call ended as it did."""

from __future__ import annotations

from sipwright.commands.tracing.why import why


def test_an_answered_call_ends_by_one_of_its_ends(made):
    for by, words in [
        ("caller", "bob@local answered after 2.0 s, and the caller hung up after 1:05 min."),
        ("callee", "bob@local answered after 2.0 s, and hung up after 1:05 min."),
    ]:
        legs = [
            made.leg(number, target=target, status=200, reason="OK", answered=2.0, ended=67.0, by=by)
            for number, target in ((0, None), (1, "bob@local"))
        ]
        assert why(made.trace(*legs)) == words


def test_the_switch_says_why_it_ended_a_call(made):
    def legs(status):
        return made.leg(0, status=status, reason="OK", answered=2.0, ended=7.0, by="switch")

    bye = made.message(
        7.0, "out", "BYE sip:x SIP/2.0", extra='Reason: SIP;cause=200;text="Time limit reached"\r\n'
    )
    assert why(made.trace(legs(200), messages=[bye])).endswith(
        "and the switch ended the call after 5.0 s: time limit reached."
    )
    assert why(made.trace(legs(408))).endswith("an end was silent, or never acknowledged the answer.")
    assert why(made.trace(legs(481))).endswith("an end did not know the call any more.")
    rubbish = bye._replace(data=b"BYE rubbish")
    assert why(made.trace(legs(200), messages=[rubbish])) == (
        "the other end answered after 2.0 s, and the switch ended the call after 5.0 s."
    )


def test_a_caller_who_gives_up_is_told_from_one_who_is_refused(made):
    caller = made.leg(0, status=487, reason="Request Terminated", by="caller", ended=12.0)
    ringing = made.leg(1, target="bob@local", status=487, rang=1.0, by="switch")

    assert why(made.trace(caller)) == "The caller gave up after 12.0 s."
    assert why(made.trace(caller, ringing)) == "The caller gave up after 12.0 s while bob@local rang."


def test_the_line_that_answered_is_named(made):
    run = made.with_journal(made.effect(3.0, "respond", {"line": 3, "status": 480, "reason": "Nobody"}))
    caller = made.leg(0, status=480, reason="Nobody", by="switch")
    bob = made.leg(1, target="bob@local")

    assert why(made.trace(caller, runs=[run])) == "Line 3 of the dialplan out answered 480 Nobody."
    assert why(made.trace(caller, bob, runs=[run])) == (
        "Line 3 of the dialplan out answered 480 Nobody after nobody had answered: bob@local 486 Busy Here."
    )


def test_a_script_that_failed_is_blamed(made):
    run = made.with_journal(state="failed", outcome="line 2: NameError: name 'x' is not defined")
    caller = made.leg(0, status=500, reason="Server Internal Error", by="switch")

    assert why(made.trace(caller, runs=[run])) == (
        "The dialplan out failed (line 2: NameError: name 'x' is not defined), so the caller heard "
        "500 Server Internal Error."
    )


def test_nobody_answered(made):
    caller, bob = made.leg(0, by="switch"), made.leg(1, target="bob@local")

    assert why(made.trace(caller, bob)) == (
        "Nobody answered (bob@local 486 Busy Here), so the caller heard 486 Busy Here."
    )
    assert why(made.trace(caller)) == "Nobody could be called, so the caller heard 486 Busy Here."
    assert why(made.trace(caller, runs=[made.run])).startswith("The dialplan out came to its end without")
    assert "left no records" in why(made.trace())


def test_a_call_that_is_not_over_says_where_it_is(made):
    talking, ringing = {"state": "talking"}, {"state": "setting up"}
    waiting = made.with_journal(made.effect(1.0, "dial", {"line": 2}), state="waiting")

    assert why(made.trace(row=talking)) == "The call is not over: the two ends are talking."
    assert why(made.trace(row=ringing)) == "The call is not over: it is setting up."
    assert why(made.trace(row=ringing, runs=[waiting])) == (
        "The call is not over: line 2 of the dialplan out waits in dial()."
    )
