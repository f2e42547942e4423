"""What was found wrong, when the switch was away, and how far behind it was."""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

KINDS = {
    "established": "established calls that were not heard of again at one end",
    "hold": "established calls that could not be held or resumed",
    "hangup": "established calls that could not be hung up",
    "request": "other requests inside a call that failed",
    "cseq": "wrong CSeq numbers, or other content under a known one",
    "route": "wrong route sets",
    "sdp": "session descriptions that went back, or were changed on the way",
    "invite": "second INVITEs to a phone that rings or rang",
    "ack": "answers of a callee that were never acknowledged",
    "answer": "answers or refusals that the caller never heard",
    "ending": "calls that ended otherwise than they should have",
    "cancel": "CANCELs that did not reach the callee",
    "ring": "ring times, sleeps and limits that did not run on",
    "cdr": "CDRs that are missing or wrong",
    "fork": "second answers of a forked call without their ACK and BYE",
    "moved": "requests that went to where a phone had been before",
    "registration": "registrations that were forgotten or refused",
    "script": "script effects that are missing, were done twice, or ended otherwise",
    "outside": "pages, posts, mails and stored values that do not match what scripts were told",
    "provider": "challenges of a provider that were answered wrongly",
    "client": "registrations at a provider that lapsed for too long, or that two nodes seemed to have",
    "transfer": "attended transfers that did not come to their end",
    "text": "texts that were shown twice, that no phone has seen, or that their senders gave up",
    "nonce": "credentials that were taken from somebody who has only heard them",
    "lamp": "lamps that show what is not so, or whose subscriptions were forgotten",
    "end": "what faces show in the end that is not so, and what nodes have not let go of",
    "queue": "what still waited for the database long after it was back",
    "left": "calls and runs that are still in the database",
    "late": "calls of a dead node that answered late again, or nodes that nobody took over from",
    "zombie": "nodes that were to end by themselves, and did not, or the other way round",
    "log": "faults in the switch's log",
}

RESTART = 4.5
"""Seconds by which what is repeated comes late at most when a switch is started again."""

BEHIND = 2.0
"""Seconds within which a switch answers that is not behind, and in which the phones have a turn themselves.

Where they do not, the machine is too small for its load: what is repeated then comes late at the one or the other end,
and nobody can tell whether something else was wrong as well."""

TOO_BUSY = (503, "Too Busy")
"""What the switch answers when calls wait for too long in front of it."""

MOMENT = 0.001

LIVES = 60.0
"""For how many seconds a call is followed at most, when it went wrong: what holds it up has to be in that time."""

TURNS = 2
"""What is due may take a timer, a script, a commit and what is then sent; a beat of the pulse has all but the first."""


@dataclass(slots=True)
class Outage:
    """One time that the switch was away, in monotonic seconds."""

    since: float
    until: float | None = None
    is_kill: bool = True
    harm: str = ""
    """What of several nodes was away, if it was none of them: the `database`, or the network between two (`cut`)."""
    is_felt: bool = True
    """Whether what phones ask for may be late because of it."""


@runtime_checkable
class Lived(Protocol):
    """A call, which began at some time."""

    @property
    def began(self) -> float:
        """When, in monotonic seconds; 0 if it has not."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong with a call, which lived between two instants, as far as that matters."""

    kind: str
    call: str
    what: str
    since: float
    until: float


Faults = dict[str, dict[str, list[str]]]


