"""Graphs: strips of minutes of what was seen, and bars of calls; what a graph shows is said in words beside it, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nicegui.element import Element

from sipwright.usecases.status_history import CountPoint, PartPoint
from sipwright.web.pages.elements import tag
from sipwright.web.pages.format import plural, span

__all__ = ["Bar", "Strip", "bars", "count_strip", "part_strip"]

DAY = 86_400.0


class Strip(Element, component="components/strip.js"):
    """Points ``[at, value or None, down]`` of a day on an axis of time."""

    def __init__(
        self, label: str, points: Sequence[Sequence[float | bool | None]], until: float, unit: str, kind: str
    ) -> None:
        super().__init__()
        top = max((float(point[1]) for point in points if point[1] is not None), default=0.0)
        self.props.update(label=label, points=[list(point) for point in points], unit=unit, kind=kind)
        self.props.update(since=until - DAY, until=until, top=top)


def part_strip(name: str, points: Sequence[PartPoint], now: float) -> Strip:
    """Draw the last day of a part: how long it took to answer, and where it was down."""
    means = [point.mean for point in points if point.mean is not None]
    down = sum(point.is_down for point in points)
    seen = span(len(points) * 60.0)
    told = f"{name}: seen for {seen} of the last 24 hours, down in {plural(down, 'minute')}"
    if means and any(means):
        longest = max(point.longest for point in points)
        told += f", answered in {sum(means) / len(means):.1f} ms on average, {longest:.1f} ms at most"
    return Strip(told, [(point.at, point.mean, point.is_down) for point in points], now, "ms", "part")


def count_strip(name: str, points: Sequence[CountPoint], now: float) -> Strip:
    """Draw the last day of a count."""
    most = max((point.most for point in points), default=0.0)
    told = f"{name}: at most {most:,.6g} in the last 24 hours"
    return Strip(told, [(point.at, point.most, False) for point in points], now, name, "count")


@dataclass(frozen=True, slots=True)
class Bar:
    """Calls of some time: how many were answered and how many not, and what is said of them."""

    answered: int
    failed: int
    told: str


def bars(found: Sequence[Bar], begins: str, ends: str, unit: str) -> None:
    """Draw bars side by side, with an axis below them."""
    most = max((bar.answered + bar.failed for bar in found), default=0) or 1
    total = sum(bar.answered + bar.failed for bar in found)
    with tag("figure"):
        with tag("div", "bars", role="img", aria_label=f"{plural(total, 'call')}, at most {most:,} {unit}"):
            for bar in found:
                with tag("div", "bar", title=bar.told):
                    tag("i", "failed").style(f"height: {100 * bar.failed / most:.2f}%")
                    tag("i").style(f"height: {100 * bar.answered / most:.2f}%")
        with tag("div", "axis", aria_hidden="true"):
            tag("span", "", begins)
            tag("span", "", f"at most {plural(most, 'call')} {unit}" if total else "no calls")
            tag("span", "", ends)
