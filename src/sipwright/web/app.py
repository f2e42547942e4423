"""The application: REST under `/api/v1`, what balancers ask for, the pages, and what goes round all of them."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from starlette.routing import compile_path
from starlette.types import ASGIApp

from sipwright.config import Settings
from sipwright.usecases.usecases import UseCases
from sipwright.web import docs_page, health
from sipwright.web.errors import install_handlers
from sipwright.web.problems import Problem
from sipwright.web.proxies import BehindProxies
from sipwright.web.shield import BoundedBodies, CarefulBrowsers, NoFaults

__all__ = ["API", "create_app", "create_inner_app"]

API = "/api/v1"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_app(usecases: UseCases, settings: Settings) -> ASGIApp:
    """Make the application with all that goes round it."""
    inner = create_inner_app(usecases, settings)
    careful = CarefulBrowsers(NoFaults(BoundedBodies(inner)))
    return BehindProxies(careful, settings.web.trusted_proxies, settings.web.prefix)


def create_inner_app(usecases: UseCases, settings: Settings) -> FastAPI:
    """Make the application itself; its routes are all doors that there are."""
    app = FastAPI(
        title="Sipwright",
        redirect_slashes=False,
        version="1",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.usecases = usecases
    app.state.settings = settings
    install_handlers(app)
    app.include_router(health.router)
    app.include_router(docs_page.router, prefix=API)
    app.include_router(_unknown(app))
    return app


def _unknown(app: FastAPI) -> APIRouter:
    """Make the route of everything below `/api` that is nothing: the pages, which come after it, are not asked."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/api/{rest:path}", methods=_METHODS)
    async def unknown(request: Request, rest: str) -> None:
        path = f"/api/{rest}"
        allowed = {
            method.upper()
            for template, methods in app.openapi()["paths"].items()
            if compile_path(template)[0].match(path)
            for method in methods
        }
        if allowed:
            said = f"{request.method} cannot be asked of {path[:200]}; the header Allow has what can"
            raise Problem(405, said, headers={"Allow": ", ".join(sorted(allowed))})
        raise Problem(404, f"there is nothing at {path[:200]}; {API}/docs lists what there is")

    return router