@dataclass
class Ledger:
    """What happened, and what went wrong; and apart, what went wrong while the machine was behind."""

    outages: list[Outage] = field(default_factory=list)
    stalls: list[tuple[float, float]] = field(default_factory=list)
    """When the phones had no turn for long, and for how many seconds."""
    refusals: list[float] = field(default_factory=list)
    """When the switch has said that it is behind."""
    pulse: list[tuple[float, float]] = field(default_factory=list)
    resumed: list[tuple[float, float]] = field(default_factory=list)
    """After how many seconds a call of a dead node has answered again, and within how many it had to."""
    counts: Counter[str] = field(default_factory=Counter)
    _found: list[Fault] = field(default_factory=list)
    epoch: float = field(default_factory=lambda: time.time() - time.monotonic())

    def fault(self, kind: str, call: object, what: str) -> None:
        """Note that something went wrong with a call."""
        if kind not in KINDS:
            raise ValueError(kind)
        now = time.monotonic()
        began = call.began if isinstance(call, Lived) else 0.0
        until = min(now, began + LIVES) if began else now
        self._found.append(Fault(kind, str(call), what, began or now - LIVES, until))

    def refused(self, status: int, reason: str, at: float) -> None:
        """Note whether the switch has refused a call as too much comes in for it."""
        if (status, reason) == TOO_BUSY:
            self.refusals.append(at)

    def turn(self, due: float, now: float) -> None:
        """Note when the phones had a turn that was due at some time."""
        if now - due > BEHIND:
            self.stalls.append((due, now - due))

    def was_behind(self, since: float, until: float) -> bool:
        """Return whether the machine was behind at some time in between: the switch, or the phones themselves."""
        return any(at < until and at + took > since for at, took in self._late)

    @property
    def _late(self) -> list[tuple[float, float]]:
        slow = (beat for beat in self.pulse if beat[1] > BEHIND)
        return [*self.stalls, *slow, *((at, MOMENT) for at in self.refusals)]

    def _faults(self, *, behind: bool) -> Faults:
        """Return what went wrong while the machine was behind, or while it was not.

        That is known in the end: a beat of the pulse which takes long is noted when it is over.
        """
        chosen: Faults = defaultdict(lambda: defaultdict(list))
        for fault in self._found:
            if self.was_behind(fault.since, fault.until) is behind:
                chosen[fault.kind][fault.call].append(fault.what)
        return chosen

    def was_away(self, since: float, until: float, *, harm: str | None = None) -> bool:
        """Return whether the switch, or that part, was away, or had only just come back, at some time in between."""
        return any(
            outage.since < until and (outage.until is None or outage.until + 0.5 > since)
            for outage in self.outages
            if (outage.is_felt if harm is None else outage.harm == harm)
        )

    @property
    def _felt(self) -> list[Outage]:
        return [outage for outage in self.outages if outage.is_felt]

    def beat(self, asked: float, answered: float) -> None:
        """Note how long a beat of the pulse took; one that an outage came between, until that began."""
        for outage in self._felt:
            if asked < outage.since < answered:
                answered = outage.since
                break
            if outage.since <= asked and (outage.until is None or asked <= outage.until):
                return
        insort(self.pulse, (asked, answered - asked))

    def lag(self, moment: float) -> float:
        """Return how long what was due at a moment may have taken: several turns of a switch that is behind.

        That is known from how long the pulse took to be answered then; an outage is not counted.
        """
        first = bisect_left(self.pulse, (moment - 0.6, 0.0))
        last = bisect_left(self.pulse, (moment + 0.6, 0.0))
        return TURNS * max((took for _, took in self.pulse[first:last]), default=0.0)

    def heard_late_by(self, moment: float) -> float:
        """Return for how long what a phone heard at a moment may have been on its way, also from a busy machine."""
        return max(self.late_by(moment), self.lag(moment))

    def around(self, moment: float) -> str:
        """Say what a moment was near to."""
        near = [outage for outage in self.outages if outage.since < moment]
        if not near:
            return "before the first restart"
        last = near[-1]
        away = 0.0 if last.until is None else last.until - last.since
        return (
            f"{moment - last.since:.1f} s after an outage of {away:.1f} s began, lag {self.lag(moment):.2f} s"
        )

    def late_by(self, moment: float) -> float:
        """Return for how long what came at a moment may have been on its way, being repeated (RFC 3261 §17.1.1.2)."""
        late = RESTART if self.was_away(moment - RESTART, moment) else 0.0
        for outage in self._felt:
            took = (time.monotonic() if outage.until is None else outage.until) - outage.since
            if took > RESTART and outage.since < moment < outage.since + 2 * took + 1.0:
                late = max(late, moment - outage.since)
        return late

    def was_killed(self, since: float, until: float) -> bool:
        """Return whether the switch was ended without a word at some time in between."""
        return any(outage.is_kill and since <= outage.since <= until for outage in self.outages)

    def latest(self, moment: float, patience: float = 0.6, grace: float = 0.2) -> float:
        """Return until when something that is due at a moment may happen: right after the outage it fell into.

        With a `grace` it also waits for so long after a restart.
        """
        for outage in self._felt:
            until = (
                time.monotonic() if outage.until is None else outage.until
            )  # what is due may come as it ends
            if outage.since - 0.2 <= moment + patience and moment <= until + grace:
                # The longer it was away, the more has to be caught up with.
                behind = max(1.0, grace, until - outage.since)
                # And once more, if the next outage comes before that.
                moment = max(moment, until + behind)
        return moment + patience + self.lag(moment)

    @property
    def last_resumed(self) -> str:
        """Say how soon a call of a dead node has answered last."""
        return f"answered again after {self.resumed[-1][0]:.1f} s" if self.resumed else "nobody was asked"

    @property
    def lost(self) -> int:
        """How many things went wrong while the machine was not behind."""
        return _count(self._faults(behind=False))

    @property
    def untold(self) -> int:
        """How many things went wrong while it was, which says nothing of the switch."""
        return _count(self._faults(behind=True))

    @property
    def status(self) -> int:
        """The exit status: 1 when something was lost, 2 when nobody can tell."""
        return 1 if self.lost else 2 if self.untold else 0

    def report(self, most: int = 8) -> str:
        """Write the table."""
        lines = ["", f"{'calls':>10}  {self.counts['calls']}"]
        for name in sorted(set(self.counts) - {"calls"}):
            lines.append(f"{self.counts[name]:>10}  {name}")
        if self.pulse:
            took = sorted(took for _, took in self.pulse)
            lines.append(
                f"{len(took):>10}  beats of the pulse, answered after {took[len(took) // 2]:.3f} s (median), "
                f"{took[len(took) * 99 // 100]:.2f} s (99 %), {took[-1]:.2f} s (all)"
            )
        away = [outage.until - outage.since for outage in self.outages if outage.until is not None]
        if away:
            lines.append(
                f"{len(away):>10}  restarts, the switch away for {min(away):.1f} to {max(away):.1f} s"
            )
        for within in sorted({limit for _, limit in self.resumed}):
            after = sorted(took for took, limit in self.resumed if limit == within)
            lines.append(
                f"{len(after):>10}  calls of dead nodes, answered again after {after[len(after) // 2]:.1f} s (median), "
                f"{after[-1]:.1f} s (all), of {within:g} s"
            )
        lines += ["", f"{'lost':>10}", *_table(self._faults(behind=False), most, is_whole=True)]
        return "\n".join([*lines, *self._fell_behind(most)])

    def _fell_behind(self, most: int) -> list[str]:
        """Say whether the machine was too small for the load, and what went wrong while it was."""
        late = self._late
        if not late:
            return []
        switch = max((took for _, took in self.pulse), default=0.0)
        phones = max((took for _, took in self.stalls), default=0.0)
        said = (
            f"The machine fell behind {len(late)} times: the switch took up to {switch:.1f} s to answer, and the phones"
            f" had no turn for up to {phones:.1f} s. What went wrong meanwhile says nothing of the switch: choose a"
            " lower --rate, or a larger machine."
        )
        return ["", said, "", f"{'behind':>10}", *_table(self._faults(behind=True), most)]


def _count(faults: Faults) -> int:
    return sum(len(texts) for calls in faults.values() for texts in calls.values())


def _table(faults: Faults, most: int, *, is_whole: bool = False) -> list[str]:
    """Write how often each kind of fault was found, and at which calls; `is_whole` has those that were not found."""
    lines = []
    for kind, sentence in KINDS.items():
        calls = faults.get(kind, {})
        if calls or is_whole:
            lines.append(f"{sum(map(len, calls.values())):>10}  {sentence}")
        lines += [f"{'':>12}{call}: {'; '.join(texts[:4])}" for call, texts in list(calls.items())[:most]]
        if len(calls) > most:
            lines.append(f"{'':>12}and {len(calls) - most} calls more")
    return lines
