"""``/status``: whether everything works, and what there is."""

from __future__ import annotations

import asyncio

from sipwright.usecases.errors import Unavailable
from sipwright.usecases.status import StatusView
from sipwright.web.pages.elements import card, note, tag
from sipwright.web.pages.layout import frame
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Table

__all__ = ["show"]

EVERY = 5.0
"""Seconds between two looks."""

_COLUMNS = (
    {"key": "part", "label": "Part"},
    {"key": "state", "label": "State"},
    {"key": "took", "label": "Answered in", "end": True},
    {"key": "node", "label": "Node"},
)


async def show(visit: Visit) -> None:
    """Make the page."""
    found = await visit.usecases.status.get(visit.actor)
    with frame(visit, "Status", "Whether everything works, looked at every five seconds."):
        body = tag("div", "stack wide")
        with body:
            _draw(found)

    async def keep_up() -> None:
        shown = found
        while True:
            await asyncio.sleep(EVERY)
            try:
                fresh = await visit.usecases.status.get(visit.actor)
            except Unavailable:
                continue
            if (fresh.up, fresh.wrong, fresh.parts, fresh.counts) != (
                shown.up,
                shown.wrong,
                shown.parts,
                shown.counts,
            ):
                shown = fresh
                body.clear()
                with body:
                    _draw(fresh)

    visit.live(keep_up)


def _draw(found: StatusView) -> None:
    if found.wrong:
        for sentence in found.wrong:
            note(sentence, "bad", role="alert")
    else:
        note(
            "Everything works." if found.up else "The switch does not answer.", "good" if found.up else "bad"
        )
    if found.counts:
        with card("At this moment"), tag("div", "counts"):
            for name, value in found.counts.items():
                with tag("div"):
                    tag("b", "", f"{value:,.6g}")
                    tag("span", "", name.replace("_", " "))
    if found.parts:
        rows = [
            {
                "id": f"{part.node}/{part.part}",
                "part": part.part,
                "state": {"text": "works", "state": "good"}
                if part.up
                else {"text": "does not work", "state": "bad", "under": part.reason},
                "took": "" if part.milliseconds is None else f"{part.milliseconds:.1f} ms",
                "node": part.node,
            }
            for part in found.parts
        ]  # fmt: skip
        with card("Parts", flush=True):
            Table("Parts of the switch", _COLUMNS, rows, testid="part")
