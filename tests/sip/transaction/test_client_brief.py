import pytest

from sipwright.sip import make_response, parse


class User:
    """A TU that takes 200s by their bytes while it `is_content`."""

    def __init__(self, bench):
        self.bench = bench
        self.is_content = True
        self.taken, self.answers = [], []
        self.reaction = None

    def take_ok(self, branch, data):
        if self.is_content:
            self.taken.append(branch)
        return self.is_content

    def on_answer(self, branch, response):
        self.answers.append((self.bench.now, branch, response.status, response.local))
        if self.reaction:
            self.reaction()


@pytest.fixture
def user(bench):
    return User(bench)


@pytest.fixture
def notify(bench, user, request_of):
    """Send a NOTIFY with a branch."""

    def notify(branch="z9hG4bKn-1", hops=2):
        request = request_of("NOTIFY", branch)
        if hops == 1:
            request.headers.set("Via", request.headers.get("Via"))
        wire = bytes(request)
        bench.layer.brief.send(branch, wire, bench.udp, user, bench.now)
        return branch, wire

    return notify


def answered(bench, wire, status, method="NOTIFY"):
    request = parse(wire)
    request.headers.set_first("CSeq", f"1 {method}")
    return bench.receive(make_response(request, status, to_tag="b"))


def test_timer_e_doubles_up_to_t2_until_timer_f_gives_up(bench, user, notify):
    """§17.1.2.2: intervals of 0.5, 1, 2, 4, 4, 4 s and so on."""
    branch, _ = notify()
    sent = bench.run_until(40.0)

    assert [now for now, _ in sent] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert user.answers == [(32.0, branch, 408, True)]
    assert bench.layer.resent == 10
    assert bench.leftovers() == (0, 0, 0)


def test_those_that_begin_together_share_their_clocks_and_not_their_fates(bench, user, notify):
    (_, first), _ = notify("z9hG4bKn-1"), bench.run_until(0.004)
    second, _ = notify("z9hG4bKn-2")
    bench.run_until(0.2)
    third, _ = notify("z9hG4bKn-3")
    assert answered(bench, first, 200)
    bench.run_until(0.6)

    assert [message.branch for now, message in bench.sent if now == 0.5] == [second]
    assert bench.layer.snapshot().timers == 4
    bench.run_until(40.0)
    assert [answer[:3] for answer in user.answers] == [
        (0.2, "z9hG4bKn-1", 200), (32.0, second, 408), (32.2, third, 408)
    ]  # fmt: skip
    assert bench.leftovers() == (0, 0, 0)


