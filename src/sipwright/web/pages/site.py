"""The pages on the application of the faces: their paths, who may see them, and what is shown where nothing is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from typing import TYPE_CHECKING

import structlog
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse, Response
from nicegui import core, ui
from starlette.requests import Request

from sipwright.usecases.errors import Forbidden, NotFound, Unavailable, UseCaseError
from sipwright.web.errors import answer
from sipwright.web.pages import (
    account,
    accounts,
    call,
    cdrs,
    console,
    dialplan,
    dialplans,
    me,
    provider,
    providers,
    settings,
    status,
    switchboard,
    users,
)  # fmt: skip
from sipwright.web.pages.cdr_export import ExportedRecords
from sipwright.web.pages.design import STYLESHEET, STYLESHEET_NAME
from sipwright.web.pages.door import Door, prefix_of
from sipwright.web.pages.layout import frame
from sipwright.web.pages.login import LoginPage, plain_page
from sipwright.web.pages.signs import BRAND
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import note, tag

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
    app.add_api_route("/login", login.show, methods=["GET"], include_in_schema=False)
    app.add_api_route("/login", login.log_in, methods=["POST"], include_in_schema=False)
    app.add_api_route("/logout", login.log_out, methods=["POST"], include_in_schema=False)
    app.add_api_route(f"/assets/{STYLESHEET_NAME}", _stylesheet, methods=["GET"], include_in_schema=False)
    app.add_api_route("/assets/icon.svg", _icon, methods=["GET"], include_in_schema=False)
    export = ExportedRecords(usecases, door)
    app.add_api_route("/cdrs.csv", export.send, methods=["GET"], include_in_schema=False)
    for path, show in PAGES.items():
        ui.page(path, response_timeout=30.0, dependencies=[Depends(door)])(_shown(usecases, show))
    core.app.exception_handlers[404] = _nothing_there
    core.app.middleware_stack = None  # NiceGUI has one application a process: begin it anew
    core.app.user_middleware.clear()
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


def _shown(
    usecases: UseCases, show: Callable[[Visit], Awaitable[None]]
) -> Callable[[Request], Awaitable[None]]:
    async def page(request: Request) -> None:
        visit = Visit(usecases, request.scope["sipwright.actor"], request)
        try:
            await show(visit)
        except UseCaseError as error:
            _instead(visit, error)
        except Exception:
            log.exception("a page cannot be shown", path=request.url.path)
            _instead(visit, None)

    return page


def _instead(visit: Visit, error: UseCaseError | None) -> None:
    """Show what is wrong in place of a page; one that cannot be read now tries again by itself."""
    client = visit.client
    client.content.clear()
    for child in list(client.layout.default_slot.children):
        if child is not client.page_container:
            child.delete()
    client._head_html = ""
    if isinstance(error, Unavailable):
        title, said, client.status_code = "Not now", f"{error}. This page tries again by itself.", 503
        client._body_html += f"<script>{_RELOAD}</script>"
    elif isinstance(error, NotFound | Forbidden):
        title, said = "Not here", f"{error}."
        client.status_code = 404 if isinstance(error, NotFound) else 403
    elif error is not None:
        title, said, client.status_code = "That does not work", f"{error}.", 422
    else:
        title, said, client.status_code = "Something is wrong with the server", "Its log says what.", 500
    with frame(visit, title):
        note(said[:1].upper() + said[1:], "warn", role="alert")
        with tag("p"):
            tag("a", "button", "Go to the switchboard", href=f"{visit.prefix}/")


async def _nothing_there(request: Request, _error: Exception) -> Response:
    if "text/html" not in request.headers.get("accept", ""):  # a program
        return answer(404, f"there is nothing at {request.url.path[:200]}")
    prefix = prefix_of(request)
    inside = (
        f'<div class="door"><main id="main"><a class="brand" href="{escape(prefix)}/">{BRAND}<span>Sipwright</span></a>'
        '<h1>There is no such page</h1><p class="quiet">The address may be mistyped, or what was there is gone.</p>'
        f'<a class="button main" href="{escape(prefix)}/">Go to the switchboard</a></main></div>'
    )
    return HTMLResponse(plain_page("No such page", prefix, inside), 404)


async def _stylesheet() -> Response:
    return Response(STYLESHEET, media_type="text/css", headers=_FOR_EVER)


async def _icon() -> Response:
    icon = BRAND.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    return Response(icon, media_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"})
