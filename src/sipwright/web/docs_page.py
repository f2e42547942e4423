"""`/api/v1/docs`: Swagger UI out of a package that is installed with us, so that nothing comes from elsewhere."""

from __future__ import annotations

from importlib import resources

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from sipwright.web.problems import Problem

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sipwright: REST API</title>
<link rel="icon" href="docs/favicon.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<main id="swagger-ui"></main>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""

_START = """\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: false,
  presets: [SwaggerUIBundle.presets.apis],
});
"""


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Show the page."""
    return HTMLResponse(_PAGE)


@router.get("/docs/{name}")
async def part_of_docs(name: str) -> Response:
    """Serve what belongs to the page."""
    if name == "start.js":
        return Response(_START, media_type="text/javascript")
    if name not in _FILES:
        raise Problem(404, f"there is no {name[:100]} here")
    body = (resources.files("fastapi_offline") / "static" / name).read_bytes()
    return Response(body, media_type=_FILES[name], headers={"Cache-Control": "max-age=86400"})
