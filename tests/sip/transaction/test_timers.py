import pytest

from sipwright.sip.transaction.timers import Timer, TimerQueue, TimerValues


class Owner:
    def __init__(self, queue):
        self.queue = queue
        self.retransmit_at = None
        self.expires_at = None
        self.woken = []

    def on_deadline(self, deadline, now):
        self.woken.append(now)
        if deadline == self.expires_at:
            self.expires_at = None
        else:
            self.retransmit_at = None


@pytest.fixture
def queue():
    return TimerQueue()


def test_the_lengths_over_udp_are_those_of_table_4():
    """RFC 3261 table 4 and RFC 6026 §8.11 with T1 = 0.5, T2 = 4 and T4 = 5."""
    durations = TimerValues().durations(is_reliable=False)

    assert durations == {
        Timer.A: 0.5,
        Timer.B: 32.0,
        Timer.D: 32.0,
        Timer.E: 0.5,
        Timer.F: 32.0,
        Timer.G: 0.5,
        Timer.H: 32.0,
        Timer.I: 5.0,
        Timer.J: 32.0,
        Timer.K: 5.0,
        Timer.L: 32.0,
        Timer.M: 32.0,
        Timer.TRYING: 0.1,
        Timer.LATE_TRYING: 3.5,
        Timer.OBLIVION: 28.5,
    }


def test_a_reliable_transport_neither_retransmits_nor_lingers():
    durations = TimerValues().durations(is_reliable=True)

    assert not {Timer.A, Timer.E, Timer.G} & durations.keys()
    assert [durations[timer] for timer in (Timer.D, Timer.I, Timer.J, Timer.K)] == [0.0] * 4
    assert [durations[timer] for timer in (Timer.B, Timer.F, Timer.H, Timer.L, Timer.M)] == [32.0] * 5


def test_timer_d_does_not_shrink_with_t1():
    """§17.1.1.2: at least 32 s, as the T1 of the server is unknown."""
    durations = TimerValues(t1=0.05).durations(is_reliable=False)

    assert (durations[Timer.B], durations[Timer.D]) == (3.2, 32.0)


def test_the_late_100_is_due_when_timer_e_reaches_t2():
    """RFC 4320 §4.1: with 0.5 s and 4 s that is after 0.5 + 1 + 2 s."""
    assert TimerValues().late_trying == 3.5
    assert TimerValues(t1=1.0, t2=2.0).late_trying == 1.0


def test_timers_of_several_lengths_wake_their_owners_in_time(queue):
    short, long = Owner(queue), Owner(queue)
    long.expires_at = queue.start(32.0, long, 0.0)
    short.retransmit_at = queue.start(0.5, short, 1.0)

    assert queue.next_deadline() == 1.5

    queue.advance(1.4)
    assert short.woken == []

    queue.advance(1.6)
    assert (short.woken, long.woken, queue.next_deadline()) == ([1.6], [], 32.0)

    queue.advance(32.0)
    assert (long.woken, queue.next_deadline(), len(queue)) == ([32.0], None, 0)


def test_a_clock_that_was_set_anew_or_stopped_does_not_ring(queue):
    owner, other = Owner(queue), Owner(queue)
    owner.retransmit_at = queue.start(0.5, owner, 0.0)
    other.expires_at = queue.start(0.5, other, 0.1)
    other.expires_at = None
    owner.retransmit_at = queue.start(0.5, owner, 0.3)

    assert len(queue) == 1

    queue.advance(0.55)
    assert (owner.woken, other.woken, queue.next_deadline()) == ([], [], 0.8)

    queue.advance(0.8)
    assert (owner.woken, len(queue)) == ([0.8], 0)


def test_what_expires_in_the_same_moment_is_not_sent_once_more(queue):
    class GivesUp(Owner):
        def on_deadline(self, deadline, now):
            super().on_deadline(deadline, now)
            self.retransmit_at = None

    owner = GivesUp(queue)
    owner.retransmit_at = queue.start(4.0, owner, 28.0)
    owner.expires_at = queue.start(32.0, owner, 0.5)

    queue.advance(40.0)
    assert owner.woken == [40.0]


def test_an_owner_that_fails_keeps_nobody_else_from_being_woken(queue):
    class Fails(Owner):
        def on_deadline(self, deadline, now):
            raise RuntimeError

    failing, other = Fails(queue), Owner(queue)
    failing.expires_at = queue.start(1.0, failing, 0.0)
    other.expires_at = queue.start(1.0, other, 0.0)

    with pytest.raises(RuntimeError):
        queue.advance(1.0)
    assert queue.next_deadline() == 1.0

    queue.advance(1.0)
    assert other.woken == [1.0]


def test_whoever_looks_at_the_clock_is_told_of_timers_that_come_before_all_others(queue):
    """It sleeps until the first deadline, so a timer that ends before that would otherwise end late, or never."""
    told, owner, other = [], Owner(queue), Owner(queue)
    queue.on_earlier = lambda: told.append(queue.next_deadline())
    owner.retransmit_at = queue.start(0.5, owner, 0.0)
    owner.expires_at = queue.start(32.0, owner, 0.0)
    queue.advance(40.0)
    owner.expires_at = queue.start(32.0, owner, 50.0)
    other.retransmit_at = queue.start(0.5, other, 60.0)
    other.expires_at = queue.start(4.0, other, 60.0)

    assert told == [0.5, 82.0, 60.5]
