"""An outside watcher through the night: one alert, one all-clear, and nothing forgotten over a restart."""

import asyncio

from structlog.testing import capture_logs

from sipwright.monitor.outside.questions import Question
from sipwright.monitor.outside.settings import OutsideSettings, ServerSettings
from sipwright.monitor.outside.watch import OutsideWatch
from sipwright.monitor.probes.result import Lost

MIDNIGHT = 1_800_000_000.0


class Night:
    """Some servers, watched every five seconds on a clock of our own."""

    def __init__(self, path, servers=("sip1",), kinds=("OPTIONS",), **more):
        self.path = path
        self.now = MIDNIGHT
        self.away = set()
        self.sent = []
        self.can_send = True
        self.settings = OutsideSettings(
            name="home", alerts=["json://sink"], server=[ServerSettings(name=name, ssh="x") for name in servers], **more
        )  # fmt: skip
        self.questions = [self._question(name, kind) for name in servers for kind in kinds]
        self.start()

    def start(self):
        self.watch = OutsideWatch(self.settings, self.questions, self.path, self._deliver)

    def _question(self, name, kind):
        async def ask():
            if name in self.away or f"{name}: {kind}" in self.away:
                raise Lost("no answer")
            return 1.0

        return Question(name, kind, ask, "the machine")

    async def _deliver(self, title, body, is_over, addresses):
        if not self.can_send:
            return list(addresses)
        self.sent.append((self.now - MIDNIGHT, title, body, is_over))
        return []

    async def play(self, seconds):
        for _ in range(int(seconds // 5)):
            await self.watch.round(self.now)
            await self.watch.send(self.now)
            self.now += 5


async def test_seven_minutes_away_are_one_alert_and_one_all_clear(tmp_path):
    night = Night(tmp_path / "state", kinds=("OPTIONS", "REGISTER", "call", "SSH"))
    await night.play(600)
    night.away.add("sip1")
    await night.play(420)
    night.away.clear()
    await night.play(3600)

    alert, over = night.sent
    assert (alert[0], alert[3]) == (600 + 55, False)
    assert alert[1] == "[home] sip1 does not answer OPTIONS (no answer), and 3 more"
    assert "Look first: the machine" in alert[2]
    assert (over[0], over[3]) == (600 + 420 + 10, True)
    assert over[2].count("it took 7 min") == 4


async def test_nine_losses_are_no_alert(tmp_path):
    night = Night(tmp_path / "state")
    for _ in range(20):
        night.away.add("sip1")
        await night.play(45)
        night.away.clear()
        await night.play(5)

    assert night.sent == []


async def test_what_lasts_is_said_once_an_hour(tmp_path):
    night = Night(tmp_path / "state")
    night.away.add("sip1")
    await night.play(3 * 3600)

    assert [at for at, *_ in night.sent] == [55, 3655, 7255]
    assert night.sent[1][1] == "[home] Still: sip1 does not answer OPTIONS (no answer)"


async def test_a_restart_in_the_middle_changes_nothing(tmp_path):
    """Of the watcher itself, before the alert, between alert and end, and when it is over."""
    night = Night(tmp_path / "state")
    night.away.add("sip1")
    for seconds in (30, 200, 190):
        await night.play(seconds)
        night.start()
    night.away.clear()
    night.start()
    await night.play(600)

    assert [(at, is_over) for at, _, _, is_over in night.sent] == [(55, False), (430, True)]
    assert "it took 7 min" in night.sent[1][2]


async def test_an_alert_that_cannot_be_delivered_is_delivered_later(tmp_path):
    """The watcher's own network is away, too."""
    night = Night(tmp_path / "state")
    night.away.add("sip1")
    night.can_send = False
    await night.play(420)
    night.start()
    night.away.clear()
    night.can_send = True
    await night.play(900)

    assert [is_over for *_, is_over in night.sent] == [False, True]


async def test_nobody_is_woken_while_somebody_works_on_it_but_afterwards(tmp_path):
    hour = {"from": "2027-01-15T08:00:00Z", "until": "2027-01-15T08:20:00Z"}
    night = Night(tmp_path / "state", maintenance=[hour])
    assert night.settings.is_maintained("sip1", MIDNIGHT)
    night.away.add("sip1")
    await night.play(1200)
    assert night.sent == []
    await night.play(60)
    assert [at for at, *_ in night.sent] == [1210]


async def test_each_server_is_told_of_by_itself(tmp_path):
    night = Night(tmp_path / "state", servers=("a", "b"))
    night.away.add("a")
    await night.play(300)
    night.away = {"b"}
    await night.play(300)

    assert [title for _, title, *_ in night.sent] == [
        "[home] a does not answer OPTIONS (no answer)",
        "[home] Over: a does not answer OPTIONS (no answer)",
        "[home] b does not answer OPTIONS (no answer)",
    ]


async def test_a_question_that_hangs_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("sipwright.monitor.outside.watch.PATIENCE", 0.01)
    night = Night(tmp_path / "state")
    night.questions.append(Question("sip1", "SSH", asyncio.Event().wait, ""))
    night.start()

    assert await night.watch.round(MIDNIGHT) == {
        "sip1: OPTIONS": None,
        "sip1: SSH": "no answer within 0.01 s",
    }


async def test_the_log_says_what_is_lost_until_there_is_an_alert_and_when_it_answers_again(tmp_path):
    night = Night(tmp_path / "state")
    night.away.add("sip1")
    with capture_logs() as lines:
        await night.play(3600)
        night.away.clear()
        await night.play(60)

    said = [(line["event"], line["losses"]) for line in lines if "losses" in line]
    assert said == [*(("lost", number) for number in range(1, 11)), ("answers again", 720)]


async def test_nobody_is_woken_again_while_somebody_works_on_what_is_away(tmp_path):
    """It was lost before, and what is over is said all the same."""
    hour = {"from": "2027-01-15T08:30:00Z", "until": "2027-01-15T10:30:00Z"}
    night = Night(tmp_path / "state", maintenance=[hour])
    night.away.add("sip1")
    await night.play(2.6 * 3600)
    night.away.clear()
    await night.play(60)

    assert [(at, title.split("] ")[1][:5]) for at, title, *_ in night.sent] == [
        (55, "sip1 "), (2.5 * 3600, "Still"), (2.6 * 3600 + 10, "Over:"),
    ]  # fmt: skip


async def test_a_clock_that_is_set_back_delays_no_alert(tmp_path):
    night = Night(tmp_path / "state")
    night.away.add("sip1")
    await night.play(50)
    night.now -= 86_400
    await night.play(20)
    night.away.clear()
    await night.play(20)
    night.now -= 86_400
    await night.play(20)

    assert [is_over for *_, is_over in night.sent] == [False, True]


async def test_what_makes_no_sense_in_the_file_was_never_known(tmp_path):
    path = tmp_path / "state"
    path.write_text('{"standings": {"sip1: OPTIONS": [1, 2, 3]}, "book": {"incidents": [{"key": "x"}]}}')
    night = Night(path)
    night.away.add("sip1")
    await night.play(60)

    assert len(night.sent) == 1


async def test_a_full_disk_is_told_of_once_and_what_is_known_is_written_when_there_is_room(
    tmp_path, monkeypatch
):
    def full(path, state):
        raise OSError(28, "No space left on device")

    night = Night(tmp_path / "state")
    night.away.add("sip1")
    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr("sipwright.monitor.outside.watch.keep_state", full)
        await night.play(120)
    assert [line["error"] for line in lines if "error" in line] == ["No space left on device"]
    assert len(night.sent) == 1

    await night.play(5)
    night.start()
    await night.play(60)
    assert len(night.sent) == 1
