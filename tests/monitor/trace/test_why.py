"""One sentence on why a call ended as it did."""

from __future__ import annotations

from dataclasses import replace

from sipwright.monitor.trace.why import why


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


def test_a_transfer_is_told(made):
    def told(by, **caller):
        made_of = [(0, None, 2.0, by), (1, "bob@local", 2.0, "transfer"), (2, "carol@local", 32.0, "caller")]
        legs = [
            made.leg(number, target=target, status=200, reason="OK", answered=answered, ended=67.0, by=who)
            for number, target, answered, who in made_of
        ]
        legs[0] |= caller
        return why(made.trace(*legs))

    begun = "bob@local answered after 2.0 s, carol@local took over by a transfer after 30.0 s, and "
    assert told("caller") == begun + "the caller hung up after 1:05 min."
    assert told("transfer") == begun + "the caller left the others by a transfer after 1:05 min."
    assert told("transfer", direction="transfer").endswith("and went on in the call that was transferred.")


def test_a_call_that_was_placed_begins_with_a_phone_of_its_caller(made):
    def told(first, second=None, *, run=None, **caller):
        legs = [made.leg(0, by="switch", ended=5.0) | {"sip_call_id": "abc.0"} | caller]
        legs.append(made.leg(1, target="sip:alice@x", ended=5.0) | first)
        if second is not None:
            legs.append(made.leg(2, target="sip:bob@x", ended=5.0) | {"started_at": 101.0} | second)
        return why(made.trace(*legs, runs=() if run is None else [run]))

    answered, talked = {"answered_at": 101.0}, {"answered_at": 103.0}
    begun = "sip:alice@x answered first, after 1.0 s"
    assert told({"status": 480, "reason": "Phone Unreachable"}) == (
        "No phone of alice@x answered first (sip:alice@x 480 Phone Unreachable), so 300@x was not called."
    )
    assert told({}, hung_up_by="control") == (
        "Somebody ended the call from outside before a phone of alice@x had answered."
    )
    assert told(answered, {}) == (
        f"{begun}. Nobody else answered (sip:bob@x 486 Busy Here), so the call ended with 486 Busy Here."
    )
    assert told(answered, talked, **talked, hung_up_by="callee") == (
        f"{begun}. sip:bob@x answered after 2.0 s, and one of the two hung up after 2.0 s."
    )
    assert told(answered, {}, status=487, hung_up_by="callee") == f"{begun}, and hung up 4.0 s later."
    failed = made.with_journal(state="failed", outcome="line 2: NameError")
    assert told(answered, run=failed, status=500, reason="Server Error") == (
        f"{begun}. The dialplan out failed (line 2: NameError), so the call ended with 500 Server Error."
    )


