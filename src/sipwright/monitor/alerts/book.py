"""What is wrong now, and what was said of it: one alert when it begins, one an hour while it lasts, and one at its end.

What begins within a few seconds is said together, and no more is said in an hour than somebody can read: what comes
on top of that waits for the next message. Time is an argument; what is known outlives the process as `to_state`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

__all__ = ["AlertBook", "Incident", "Message", "duration"]

AGAIN = 3_600.0
GATHER = 5.0
PER_HOUR = 12
HOUR = 3_600.0

MOST = 500
"""Incidents that are known at once."""


@dataclass(slots=True)
class Incident:
    """An incident: a sentence on it, what to look at first, since when, and when it was said or over."""

    key: str
    text: str
    advice: str
    since: float
    noted_at: float
    told_at: float | None = None
    over_at: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be said now; it `is_over` when it is nothing but good news."""

    title: str
    body: str
    is_over: bool
    at: float


@dataclass(slots=True)
class AlertBook:
    """All incidents, and when messages were sent; `name` is who says it."""

    name: str
    again: float = AGAIN
    gather: float = GATHER
    per_hour: int = PER_HOUR
    _incidents: dict[str, Incident] = field(default_factory=dict)
    _sent: list[float] = field(default_factory=list)

    def begin(self, key: str, text: str, advice: str, now: float, since: float | None = None) -> None:
        """Note that something is wrong, or still is."""
        known = self._incidents.get(key)
        if known is None:
            if len(self._incidents) < MOST:
                self._incidents[key] = Incident(key, text, advice, now if since is None else since, now)
        else:
            known.text, known.over_at = text, None

    def end(self, key: str, now: float) -> None:
        """Note that it is over; of what nobody was told nobody is told that it is over."""
        known = self._incidents.get(key)
        if known is None or known.over_at is not None:
            return
        if known.told_at is None:
            del self._incidents[key]
        else:
            known.over_at = now

    def wrong(self) -> list[str]:
        """Return what is wrong now."""
        return [one.key for one in self._incidents.values() if one.over_at is None]

    def open(self) -> list[Incident]:
        """Return the incidents that are not over."""
        return [one for one in self._incidents.values() if one.over_at is None]

    def due(self, now: float, *, muted: Container[str] = ()) -> Message | None:
        """Return what is to be said now, and take it for said; of what is `muted` it is not said that it lasts.

        A clock that is set back keeps nothing from being said: what seems to come from the future is said now.
        """
        news = [one for one in self._incidents.values() if one.told_at is None]
        over = [one for one in self._incidents.values() if one.over_at is not None]
        again = [
            one
            for one in self.open()
            if one.told_at is not None and one.key not in muted and not 0 <= now - one.told_at < self.again
        ]
        is_ripe = (
            again
            or any(not 0 <= now - one.noted_at < self.gather for one in news)
            or any(not 0 <= now - (one.over_at or now) < self.gather for one in over)
        )
        self._sent = [at for at in self._sent if now - HOUR < at <= now]
        if not is_ripe or len(self._sent) >= self.per_hour:
            return None
        self._sent.append(now)
        for one in (*news, *again):
            one.told_at = now
        for one in over:
            del self._incidents[one.key]
        return self._written(news, again, over, now)

    def _written(
        self, news: list[Incident], again: list[Incident], over: list[Incident], now: float
    ) -> Message:
        lines: list[str] = []
        for one in news:
            lines += [f"{one.text}, since {_clock(one.since)}.", *_advised(one)]
        for one in again:
            lines += [f"Still: {one.text}, for {duration(now - one.since)}.", *_advised(one)]
        for one in over:
            lines += [f"Over: {one.text}; it took {duration((one.over_at or now) - one.since)}.", ""]
        first = (news or again or over)[0]
        count = len(news) + len(again) + len(over)
        word = "" if news else "Still: " if again else "Over: "
        title = f"[{self.name}] {word}{first.text}" + (f", and {count - 1} more" if count > 1 else "")
        return Message(title, "\n".join(lines).strip() + "\n", not (news or again), now)

    def to_state(self) -> dict[str, Any]:
        """Return what another process needs to go on."""
        return {"incidents": [asdict(one) for one in self._incidents.values()], "sent": list(self._sent)}

    def load(self, state: dict[str, Any]) -> None:
        """Go on with what another process knew."""
        incidents: Iterable[dict[str, Any]] = state.get("incidents", ())
        self._incidents = {one["key"]: Incident(**one) for one in incidents}
        self._sent = list(state.get("sent", ()))


def duration(seconds: float) -> str:
    """Write how long something took, as people say it: ``7 min``, ``1 h 20 min``, ``45 s``."""
    whole = max(0, round(seconds))
    if whole < 100:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def _advised(one: Incident) -> list[str]:
    return [f"  Look first: {one.advice}", ""] if one.advice else [""]


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %H:%M:%S UTC")
