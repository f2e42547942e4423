"""A script with what happened at each of its lines."""

from __future__ import annotations

from collections.abc import Sequence

from sipwright.commands.tracing.telling import came_of, is_asking, told
from sipwright.store.calltraces import RunTrace
from sipwright.store.traces import Effect

__all__ = ["listing", "remarks"]

_WHOLE = 60
"""Scripts up to this many lines are shown whole; of longer ones, what is near to something that happened."""


def listing(run: RunTrace, start: float) -> list[str]:
    """Return the lines of a script, and below each what it did and when."""
    happened: dict[int, list[str]] = {}
    latest = 0
    for entry in run.journal:
        for line, at, texts in _told(entry, start):
            latest = line if line is not None else latest
            happened.setdefault(latest, []).extend(_marked(at, texts))
    source = (run.source or "").splitlines()
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
    for entry in run.journal:
        for line, at, texts in _told(entry, start):
            where = f"line {line}: " if line is not None else ""
            found.append((at, f"{where}{texts[0]}"))
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


def _marked(at: float, texts: Sequence[str]) -> list[str]:
    return [f"{at:>15.3f} s  {texts[0]}", *(f"{'':>19}{text}" for text in texts[1:])]


def _shown(length: int, happened: dict[int, list[str]]) -> set[int]:
    if length <= _WHOLE:
        return set(range(1, length + 1))
    near = {number + offset for number in happened for offset in (-2, -1, 0, 1)}
    return {number for number in near if 1 <= number <= length}