def test_a_provisional_response_slows_timer_e_down_to_t2(bench, user, notify):
    """§17.1.2.2: the timer that runs is not disturbed; those after it are T2 apart at least, and Timer F goes on."""
    branch, wire = notify()
    bench.run_until(0.2)
    assert answered(bench, wire, 100)
    assert bench.layer.snapshot().transactions == {("BriefClients", "proceeding"): 1}
    sent = bench.run_until(40.0)

    assert [now for now, _ in sent] == [0.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert user.answers == [(32.0, branch, 408, True)]
    assert bench.leftovers() == (0, 0, 0)


@pytest.mark.parametrize("final", [200, 481])
@pytest.mark.parametrize("is_slow", [False, True])
def test_a_final_response_is_told_once_and_its_repetitions_are_absorbed(bench, user, notify, final, is_slow):
    branch, wire = notify()
    if is_slow:
        answered(bench, wire, 100)
    assert answered(bench, wire, final)
    assert bench.layer.snapshot().transactions == {("BriefClients", "completed"): 1}
    bench.run_until(4.9)

    assert (answered(bench, wire, final), answered(bench, wire, 100)) == (True, True)
    assert user.answers == [(0.0, branch, final, False)]
    assert len(bench.sent) == 1
    bench.run_until(6.0)
    assert answered(bench, wire, final) is False
    assert bench.leftovers() == (0, 0, 0)


def test_a_200_that_is_not_read_ends_it_as_any_other(bench, user, notify):
    branch, wire = notify("z9hG4bKn-1", hops=1)
    ok = bytes(make_response(parse(wire), 200, to_tag="b"))
    assert branch in bench.layer.brief
    user.is_content = False
    assert (bench.layer.brief.take_ok(branch, ok), user.taken) == (False, [])
    user.is_content = True
    assert (bench.layer.brief.take_ok(branch, ok.replace(b"CSeq: 1", b"CSeq: 2")), user.taken) == (False, [])
    for _ in range(3):
        assert bench.layer.brief.take_ok(branch, ok)

    assert (user.taken, user.answers) == ([branch], [])
    assert bench.layer.brief.take_ok("z9hG4bKn-2", ok) is None
    assert bench.run_until(40.0) == []
    assert bench.leftovers() == (0, 0, 0)


def test_what_answers_another_method_or_nothing_here_is_of_none_of_them(bench, user, notify):
    """§17.1.3."""
    _, wire = notify()
    assert answered(bench, wire, 200, "INFO") is False
    assert answered(bench, wire.replace(b"branch=z9hG4bKn-1", b"branch=z9hG4bKn-2"), 200) is False
    assert answered(bench, wire.replace(b";branch=z9hG4bKn-1", b""), 200) is False

    assert user.answers == []


def test_one_that_cannot_be_sent_is_a_local_503_once_that_has_returned(bench, user, notify):
    """§17.1.4."""
    bench.udp.is_broken = True
    woken = []
    bench.layer.timers.on_earlier = lambda: woken.append(bench.layer.next_deadline())
    branch, _ = notify()
    assert (user.answers, woken[-1]) == ([], 0.0)
    bench.run_until(0.1)

    assert user.answers == [(0.0, branch, 503, True)]
    assert bench.leftovers() == (0, 0, 0)


def test_one_that_cannot_be_repeated_is_a_local_503(bench, user, notify):
    branch, wire = notify()
    answered(bench, wire, 100)
    bench.udp.is_broken = True
    bench.run_until(10.0)

    assert user.answers == [(0.5, branch, 503, True)]
    assert bench.leftovers() == (0, 0, 0)


def test_a_200_that_comes_just_before_it_is_told_of_the_failure_counts(bench, user, notify):
    branch, wire = notify()
    bench.udp.is_broken = True
    bench.now = 0.5
    bench.layer.timers.advance(0.5)
    assert answered(bench, wire, 200)
    bench.run_until(10.0)

    assert user.answers == [(0.5, branch, 200, False)]
    assert bench.leftovers() == (0, 0, 0)


def test_a_tu_that_fails_keeps_no_other_from_its_news(bench, user, notify):
    notify("z9hG4bKn-1"), notify("z9hG4bKn-2")

    def fail():
        raise RuntimeError("a bug")

    user.reaction = fail
    for _ in range(2):
        with pytest.raises(RuntimeError, match="a bug"):
            bench.run_until(40.0)

    assert [branch for _, branch, *_ in user.answers] == ["z9hG4bKn-1", "z9hG4bKn-2"]
    assert bench.leftovers() == (0, 0, 0)


def test_a_tu_may_send_the_next_one_at_once(bench, user, notify):
    _, wire = notify("z9hG4bKn-1")
    user.reaction = lambda: setattr(user, "reaction", None) or notify("z9hG4bKn-2")
    answered(bench, wire, 200)

    assert [message.branch for _, message in bench.sent] == ["z9hG4bKn-1", "z9hG4bKn-2"]


def test_a_layer_that_lets_go_knows_none_of_them(bench, user, notify):
    branch, wire = notify()
    answered(bench, wire, 100)
    bench.layer.let_go()

    assert (len(bench.layer), branch in bench.layer.brief, answered(bench, wire, 200)) == (0, False, False)
    assert (bench.run_until(40.0), user.answers) == ([], [])
