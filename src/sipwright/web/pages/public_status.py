"""``/status`` for everybody, where the settings let everybody see it: plain HTML, without a script or a connection."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sipwright.usecases.errors import Unavailable
from sipwright.usecases.status import PartStatus, StatusView
from sipwright.usecases.status_history import VIEWS, PartPoint
from sipwright.web.pages.charts import SPOKEN, part_strip
from sipwright.web.pages.door import Door
from sipwright.web.pages.format import moment, sentence
from sipwright.web.pages.plain import plain_page
from sipwright.web.pages.signs import BRAND
from sipwright.web.visitors import prefix_of

if TYPE_CHECKING:
    from sipwright.usecases import UseCases

__all__ = ["PublicStatus", "StatusDoor", "public_status"]

REFRESH = 60
"""Seconds after which a browser asks again."""

_TABS = {"day": "24 hours", "week": "Week", "month": "Month", "year": "Year"}


class PublicStatus(Exception):
    """A visit of somebody without a session to the status, who may see it."""


class StatusDoor(Door):
    """The door before the status, which is open for everybody where the settings say so."""

    async def __call__(self, request: Request) -> None:
        """Find out who asks for the status.

        Raises:
            PublicStatus: Anybody, who may see what is public.
            HTTPException: Anybody, who is sent to log in.
        """
        if self._usecases.ground.settings.web.public_status and await self.actor(request) is None:
            raise PublicStatus
        await super().__call__(request)


async def public_status(request: Request, usecases: UseCases) -> Response:
    """Show the status to a stranger."""
    view = request.query_params.get("view", "day")
    view = view if view in VIEWS else "day"
    prefix = prefix_of(request)
    try:
        found = await usecases.status.get(None)
        series = await usecases.status.public_history(view)
    except Unavailable:
        found, series = await usecases.status.get(None), None
    points = {} if series is None else {(one.node, one.part): one.points for one in series.parts}
    parts = "".join(_part(one, points.get((one.node, one.part), ()), found.at, view) for one in found.parts)
    as_of = escape(moment(found.at, "UTC"))
    inside = f"""<main id="main" class="public">
<p><a class="brand" href="{escape(prefix)}/">{BRAND}<span>Sipwright</span></a></p>
<h1>Status</h1>
<div class="stack">{_top(found)}</div>
<nav class="tabs" aria-label="What is shown of the last">{_tabs(prefix, view)}</nav>
<section class="card flush"><div class="card-head"><h2>Parts</h2></div>
<ul class="parts" aria-label="Parts of the switch">{parts}</ul>
<div class="axis inset" aria-hidden="true"><span>{SPOKEN[view]} ago</span><span>now</span></div>
<p class="quiet small inset">Each part is asked every ten seconds; three losses in a row are red.
As of {as_of}, UTC.</p>
</section></main>"""
    page = plain_page("Status", prefix, inside).replace(
        "<title>", f'<meta http-equiv="refresh" content="{REFRESH}"><title>', 1
    )
    return HTMLResponse(page, 200, {"Cache-Control": "no-store"})


def _top(found: StatusView) -> str:
    if not found.wrong:
        return '<div class="note good" role="status">Everything works.</div>'
    return "".join(f'<div class="note bad" role="alert">{escape(sentence(one))}</div>' for one in found.wrong)


def _tabs(prefix: str, view: str) -> str:
    here = ' aria-current="page"'
    return "".join(
        f'<a href="{escape(prefix)}/status?view={name}"{here if name == view else ""}>{label}</a>'
        for name, label in _TABS.items()
    )


def _part(part: PartStatus, points: tuple[PartPoint, ...], now: float, view: str) -> str:
    look, word = ("good", "works") if part.up else ("bad", "does not work")
    said = f"{part.milliseconds:.1f} ms" if part.up and part.milliseconds else ""
    if not part.up and part.since is not None:
        said = f"since {moment(part.since, 'UTC')}"
    drawn = part_strip(f"{part.part} of {part.node}", points, now, view, lambda at: moment(at, "UTC"))
    return (
        f'<li class="part" data-testid="part"><div class="name"><b>{escape(part.part)}</b>'
        f'<span class="quiet small">{escape(part.node)}</span></div>'
        f'<div class="state"><span class="pill {look}">{word}</span>'
        f'<span class="quiet small figures">{escape(said)}</span></div>{drawn}</li>'
    )
