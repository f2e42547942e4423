"""Finding the script that a test or a command names, and reading the times that they give."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from sipwright.errors import UserError
from sipwright.services.linking import Find, Module

from .plans import PretendedPlan

__all__ = ["ScriptError", "beside", "instant", "script_of"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_AND_TIME = re.compile(r"(mon|tue|wed|thu|fri|sat|sun)[a-z]*\s+(\d\d?):(\d\d)", re.IGNORECASE)
_TIME = re.compile(r"(\d\d?):(\d\d)")


class ScriptError(UserError):
    """A script that is not there, or a time that is none."""


def script_of(plan: str | Path, folders: Sequence[Path]) -> PretendedPlan:
    """Return a script: a file in one of the folders, or the text itself; what it imports stands beside it.

    Raises:
        ScriptError: There is no such file.
    """
    if isinstance(plan, str) and ("\n" in plan or "(" in plan):
        return PretendedPlan.of_text(plan, "script", beside(folders))
    places = [folder / plan for folder in folders]
    for place in places:
        if place.is_file():
            text = _read(place, place.stat().st_mtime_ns)
            return PretendedPlan.of_text(text, place.stem, beside([place.parent, *folders]))
    raise ScriptError(f"there is no dialplan {plan} in {' or '.join(str(place.parent) for place in places)}")


def beside(folders: Iterable[Path]) -> Find:
    """Return what finds a dialplan that another one imports: a file of its name in one of the folders."""
    places = list(folders)

    def find(name: str) -> Module | None:
        files = (folder / f"{name}.py" for folder in places)
        file = next((file for file in files if file.is_file()), None)
        return None if file is None else Module(name, _read(file, file.stat().st_mtime_ns))

    return find


@lru_cache(maxsize=64)
def _read(path: Path, _changed_at: int) -> str:
    return path.read_text("utf-8-sig").replace("\r\n", "\n")


def instant(text: str | float, timezone: str = "UTC", now: float | None = None) -> float:
    """Read a time: Unix seconds, ``2026-11-20 18:30``, ``18:30`` or ``sat 18:30``, in a time zone.

    Args:
        text: The time.
        timezone: Where that time is meant.
        now: The moment whose day and week are meant where none is given; the usual noon of tests.

    Raises:
        ScriptError: It is no time.
    """
    if not isinstance(text, str):
        return float(text)
    zone = ZoneInfo(timezone)
    from .stage import NOON

    today = datetime.fromtimestamp(NOON if now is None else now, zone)
    try:
        if day := _DAY_AND_TIME.fullmatch(text.strip()):
            ahead = (_DAYS.index(day[1].lower()) - today.weekday()) % 7
            date = datetime.fromordinal(today.toordinal() + ahead)
            moment = date.replace(hour=int(day[2]), minute=int(day[3]), tzinfo=zone)
        elif time := _TIME.fullmatch(text.strip()):
            moment = today.replace(hour=int(time[1]), minute=int(time[2]), second=0, microsecond=0)
        else:
            moment = datetime.fromisoformat(text.strip())
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    except ValueError:
        raise ScriptError(f"{text!r} is no time; write 2026-11-20 18:30, 18:30 or 'sat 18:30'") from None
    return moment.timestamp()
