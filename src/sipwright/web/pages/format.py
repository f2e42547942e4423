"""How times, spans and states read on the pages."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sipwright.usecases.errors import without_command

__all__ = [
    "ago",
    "bare",
    "browser",
    "ended_by",
    "moment",
    "plural",
    "sentence",
    "sortable_moment",
    "span",
    "status_look",
    "time_of_day",
]


_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("CriOS/", "Chrome"),
    ("FxiOS/", "Firefox"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
"""What a browser and a system write into their names, those first that others write, too."""


def span(seconds: float | None) -> str:
    """Write how long something took: ``0:07``, ``12:30``, ``1:02:03``."""
    if seconds is None:
        return ""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(at: float | None, timezone: str = "UTC") -> str:
    """Write when something was: ``29 Nov 2026, 08:05:12``."""
    if at is None:
        return ""
    found = datetime.fromtimestamp(at, _zone(timezone))
    return f"{found.day} {found:%b %Y, %H:%M:%S}"


def sortable_moment(at: float, timezone: str = "UTC") -> str:
    """Write when something was as a spreadsheet knows it for a time."""
    return datetime.fromtimestamp(at, _zone(timezone)).strftime("%Y-%m-%d %H:%M:%S")


def time_of_day(at: float, timezone: str = "UTC") -> str:
    """Write a time of day with milliseconds."""
    return datetime.fromtimestamp(at, _zone(timezone)).strftime("%H:%M:%S.%f")[:-3]


def ended_by(who: str | None) -> str | None:
    """Write who has ended a call: one of its ends, the switch, or somebody who steered it."""
    return None if not who else "ended from outside" if who == "control" else f"ended by {who}"


def ago(at: float | None, now: float) -> str:
    """Write how long ago something was, or how far ahead it is, in the largest unit that fits."""
    if at is None:
        return "never"
    seconds = now - at
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if abs(seconds) >= size:
            told = plural(round(abs(seconds) / size), unit)
            return f"{told} ago" if seconds > 0 else f"in {told}"
    return (
        "just now"
        if abs(seconds) < 5
        else f"{round(abs(seconds))} s ago"
        if seconds > 0
        else f"in {round(-seconds)} s"
    )


def plural(number: float, unit: str) -> str:
    """Write a number of things: ``1 call``, ``2,000 calls``."""
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"


def sentence(text: str) -> str:
    """Write what an error says as a sentence, without the command that says more: nobody types one on a page."""
    text = without_command(text.strip())
    end = "" if text.endswith((".", "!", "?")) else "."
    return f"{text[:1].upper()}{text[1:]}{end}"


def bare(uri: str | None) -> str:
    """Write an address as people say it: without ``sip:`` and angle brackets."""
    found = (uri or "").strip()
    if "<" in found:
        found = found[found.index("<") + 1 :].partition(">")[0]
    for scheme in ("sip:", "sips:"):
        found = found.removeprefix(scheme)
    return found.partition(";")[0]


def browser(user_agent: str | None) -> str:
    """Write what somebody looks with as people call it: ``Firefox on Linux``; what is no browser by its own name."""
    found = user_agent or ""
    name = next((name for mark, name in _BROWSERS if mark in found), None)
    if name is None:
        return found.partition(" ")[0][:40]
    system = next((system for mark, system in _SYSTEMS if mark in found), None)
    return name if system is None else f"{name} on {system}"


def status_look(status: int | None) -> str:
    """Return the state in whose colours a final response is shown."""
    if status is None:
        return ""
    return "good" if status < 300 else "warn" if status in (404, 480, 486, 487, 600, 603) else "bad"


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