def test_the_switch_says_why_it_ended_a_call(made):
    def legs(status):
        return made.leg(0, status=status, reason="OK", answered=2.0, ended=7.0, by="switch")

    bye = made.message(
        7.0, "out", "BYE sip:x SIP/2.0", extra='Reason: SIP;cause=200;text="Time limit reached"\r\n'
    )
    assert "and the switch ended the call after 5.0 s: time limit reached, of [sip] longest_call" in why(
        made.trace(legs(200), messages=[bye])
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


def test_a_dial_that_leads_to_nobody_is_named(made):
    dial = made.effect(
        1.0, "dial", {"line": 2, "target": "bob@local", "ring": 20}, {"status": 480, "legs": []}
    )
    run = made.with_journal(dial)

    assert why(made.trace(made.leg(0, status=480, reason="Gone", by="switch"), runs=[run])) == (
        "Line 2 of the dialplan out dialled bob@local, where nobody can be reached now (no such provider or account, "
        "it is disabled, or no phone is registered), so the caller heard 480 Gone."
    )


def test_a_target_that_never_said_anything_is_told_from_one_that_timed_out(made):
    caller = made.leg(0, status=408, reason="Request Timeout", by="switch")
    dead = made.leg(1, target="353@dead", status=408, reason="Request Timeout", ended=32.0)
    sent = made.message(0.1, "out", "INVITE sip:353@dead SIP/2.0", call_id="sip1", from_tag="abc.1")
    trying = made.message(0.2, "in", "SIP/2.0 100 Trying", call_id="sip1", from_tag="abc.1")

    assert "353@dead 408 Request Timeout, it never sent anything back)" in why(
        made.trace(caller, dead, messages=[sent])
    )
    for messages in ([], [sent, trying]):
        assert "(353@dead 408 Request Timeout)" in why(made.trace(caller, dead, messages=messages))


def test_a_phone_that_rang_in_vain_says_for_how_long(made):
    caller = made.leg(0, status=408, reason="No Answer", by="switch", ended=180.0)
    bob = made.leg(1, target="bob@local", status=408, reason="No Answer", rang=0.5, by="switch", ended=180.5)

    assert why(made.trace(caller, bob)) == (
        "Nobody answered (bob@local rang for 3:00 min), so the caller heard 408 No Answer."
    )


def test_a_callback_is_told_as_one(made):
    def legs(*rest):
        return [{**leg, "direction": "callback"} for leg in (made.leg(0, by="callee"), *rest)]

    bob = made.leg(1, target="bob@local", status=200, answered=2.0, ended=9.0)
    carol = made.leg(2, target="carol@local", status=200, answered=4.0, ended=9.0)
    bye = made.message(9.0, "in", "BYE sip:us SIP/2.0", from_tag="t", to_tag="abc.1")

    assert why(made.trace(*legs(bob, carol), messages=[bye])) == (
        "This was a callback: bob@local answered after 2.0 s, and then carol@local answered after 4.0 s; "
        "bob@local hung up after 5.0 s."
    )
    assert why(made.trace(*legs(bob, made.leg(2, target="carol@local")))) == (
        "This was a callback: bob@local answered after 2.0 s, but nobody else did (carol@local 486 Busy Here); "
        "the call ended after 7.0 s."
    )
    assert why(made.trace(*legs(made.leg(1, target="bob@local")))) == (
        "The callback found nobody: bob@local 486 Busy Here."
    )
    assert why(made.trace(*legs())).endswith("the first one has no phone that is registered.")


def test_dialplans_that_dial_each_other_are_told_as_a_circle(made):
    def part(name):
        inner = made.trace(made.leg(0, status=500, reason="No", by="switch"), runs=[made.run])
        inner.legs[0]["to_uri"] = f"sip:{name}@x"
        return inner

    outer = made.trace(made.leg(0, status=500, reason="No", by="switch"), made.leg(1, target="bob@local"))
    each_other = replace(outer, parts=tuple(map(part, ["bob", "carol"] * 3)))
    itself = replace(outer, parts=tuple(map(part, ["bob"] * 3)))

    assert why(each_other).endswith(
        "It went round in a circle: the in dialplans of bob@x and carol@x dial each other's accounts; write bob@local "
        "for the phones."
    )
    assert "the in dialplan of bob@x dials its own account; write bob@local" in why(itself)
    assert "circle" not in why(replace(outer, parts=tuple(map(part, ["bob", "carol"]))))


def test_short_times_are_milliseconds(made):
    legs = [made.leg(0, status=200, answered=0.012, ended=0.5, by="caller")]

    assert (
        why(made.trace(*legs)) == "the other end answered after 12 ms, and the caller hung up after 488 ms."
    )


def test_a_call_that_is_over_but_not_acknowledged_is_over(made):
    assert why(made.trace(made.leg(0, by="switch"), row={"state": "ending"})).startswith(
        "Nobody could be called"
    )


def test_a_call_that_is_not_over_says_where_it_is(made):
    talking, ringing = {"state": "talking"}, {"state": "setting up"}
    waiting = made.with_journal(made.effect(1.0, "dial", {"line": 2}), state="waiting")

    assert why(made.trace(row=talking)) == "The call is not over: the two ends are talking."
    assert why(made.trace(row=ringing)) == "The call is not over: it is setting up."
    assert why(made.trace(row=ringing, runs=[waiting])) == (
        "The call is not over: line 2 of the dialplan out waits in dial()."
    )
