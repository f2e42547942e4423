"""``/login`` and ``/logout``: plain HTML, so that a stranger costs no page that is kept, and no script is needed."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from nicegui import __version__ as VERSION
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sipwright.usecases.errors import Throttled, Unavailable, UseCaseError
from sipwright.web.pages.door import COOKIE, Door, is_from_elsewhere, prefix_of, safe_target, visitor_of
from sipwright.web.pages.layout import head_html
from sipwright.web.pages.signs import BRAND

if TYPE_CHECKING:
    from sipwright.usecases import UseCases

__all__ = ["LoginPage", "plain_page"]

_LONGEST = 8_192
"""Bytes of a form that somebody fills in by hand."""

_STORY = """if call.active > 4:
    respond(486, "Busy Here")

number = e164(req.user, region="IE")
dial(f"{number}@blueface &amp; mobile@local", ring=25)
respond(480, "Nobody is available")"""


class LoginPage:
    """Lets people in and out."""

    def __init__(self, usecases: UseCases) -> None:
        self._usecases = usecases

    async def show(self, request: Request) -> Response:
        """Show the form."""
        return self._form(request, request.query_params.get("next", "/"))

    async def log_in(self, request: Request) -> Response:
        """Take the filled form: go on with a session, or say that it is not right."""
        if is_from_elsewhere(request):
            return self._form(
                request, "/", "Log in on this page, please; another page has sent the form.", 403
            )
        typed = await _typed(request)
        target = safe_target(typed.get("next", "/"))
        try:
            session = await self._usecases.login.log_in(
                visitor_of(request),
                typed.get("name", ""),
                typed.get("password", ""),
                typed.get("code") or None,
            )
        except Throttled as error:
            wait = max(1, round(error.retry_after))
            said = f"Too many attempts. Wait {wait} seconds, then try again."
            return self._form(request, target, said, 429, typed, {"Retry-After": str(wait)})
        except Unavailable as error:
            return self._form(request, target, f"{error}. Try again in a moment.", 503, typed)
        except UseCaseError as error:
            said = str(error)
            return self._form(request, target, f"{said[:1].upper()}{said[1:]}.", 401, typed)
        response = RedirectResponse(prefix_of(request) + target, 303)
        response.set_cookie(
            COOKIE,
            session.token,
            max_age=max(60, int(session.expires_at - time.time())),
            path=prefix_of(request) or "/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return response

    async def log_out(self, request: Request) -> Response:
        """End the session."""
        if not is_from_elsewhere(request):
            actor = await Door(self._usecases).actor(request)
            if actor is not None:
                await self._usecases.login.log_out(actor)
        response = RedirectResponse(f"{prefix_of(request)}/login", 303)
        response.delete_cookie(COOKIE, path=prefix_of(request) or "/")
        return response

    def _form(
        self,
        request: Request,
        target: str,
        refusal: str = "",
        status: int = 200,
        typed: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        prefix = prefix_of(request)
        name = escape((typed or {}).get("name", ""), quote=True)
        alert = f'<div class="note bad" role="alert">{escape(refusal)}</div>' if refusal else ""
        first, second = ("", " autofocus") if name else (" autofocus", "")
        inside = (
            f'<main id="main"><a class="brand" href="{escape(prefix)}/">{BRAND}<span>Sipwright</span></a>'
            '<div class="stack"><h1>Log in</h1>'
            '<p class="quiet">See your calls as they happen, and decide what becomes of them.</p></div>'
            f'{alert}<form method="post" action="{escape(prefix)}/login">'
            f'<input type="hidden" name="next" value="{escape(safe_target(target), quote=True)}">'
            '<div class="field"><label for="name">Name</label>'
            f'<input class="control" id="name" name="name" value="{name}" autocomplete="username"'
            f' autocapitalize="none" spellcheck="false" required maxlength="200"{first}></div>'
            '<div class="field"><label for="password">Password</label>'
            '<input class="control" id="password" name="password" type="password"'
            f' autocomplete="current-password" required maxlength="1000"{second}></div>'
            '<div class="field"><label for="code">Code</label>'
            '<input class="control" id="code" name="code" inputmode="numeric" autocomplete="one-time-code"'
            ' maxlength="40" aria-describedby="code-hint">'
            '<span class="hint" id="code-hint">Only if you have set up one-time codes.</span></div>'
            '<button class="button main" type="submit">Log in</button></form></main>'
        )
        story = (
            f'<div class="story" aria-hidden="true"><pre>{_STORY}</pre>'
            "<p>Your calls go where a few lines of Python say.</p></div>"
        )
        return HTMLResponse(
            plain_page("Log in", prefix, f'<div class="door">{story}{inside}</div>'),
            status,
            {"Cache-Control": "no-store", **(headers or {})},
        )


def plain_page(title: str, prefix: str, inside: str) -> str:
    """Return a page that needs no connection: the door, and what is not there."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)} · Sipwright</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="{escape(prefix)}/assets/icon.svg" type="image/svg+xml">'
        f'<link rel="stylesheet" href="{escape(prefix)}/_nicegui/{VERSION}/static/fonts.css">'
        f"{head_html(prefix)}</head><body>{inside}</body></html>"
    )


async def _typed(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST:
            return {}
    found = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    return {key: values[0] for key, values in found.items()}
