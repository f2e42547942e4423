"""The machine of a subscription, laid beside RFC 6665 §4.2: it is handed time, and what it says is looked at."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.sip.subscription import (
    ENDS_SUBSCRIPTION,
    Finish,
    Notify,
    Subscription,
    SubscriptionState,
    read_retry_after,
)


def said(subscription):
    """Return what it wants to be done, and forget it."""
    outbox, subscription.outbox = subscription.outbox, []
    return outbox


def begun(seconds=3600, now=0.0, *, pace=1.0):
    """Return a subscription whose first NOTIFY was answered."""
    subscription = Subscription(pace)
    subscription.subscribe(seconds, now)
    said(subscription)
    subscription.answered(200, now)
    return subscription


def test_a_notify_follows_a_subscribe_at_once():
    """RFC 6665 §4.2.2."""
    subscription = Subscription(1.0)
    subscription.subscribe(3600, 10.0)

    assert said(subscription) == [Notify("active;expires=3600", is_full=True, is_last=False)]
    assert subscription.deadline() == 3610.0


def test_a_fetch_is_told_once():
    """RFC 6665 §4.4.3."""
    subscription = Subscription()
    subscription.subscribe(0, 10.0)

    assert said(subscription) == [Notify("terminated;reason=timeout", is_full=True, is_last=True)]
    subscription.answered(200, 10.1)
    assert said(subscription) == [Finish("timeout")]
    assert (subscription.state, subscription.deadline()) == (SubscriptionState.TERMINATED, inf)


def test_one_that_is_rejected_hears_why():
    subscription = Subscription(1.0)
    subscription.subscribe(60, 0.0)
    said(subscription)
    subscription.end("rejected", 0.0)
    said(subscription)
    subscription.answered(200, 0.1)

    assert said(subscription) == [Notify("terminated;reason=rejected", is_full=True, is_last=True)]


def test_changes_are_told_at_the_pace_and_the_last_one_counts():
    subscription = begun()
    subscription.change(5.0)
    assert said(subscription) == [Notify("active;expires=3595", is_full=False, is_last=False)]
    subscription.answered(200, 5.1)
    subscription.change(5.2)
    subscription.change(5.3)

    assert (said(subscription), subscription.deadline()) == ([], 6.0)
    subscription.advance(6.0)
    assert said(subscription) == [Notify("active;expires=3594", is_full=False, is_last=False)]


def test_none_overtakes_another():
    subscription = begun(pace=0.0)
    subscription.change(5.0)
    said(subscription)
    subscription.change(6.0)

    assert (said(subscription), subscription.deadline()) == ([], 3600.0)
    subscription.answered(200, 7.0)
    assert len(said(subscription)) == 1


def test_a_refresh_prolongs_it_and_is_told_everything_whatever_the_pace():
    subscription = begun(60)
    subscription.change(5.0)
    subscription.answered(200, 5.1)
    said(subscription)
    subscription.subscribe(60, 5.2)

    assert said(subscription) == [Notify("active;expires=60", is_full=True, is_last=False)]
    assert subscription.deadline() == 65.2


def test_it_ends_when_nobody_prolongs_it():
    subscription = begun(60)
    subscription.advance(59.9)
    assert said(subscription) == []
    subscription.advance(60.0)

    assert said(subscription) == [Notify("terminated;reason=timeout", is_full=True, is_last=True)]


def test_a_subscriber_may_end_it_while_a_notify_is_under_way():
    subscription = begun(60)
    subscription.change(5.0)
    said(subscription)
    subscription.subscribe(0, 5.1)

    assert said(subscription) == []
    subscription.answered(200, 5.2)
    assert [each.is_last for each in said(subscription)] == [True]
    subscription.answered(200, 5.3)
    assert said(subscription) == [Finish("timeout")]


@pytest.mark.parametrize("status", sorted(ENDS_SUBSCRIPTION))
def test_whoever_does_not_want_it_is_not_told_again(status):
    """RFC 6665 §4.2.2."""
    subscription = begun()
    subscription.change(5.0)
    said(subscription)
    subscription.change(5.1)
    subscription.answered(status, 5.2)

    assert [type(each) for each in said(subscription)] == [Finish]
    assert subscription.deadline() == inf


@pytest.mark.parametrize(("retry_after", "at"), [(None, 35.0), (7, 12.0), (0, 6.0), (10**9, 3605.0)])
def test_what_fails_for_now_is_told_again_in_full(retry_after, at):
    subscription = begun(10**6)
    subscription.change(5.0)
    said(subscription)
    subscription.answered(503, 5.0, retry_after)

    assert subscription.deadline() == at
    subscription.advance(at)
    assert [each.is_full for each in said(subscription)] == [True]


def test_the_last_one_is_told_once_whatever_comes_of_it():
    subscription = begun()
    subscription.end("noresource", 5.0, retry_after=20)
    assert [each.state for each in said(subscription)] == ["terminated;reason=noresource;retry-after=20"]
    subscription.answered(503, 5.1, 10)

    assert said(subscription) == [Finish("noresource")]


def test_what_was_challenged_is_said_again_at_once():
    subscription = begun()
    subscription.end("noresource", 5.0)
    first = said(subscription)
    subscription.challenged(5.1)

    assert said(subscription) == first


def test_a_new_process_tells_everything_once_more():
    subscription = Subscription.restored("active", 100.0, 40.0, pace=1.0)

    assert said(subscription) == [Notify("active;expires=60", is_full=True, is_last=False)]


def test_a_new_process_says_the_last_word_once_more():
    subscription = Subscription.restored("ending", 100.0, 40.0, reason="timeout")

    assert said(subscription) == [Notify("terminated;reason=timeout", is_full=True, is_last=True)]


def test_one_that_ran_out_between_two_processes_is_told_so():
    subscription = Subscription.restored("active", 30.0, 40.0)

    assert [each.state for each in said(subscription)] == ["terminated;reason=timeout"]


def test_nothing_follows_the_end():
    subscription = Subscription.restored("terminated", 100.0, 40.0)
    for happens in (subscription.change, subscription.advance):
        happens(41.0)
    subscription.subscribe(60, 41.0)
    subscription.end("giveup", 41.0)

    assert (said(subscription), subscription.is_live) == ([], False)


def test_what_there_was_not_to_tell_costs_the_next_change_no_time():
    subscription = begun()
    subscription.change(5.0)
    said(subscription)
    subscription.untold(5.0)
    subscription.change(5.1)

    assert [each.is_full for each in said(subscription)] == [False]


def test_what_had_no_room_follows_at_once_and_only_after_the_answer():
    subscription = begun()
    subscription.change(5.0)
    said(subscription)
    subscription.follow(5.0)
    assert said(subscription) == []
    subscription.answered(200, 5.1)

    assert [each.is_full for each in said(subscription)] == [False]


HAPPENS = st.one_of(
    st.tuples(st.just("subscribe"), st.sampled_from([0, 1, 60])),
    st.tuples(st.just("change"), st.none()),
    st.tuples(st.just("end"), st.sampled_from(["noresource", "deactivated"])),
    st.tuples(st.just("answered"), st.sampled_from([200, 202, 408, 481, 500, 503])),
    st.tuples(st.just("wait"), st.floats(0.0, 40.0)),
)


@given(st.lists(HAPPENS, max_size=40))
def test_whatever_happens_it_keeps_the_rules(events):
    """One at a time, changes at the pace, the last one last, an end that nothing follows, and no change is lost."""
    subscription, now = Subscription(1.0), 0.0
    is_out, is_over, untold, last_change = False, False, False, -inf
    subscription.subscribe(60, now)
    for what, value in [("", None), *events, *[("answered", 200), ("wait", 40.0)] * 3]:
        is_asked = what in ("subscribe", "end")
        if what == "wait":
            now = max(now, min(now + value, subscription.deadline()))
            subscription.advance(now)
        elif what == "answered":
            if not is_out:
                continue
            is_out = False
            subscription.answered(value, now)
        elif what == "change":
            untold = untold or subscription.is_live
            subscription.change(now)
        elif what == "subscribe":
            subscription.subscribe(value, now)
        elif what == "end":
            subscription.end(value, now)
        for effect in said(subscription):
            assert not is_over
            if isinstance(effect, Finish):
                is_over, untold = True, False
                continue
            assert not is_out
            is_out, untold = True, False
            assert effect.state.startswith("terminated") == effect.is_last
            if not (effect.is_full or is_asked):
                assert now - last_change >= 1.0
                last_change = now
    assert is_over == (subscription.state is SubscriptionState.TERMINATED)
    if not is_over and not is_out:
        assert not untold or subscription.deadline() < inf


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("18000;duration=3600", 18000.0), ("120 (I am in a meeting)", 120.0), ("soon", None), (None, None)],
)
def test_a_retry_after_is_read(text, seconds):
    """RFC 3261 §20.33."""
    assert read_retry_after(text) == seconds


def test_what_another_process_needs_is_all_there_is():
    subscription = begun()
    subscription.change(5.0)
    said(subscription)
    subscription.change(5.5)
    again = Subscription.from_state(subscription.to_state())
    again.answered(200, 6.0)

    assert [each.state for each in said(again)] == ["active;expires=3594"]
    assert again.to_state() == {**subscription.to_state(), "is_due": False}


def test_what_must_not_be_told_any_more_is_not():
    subscription = begun()
    subscription.change(5.0)
    said(subscription)
    subscription.unsent("rejected", 5.0)

    assert said(subscription) == [Notify("terminated;reason=rejected", is_full=True, is_last=True)]


def test_what_had_to_wait_is_told_when_there_is_a_way_again():
    subscription = begun()
    subscription.reached(4.0)
    subscription.change(5.0)
    assert len(said(subscription)) == 1
    subscription.answered(503, 5.0)
    subscription.reached(8.0)

    assert [each.is_full for each in said(subscription)] == [True]
