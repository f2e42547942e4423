"""Graphs: strips of time of what was measured, and bars of calls; each says in words, too, what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from nicegui.elements.html import Html

from sipwright.usecases.status_history import VIEWS, CountPoint, PartPoint
from sipwright.web.pages.elements import tag
from sipwright.web.pages.format import plural, span

__all__ = ["SPOKEN", "Bar", "Outage", "bars", "count_strip", "drawn", "outages", "part_strip", "strip"]

SPOKEN = {"day": "24 hours", "week": "week", "month": "month", "year": "year"}
"""How the time is called that a view shows."""

_WIDTH, _HEIGHT = 1_440, 48
_LEAST = 2.0
"""How wide the shortest outage is drawn, of 1,440."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A stretch of time in which a part was down: for how many seconds in all."""

    since: float
    until: float
    seconds: float


def outages(points: Sequence[PartPoint], view: str) -> list[Outage]:
    """Put together the points in which a part was down; where one began within a point, the rest of that was down."""
    width = VIEWS[view].point
    found: list[Outage] = []
    before: float | None = None
    for number, point in enumerate(points):
        if not point.is_down:
            continue
        goes_on = number + 1 < len(points) and points[number + 1].is_down
        if before == point.at - width and found:
            last = found.pop()
            found.append(Outage(last.since, point.at + point.down, last.seconds + point.down))
        else:
            start = point.at + (width - point.down if goes_on else 0.0)
            found.append(Outage(start, start + point.down, point.down))
        before = point.at
    return found


def strip(kind: str, view: str, label: str, values: Sequence[tuple[float, float | None]], now: float,
          down: Sequence[tuple[Outage, str]] = ()) -> str:  # fmt: skip
    """Return a strip as HTML: what was not seen is left blank, where a part was down is red from top to bottom."""
    chosen = VIEWS[view]
    since = now - chosen.seconds
    scale = _WIDTH / chosen.seconds
    top = max((value for _, value in values if value is not None), default=0.0) or 1.0
    wide = chosen.point * scale * 0.8
    drawn = "".join(
        f"M{(at - since) * scale:.1f} {_HEIGHT}h{wide:.1f}v-{max(3.0, value / top * _HEIGHT):.0f}h-{wide:.1f}z"
        for at, value in values
        if value is not None and at >= since - chosen.point
    )
    red = "".join(
        f'<rect class="down" x="{(one.since - since) * scale:.1f}" y="0" height="{_HEIGHT}" '
        f'width="{max(_LEAST, (one.until - one.since) * scale):.1f}"><title>{escape(told)}</title></rect>'
        for one, told in down
    )
    return (
        f'<figure class="strip of-{kind}"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="{escape(label, quote=True)}"><path d="{drawn}"></path>{red}</svg></figure>'
    )


def part_strip(
    name: str, points: Sequence[PartPoint], now: float, view: str, moment: Callable[[float], str]
) -> str:
    """Draw a part: how long it took to answer, and where it was down."""
    down = outages(points, view)
    told = f"{name}: "
    if not points:
        told += f"nothing is known of the last {SPOKEN[view]}"
    elif down:
        told += f"down {plural(len(down), 'time')}, for {span(sum(one.seconds for one in down))} in all"
    else:
        told += f"never down in the last {SPOKEN[view]}"
    means = [point.mean for point in points if point.mean is not None]
    if means and any(means):
        longest = max(point.longest or 0.0 for point in points)
        told += f", answered in {sum(means) / len(means):.1f} ms on average, {longest:.1f} ms at most"
    marked = [(one, f"down for {span(one.seconds)} from {moment(one.since)}") for one in down]
    return strip("part", view, told, list(_answers(points)), now, marked)


def _answers(points: Sequence[PartPoint]) -> Iterator[tuple[float, float | None]]:
    return ((point.at, point.mean) for point in points)


def count_strip(name: str, points: Sequence[CountPoint], now: float, view: str) -> str:
    """Draw a count."""
    most = max((point.most for point in points), default=0.0)
    told = f"{name}: at most {most:,.6g} in the last {SPOKEN[view]}"
    return strip("count", view, told, [(point.at, point.mean) for point in points], now)


def drawn(html: str) -> Html:
    """Put a strip onto a page."""
    return Html(html, sanitize=False, tag="div").style("display: contents")


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
