"""The pages on the application of the faces: their paths, who may see them, and what is shown where nothing is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from html import escape
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import Depends, FastAPI
from fastapi.responses import Response
from nicegui import core, ui
from starlette.requests import Request
from starlette.types import Lifespan

from sipwright.usecases.errors import Forbidden, NotFound, Unavailable, UseCaseError, said_to
from sipwright.web.errors import answer
from sipwright.web.pages import (
    account,
    accounts,
    bans,
    call,
    cdrs,
    console,
    dialplan,
    dialplans,
    guard,
    me,
    provider,
    providers,
    settings,
    status,
    switchboard,
    user,
    users,
)  # fmt: skip
from sipwright.web.pages.cdr_export import ExportedRecords
from sipwright.web.pages.design import STYLESHEET, STYLESHEET_NAME
from sipwright.web.pages.door import Door
from sipwright.web.pages.elements import note, tag
from sipwright.web.pages.format import sentence
from sipwright.web.pages.layout import NAVIGATION, frame, section_of
from sipwright.web.pages.login import LoginPage
from sipwright.web.pages.plain import door_page
from sipwright.web.pages.public_status import PublicStatus, StatusDoor, public_status
from sipwright.web.pages.reset import ResetPage
from sipwright.web.pages.signs import BRAND
from sipwright.web.pages.signup import SignUpPage
from sipwright.web.pages.sockets import guard_sockets
from sipwright.web.pages.visit import Visit
from sipwright.web.visitors import prefix_of

if TYPE_CHECKING:
    from sipwright.usecases import UseCases

__all__ = ["PAGES", "install"]

log = structlog.get_logger(__name__)

PAGES = {
    "/": switchboard.show,
    "/calls/{call:path}": call.show,
    "/dialplans": dialplans.show,
    "/dialplans/{name:path}": dialplan.show,
    "/cdrs": cdrs.show,
    "/accounts": accounts.show,
    "/accounts/{name:path}": account.show,
    "/providers": providers.show,
    "/providers/{name:path}": provider.show,
    "/console": console.show,
    "/status": status.show,
    "/users": users.show,
    "/bans": bans.show,
    "/guard": guard.show,
    "/guard/{name:path}": guard.show,
    "/users/{name:path}": user.show,
    "/settings": settings.show,
    "/me": me.show,
}
"""Every page: its path, and what makes it."""

_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_RELOAD = "setTimeout(() => location.reload(), 3000)"


def install(app: FastAPI, usecases: UseCases) -> None:
    """Put the pages on an application, below everything that it has already."""
    door = Door(usecases)
    login = LoginPage(usecases)
    sign_up, reset = SignUpPage(usecases), ResetPage(usecases)
    for method, path, handler in (
        ("GET", "/login", login.show),
        ("POST", "/login", login.log_in),
        ("POST", "/logout", login.log_out),
        ("GET", "/signup", sign_up.show),
        ("POST", "/signup", sign_up.sign_up),
        ("GET", "/reset", reset.show),
        ("POST", "/reset", reset.take),
        ("GET", f"/assets/{STYLESHEET_NAME}", _stylesheet),
        ("GET", "/assets/icon.svg", _icon),
        ("GET", "/cdrs.csv", ExportedRecords(usecases, door).send),
    ):
        app.add_api_route(path, handler, methods=[method], include_in_schema=False)
    visits: set[Visit] = set()
    app.router.lifespan_context = _ending(app.router.lifespan_context, visits)
    doors = {"/status": StatusDoor(usecases)}
    for path, show in PAGES.items():
        ui.page(path, response_timeout=30.0, dependencies=[Depends(doors.get(path, door))])(
            _shown(usecases, show, visits)
        )

    async def to_everybody(request: Request, _error: Exception) -> Response:
        return await public_status(request, usecases)

    core.app.exception_handlers[PublicStatus] = to_everybody
    core.app.exception_handlers[404] = _nothing_there
    core.app.middleware_stack = None  # NiceGUI has one application a process: begin it anew
    core.app.user_middleware.clear()
    guard_sockets(core.sio)
    ui.run_with(
        app,
        title="Sipwright",
        dark=None,
        tailwind=False,
        favicon=BRAND,
        reconnect_timeout=10.0,
        binding_refresh_interval=None,
        message_history_length=200,
        show_welcome_message=False,
    )


def _ending(inner: Lifespan[FastAPI], visits: set[Visit]) -> Lifespan[FastAPI]:
    """Let all visits end with the application: what pages look up has to be there for as long as they do."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Any]:
        async with inner(app) as state:
            yield state
        for visit in visits:
            visit.end()

    return lifespan


def _shown(
    usecases: UseCases, show: Callable[[Visit], Awaitable[None]], visits: set[Visit]
) -> Callable[[Request], Awaitable[None]]:
    async def page(request: Request) -> None:
        visit = Visit(usecases, request.scope["sipwright.actor"], request)
        visits.add(visit)
        visit.client.on_delete(lambda: visits.discard(visit))
        try:
            await visit.settle()
            await show(visit)
        except UseCaseError as error:
            _instead(visit, error)
        except Exception:
            log.exception("a page cannot be shown", path=request.url.path)
            _instead(visit, None)
        visit.shown()

    return page


def _instead(visit: Visit, error: UseCaseError | None) -> None:
    """Show what is wrong in place of a page; one that cannot be read now tries again by itself."""
    client = visit.client
    visit.begin_again()
    client.content.clear()
    for child in list(client.layout.default_slot.children):
        if child is not client.page_container:
            child.delete()
    client._head_html = ""
    if isinstance(error, Unavailable):
        why = said_to(error, is_admin=visit.actor.is_admin)
        title, said, client.status_code = "Not now", f"{why}. This page tries again by itself.", 503
        client._body_html += f"<script>{_RELOAD}</script>"
    elif isinstance(error, NotFound | Forbidden):
        title, said = "Not here", sentence(str(error))
        client.status_code = 404 if isinstance(error, NotFound) else 403
    elif error is not None:
        title, said, client.status_code = "That does not work", sentence(str(error)), 422
    else:
        title, said, client.status_code = "Something is wrong with the server", "Its log says what.", 500
    with frame(visit, title, back=_above(visit)):
        note(said[:1].upper() + said[1:], "warn", role="alert")
        with tag("p"):
            tag("a", "button", "Go to the switchboard", href=f"{visit.prefix}/")


def _above(visit: Visit) -> tuple[str, str] | None:
    """Return the list that a page belongs to: that is there, though what was looked for is not."""
    section = section_of(visit)
    wanted = {"/calls": "/cdrs"}.get(section, section)
    lists = (
        (name, path)
        for path, name, _, role in NAVIGATION
        if path == wanted and role in ("", visit.actor.role)
    )
    return next(lists, None) if section != visit.path.rstrip("/") else None


async def _nothing_there(request: Request, _error: Exception) -> Response:
    if "text/html" not in request.headers.get("accept", ""):  # a program
        return answer(404, f"there is nothing at {request.url.path[:200]}")
    about = "The address may be mistyped, or what was there is gone."
    way = f'<a class="button main" href="{escape(prefix_of(request))}/">Go to the switchboard</a>'
    return door_page(request, "There is no such page", about, way, answer=(404, {}))


async def _stylesheet() -> Response:
    return Response(STYLESHEET, media_type="text/css", headers=_FOR_EVER)


async def _icon() -> Response:
    icon = BRAND.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    return Response(icon, media_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"})
