"""The application: REST under `/api/v1`, what balancers ask for, the pages, and what goes round all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from sipwright.config import Settings
from sipwright.usecases.usecases import UseCases
from sipwright.web import docs_page, health, metrics, pages
from sipwright.web.api import (
    accounts,
    administration,
    bans,
    bindings,
    calls,
    cdrs,
    dialplans,
    domains,
    events,
    guard,
    invites,
    me,
    messages,
    providers,
    status,
    store,
    unusual_calls,
    users,
)
from sipwright.web.errors import install_handlers
from sipwright.web.openapi import describe
from sipwright.web.problems import Problem
from sipwright.web.proxies import BehindProxies
from sipwright.web.shield import BoundedBodies, CarefulBrowsers, HeadsOnly, NoBanned, NoFaults

__all__ = ["API", "create_app", "wrap"]

API = "/api/v1"
RESOURCES = (
    accounts, bindings, providers, dialplans, calls, cdrs, messages, store, events, users, domains, administration,
    bans, guard, unusual_calls, invites, me, status,
)  # fmt: skip
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"]


def wrap(
    inner: FastAPI, settings: Settings, is_banned: Callable[[str], bool] = lambda address: False
) -> ASGIApp:
    """Put round the application what goes round it; nobody gets to it who is banned."""
    careful = CarefulBrowsers(NoFaults(NoBanned(HeadsOnly(BoundedBodies(inner)), is_banned)))
    return BehindProxies(careful, settings.web.trusted_proxies, settings.web.prefix)


def create_app(usecases: UseCases, settings: Settings) -> FastAPI:
    """Make the application itself; its routes are all doors that there are."""
    app = FastAPI(
        title="Sipwright",
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        version="1",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.usecases = usecases
    app.state.settings = settings
    app.state.closing = asyncio.Event()
    install_handlers(app)
    app.openapi = describe(app)  # type: ignore[method-assign]  # as FastAPI says it is done
    app.include_router(health.router)
    app.include_router(metrics.router)
    for resource in RESOURCES:
        app.include_router(resource.router, prefix=API)
    app.include_router(docs_page.router, prefix=API)
    app.include_router(_unknown())
    pages.install(app, usecases)
    return app


def _unknown() -> APIRouter:
    """Make the route of everything below `/api` that is nothing: the pages, which come after it, are not asked."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/api/{rest:path}", methods=_METHODS)
    async def unknown(request: Request, rest: str) -> Response:
        path = f"/api/{rest}"
        if allowed := _allowed(path):
            headers = {"Allow": ", ".join(sorted(allowed))}
            if request.method == "OPTIONS":  # RFC 9110 §9.3.7
                return Response(status_code=204, headers=headers)
            said = f"{request.method} cannot be asked of {path[:200]}; the header Allow has what can"
            raise Problem(405, said, headers=headers)
        bare = path.rstrip("/")
        if bare != path and _allowed(bare):
            raise Problem(404, f"there is nothing at {path[:200]}; leave out the slash at the end")
        raise Problem(404, f"there is nothing at {path[:200]}; {API}/docs lists what there is")

    return router


def _allowed(path: str) -> set[str]:
    """Return the methods that can be asked of a path; none where nothing is."""
    inside = path.removeprefix(API)
    allowed = {
        method
        for resource in RESOURCES
        for route in resource.router.routes
        if isinstance(route, APIRoute) and route.path_regex.match(inside)
        for method in route.methods or ()
    }
    return allowed | {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set()) if allowed else allowed
