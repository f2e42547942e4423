"""What a node alerts about by itself: each look at everything is judged, and what is wrong goes into the book.

Time is an argument, and so is all that was seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sipwright.monitor.alerts.book import AlertBook
from sipwright.monitor.probes.prober import PartState

__all__ = ["Rules", "Seen"]

WINDOW = 300.0
"""Seconds within which half of the phones may not go, and calls are taken together."""

FEW = 4
"""Fewer phones than that are no half."""

FEW_CALLS = 5
"""Fewer failed calls than that are no trend."""

USUAL = 0.3
"""The share of calls that nobody answers, until it is known."""

LEARNT = 0.02
"""How much of what is usual one window says: some 50 of them, four hours, make it new."""

ENOUGH = 0.75
"""Of the phones that there were, so many have to be back for that to be over."""

HOUR, DAY = 3_600.0, 86_400.0
CERTIFICATE_ENDS = 14 * DAY

_ADVICE = {
    "edge": "the log, and whether another program has the ports ('ss -ulpn')",
    "registrar": "the log; if the database is lost, too, begin there",
    "switch": "'sipwright call-test' says which step of a call fails",
    "database": "the disk ('df -h'), or the database server",
    "sandbox": "the log: 'dialplan sandbox failed'; are there processes left (ulimit -u, memory)?",
    "provider": "'sipwright provider list' says why; then the provider's own status page",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One look: the parts, what is counted, whether nothing can be stored, whether the disk is nearly full, and until
    when certificates are good, by their files."""

    parts: Iterable[PartState]
    counts: Mapping[str, float]
    is_store_away: bool
    is_disk_short: bool
    certificates: Mapping[str, float]


