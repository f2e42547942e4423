"""A script with what happened at each of its lines."""

from __future__ import annotations

from typing import NamedTuple

from sipwright.store.history.calltraces import RunTrace
from sipwright.store.history.traces import Effect

from .wording import came_of, is_asking, told

__all__ = ["listing", "remarks"]

_WHOLE = 60
"""Scripts up to this many lines are shown whole; of longer ones, what is near to something that happened."""


class _Event(NamedTuple):
    """What a script did at a line; `times` in a row, the last at `until`."""

    line: int | None
    at: float
    texts: list[str]
    times: int = 1
    until: float = 0.0

    @property
    def again(self) -> str:
        return f"and {self.times - 1} times more, until {self.until:.3f} s" if self.times > 1 else ""


def listing(run: RunTrace, start: float) -> list[str]:
    """Return the lines of a script, and below each what it did and when."""
    source = (run.source or "").splitlines()
    happened: dict[int, list[str]] = {}
    latest = 0
    for event in _events(run, start):
        if event.line is not None:
            latest = event.line
        elif event.texts[0] == "failed":
            latest = latest or len(source)  # nobody knows where, but it was the end
        happened.setdefault(latest, []).extend(_marked(event))
    shown = _shown(len(source), happened)
    lines = happened.get(0, [])
    for number, text in enumerate(source, 1):
        if number in shown:
            lines.append(f"{number:>4} | {text.rstrip()}")
        elif number == 1 or number - 1 in shown:
            lines.append("   ...")
        lines += happened.get(number, [])
    for number in sorted(line for line in happened if line > len(source)):
        lines += [f"{number:>4} | (the script of that version is gone)", *happened[number]]
    return lines


def remarks(run: RunTrace, start: float) -> list[tuple[float, str]]:
    """Return what the script did, for the ladder: when, and in a few words."""
    found = []
    for event in _events(run, start):
        where = f"line {event.line}: " if event.line is not None else ""
        again = f" ({event.again})" if event.times > 1 else ""
        found.append((event.at, f"{where}{event.texts[0]}{again}"))
    return found


def _events(run: RunTrace, start: float) -> list[_Event]:
    """Return what happened, with what was repeated word for word told once."""
    found: list[_Event] = []
    for entry in run.journal:
        for line, at, texts in _told(entry, start):
            last = found[-1] if found else None
            if last is not None and (last.line, last.texts) == (line, texts):
                found[-1] = last._replace(times=last.times + 1, until=at)
            else:
                found.append(_Event(line, at, texts))
    return found


def _told(entry: Effect, start: float) -> list[tuple[int | None, float, list[str]]]:
    at = max(entry.at - start, 0.0)
    if entry.function == "log":
        return [(line, at, [f"log: {text}"]) for line, text in entry.arguments]
    if entry.function == "start":
        return []
    texts = [told(entry.function, entry.arguments)]
    came = came_of(entry.function, entry.result)
    if came is not None:
        texts.append(f"-> {came}")
    elif entry.result is None and is_asking(entry.function):
        texts.append("-> (no answer yet)")
    return [(entry.arguments.get("line"), at, texts)]


def _marked(event: _Event) -> list[str]:
    first, *others = event.texts
    others += [f"({event.again})"] if event.again else []
    return [f"{event.at:>15.3f} s  {first}", *(f"{'':>19}{text}" for text in others)]


def _shown(length: int, happened: dict[int, list[str]]) -> set[int]:
    if length <= _WHOLE:
        return set(range(1, length + 1))
    near = {number + offset for number in happened for offset in (-2, -1, 0, 1)}
    return {number for number in near if 1 <= number <= length}
