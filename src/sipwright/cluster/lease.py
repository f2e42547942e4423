"""A lease, as its owner and as those who would like it see it: pure, with time as an argument.

What is in the database is `(name, owner, fence, until)`. Whoever owns a lease renews it, and may act as long as its own
clock says so: it counts from when it asked, not from when it was answered, and stops a margin before the end. Whoever
wants it watches the row: a lease is over when the database says so *and* nobody has renewed it for as long as it lasts
by the watcher's own clock. So a clock of the database that is set, or that of another server after a failover, makes
nobody act beside the owner; a clock that goes wrong by more than the margin within one lease does.

Own clocks have to go on while a process, or the machine, is stopped (`cluster/clock.py`). What is written is safe in
any case: it names its fence, and a lower one than the row has changes nothing.
"""

from __future__ import annotations

from math import inf

from sipwright.services.leases import Answer, Ask, LeaseRow

__all__ = ["Holder", "Sighting", "margin_of", "silence_of"]

LONGEST_SILENCE = 5


def margin_of(seconds: float) -> float:
    """Return how long before its end an owner stops: for clocks that do not go equally fast, and to come to an end."""
    return seconds / 5


def silence_of(seconds: float) -> int:
    """Return after how many whole seconds the server is to take a transaction back in which nobody says anything.

    A process that was stopped in one keeps the row of its lease for so long. Half of the time of a lease is over before
    anybody may ask for that: its owner has renewed it an eighth of that before at most.
    """
    return max(1, min(LONGEST_SILENCE, int(seconds / 2)))


class Sighting:
    """A lease of somebody else, as it is watched."""

    __slots__ = ("_row", "_seconds", "_since")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._row: LeaseRow | None = None
        self._since = inf

    @property
    def row(self) -> LeaseRow | None:
        """The row as it was seen last."""
        return self._row

    @property
    def ends_at(self) -> float:
        """From when on, by the own clock, it is over if nobody renews it."""
        return self._since + self._seconds

    def saw(self, row: LeaseRow | None, now: float) -> None:
        """Take the row as it stands; `now` is when it was heard of, which is later than it was so."""
        known = self._row
        if row is None or known is None or (row.owner, row.fence, row.until) != known[1:4]:
            self._since = now
        self._row = row

    def is_over(self, now: float) -> bool:
        """Return whether the lease may be asked for: it was given back, or nobody has renewed it for its time."""
        row = self._row
        if row is None:
            return False
        return row.until <= 0.0 or (row.left <= 0.0 and now >= self.ends_at)


class Holder:
    """A lease as whoever wants it, and keeps it, goes about it.

    `ask` says what to ask the database, `answered` takes the answer, and while it `holds` its owner may act.
    """

    __slots__ = ("_has_looked", "_holds_until", "_sighting", "fence", "margin", "name", "owner", "seconds")

    def __init__(self, name: str, owner: str, seconds: float) -> None:
        """Want the lease `name`; `owner` is unique among all processes there ever are."""
        self.name = name
        self.owner = owner
        self.seconds = seconds
        self.margin = margin_of(seconds)
        self.fence: int | None = None
        """What its writes have to name, while it is the owner as far as it knows."""
        self._holds_until = -inf
        self._sighting = Sighting(seconds)
        self._has_looked = False

    def holds(self, now: float) -> bool:
        """Return whether it may act now."""
        return now < self._holds_until

    @property
    def row(self) -> LeaseRow | None:
        """The row as it was seen last."""
        return self._sighting.row

    @property
    def over_at(self) -> float:
        """From when on it may be asked for, as somebody else's that is not renewed."""
        return self._sighting.ends_at

    def ask(self, now: float) -> Ask:
        """Return what to ask the database now."""
        if self.fence is not None:
            return Ask(self.name, self.owner, self.seconds, renew=self.fence)
        if self._has_looked and self._sighting.row is None:
            return Ask(self.name, self.owner, self.seconds, is_new=True)
        if self._sighting.is_over(now):
            return Ask(self.name, self.owner, self.seconds, seen=self._sighting.row)
        return Ask(self.name, self.owner, self.seconds)

    def answered(self, ask: Ask, asked_at: float, answer: Answer, now: float) -> bool:
        """Take an answer; False when the lease was lost that it had.

        Args:
            ask: What was asked.
            asked_at: When, by the own clock.
            answer: What the database said.
            now: When that was heard.
        """
        row = answer.row
        self._has_looked = True
        self._sighting.saw(row, now)
        if answer.is_granted and row is not None:
            if ask.renew == self.fence:  # else it comes too late: what it was about is lost, or known already
                self.fence = row.fence
                self._holds_until = max(self._holds_until, asked_at + self.seconds - self.margin)
            return True
        if ask.renew is not None and ask.renew == self.fence:
            self.lose()
            return False
        if self.fence is None and row is not None and row.owner == self.owner and row.until > 0.0:
            self.fence = (
                row.fence
            )  # it was granted, and the answer was lost: the next renewal says whether it still is
        return True

    def lose(self) -> None:
        """Act no more."""
        self.fence = None
        self._holds_until = -inf