class Rules:
    """Judges what is seen of one node."""

    def __init__(self, book: AlertBook, node: str) -> None:
        self._book = book
        self._node = node
        self._phones: deque[tuple[float, float]] = deque()
        self._calls: deque[tuple[float, float, float]] = deque()
        self._usual = USUAL
        self._has_learnt = False
        self._learnt_at: float | None = None
        self._once: dict[str, float] = {}

    def look(self, seen: Seen, now: float) -> None:
        """Judge one look at everything."""
        self._parts(seen.parts, now)
        self._phones_gone(seen.counts.get("phones", 0.0), now)
        self._calls_fail(seen.counts, now)
        self._is(
            "database", seen.is_store_away, f"the database of {self._node} is away", _ADVICE["database"], now
        )
        self._is(
            "disk", seen.is_disk_short, f"the disk of {self._node} is nearly full",
            "'df -h', 'du -sh' of the data folder; [trace] megabytes and [retention] bound what is kept", now,
        )  # fmt: skip
        self._certificates(seen.certificates, now)
        for key in [key for key, until in self._once.items() if until <= now]:
            del self._once[key]
            self._book.end(key, now)

    def happened(self, kind: str, data: Mapping[str, Any], now: float) -> None:
        """Take an event of the guard that somebody has to know: a ban that meets calls, or money."""
        if kind == "ban.added" and data.get("had_calls"):
            text = f"{data.get('address')} was banned, and had calls before ({data.get('reason')})"
            self._note(
                f"ban/{data.get('address')}",
                text,
                "'sipwright ban list', and 'ban remove' if it was a mistake",
                now,
            )
        elif kind == "guard.spared":
            text = f"{data.get('address')} would be banned, but phones are registered there ({data.get('reason')})"
            self._note(
                f"ban/{data.get('address')}", text, "is one of these phones stolen? 'sipwright bindings'", now
            )
        elif kind == "guard.spending":
            who = data.get("user") or data.get("account") or data.get("provider") or "somebody"
            why = (
                data.get("reason")
                or f"{data.get('used', 0):.2f} of the {data.get('limit', 0):.2f} of today are used"
            )
            text = f"{who} spends more than usual ({why})"
            advice = "'sipwright cdrs' of that user; close the account if it is not theirs ('sipwright account set')"
            self._note(f"spending/{who}", text, advice, now)

        elif kind == "guard.unusual":
            text = f"a call of {data.get('user')} was held back, as it is unlike their others ({data.get('why')})"
            advice = "ask them: 'sipwright guard unusual' lists it, 'guard confirm' lets it go"
            self._note(f"unusual/{data.get('user')}", text, advice, now)

    def _note(self, key: str, text: str, advice: str, now: float) -> None:
        """Tell of what has happened and does not last: it is over in silence after an hour."""
        self._book.begin(key, text, advice, now)
        self._once[key] = now + HOUR

    def _is(self, key: str, is_wrong: bool, text: str, advice: str, now: float) -> None:
        if is_wrong:
            self._book.begin(key, text, advice, now)
        else:
            self._book.end(key, now)

    def _parts(self, parts: Iterable[PartState], now: float) -> None:
        asked = set()
        for state in parts:
            key = f"part/{state.part}"
            asked.add(key)
            if state.is_down:
                kind, _, owned = state.part.partition("/")
                user, _, name = owned.partition("/")
                called = f"{kind} {name} of {user}" if owned else f"{kind} of {self._node}"
                if "@" in kind:
                    kind, _, other = kind.partition("@")
                    called = f"{kind} of {other}, seen from {self._node},"
                text = f"{called} does not answer ({state.reason})"
                self._book.begin(key, text, _ADVICE.get(kind, ""), now, state.since)
            elif not state.losses:
                self._book.end(key, now)
        for key in self._book.wrong():
            if key.startswith("part/") and key not in asked:
                self._book.end(key, now)

    def _phones_gone(self, phones: float, now: float) -> None:
        window = self._phones
        most = max((count for _, count in window), default=phones)
        is_on = "phones" in self._book.wrong()
        if is_on and (phones >= ENOUGH * most or not window):
            self._book.end("phones", now)
            is_on = False
        if most >= FEW and phones <= most / 2:
            text = f"{most - phones:.0f} of {most:.0f} phones of {self._node} are gone within {WINDOW / 60:.0f} minutes"
            advice = "the network between them and the switch; do they have one router, or one provider, in common?"
            self._book.begin("phones", text, advice, now)
            is_on = True
        if not is_on or now - window[0][0] > HOUR:  # what there was before is remembered while they are gone
            while window and window[0][0] < now - WINDOW:
                window.popleft()
        window.append((now, phones))

    def _calls_fail(self, counts: Mapping[str, float], now: float) -> None:
        failed = sum(counts.get(f"calls_failed_{number}xx", 0.0) for number in (4, 5, 6))
        failed -= counts.get("calls_busy", 0.0)
        window = self._calls
        window.append((now, counts.get("calls_started", 0.0), failed))
        while window[0][0] < now - WINDOW:
            window.popleft()
        lost = window[-1][2] - window[0][2]
        # A call that was refused has not begun, nor have those here that an earlier process has left.
        tried = max(window[-1][1] - window[0][1], lost)
        share = lost / tried if tried > 0 else 0.0
        is_unusual = lost >= FEW_CALLS and share >= min(0.95, max(0.5, 2 * self._usual))
        usual = f", usually {self._usual:.0%}" if self._has_learnt else ""
        text = f"{lost:.0f} of {tried:.0f} calls of {self._node} within 5 minutes have failed{usual}"
        advice = "'sipwright cdrs' and 'sipwright trace' of one of them; is it one provider, one account?"
        self._is("calls", is_unusual, text, advice, now)
        if self._learnt_at is None:
            self._learnt_at = now
        if now - self._learnt_at >= WINDOW and tried >= FEW_CALLS and not is_unusual:
            self._learnt_at = now
            self._usual += LEARNT * (share - self._usual)
            self._has_learnt = True

    def _certificates(self, certificates: Mapping[str, float], now: float) -> None:
        for name, until in certificates.items():
            left = until - now
            day = datetime.fromtimestamp(until, UTC).strftime("%d %b %Y")
            said = f"ends in {left / DAY:.0f} days" if left > 0 else f"has ended on {day}"
            advice = "renew it: why has the renewal (certbot, acme.sh) not run? It is read again by itself"
            self._is(
                f"certificate/{name}", left < CERTIFICATE_ENDS, f"the certificate {name} {said}", advice, now
            )
