"""``/login`` and ``/logout``: who comes in by name and password, and out again."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sipwright.usecases.errors import CodeNeeded, UseCaseError
from sipwright.usecases.issued import csrf_of, is_csrf
from sipwright.web.pages.door import Door, is_from_elsewhere, let_in, safe_target
from sipwright.web.pages.plain import Answer, Entry, door_page, form, typed_into
from sipwright.web.pages.refusals import refusal_of
from sipwright.web.visitors import COOKIE, prefix_of, visitor_of

if TYPE_CHECKING:
    from sipwright.usecases import UseCases
    from sipwright.usecases.gate import LoggedIn

__all__ = ["LoginPage"]

_NAME = Entry("name", "Name", autocomplete="username")
_PASSWORD = Entry(
    "password", "Password", "password", autocomplete="current-password", longest=1_000, keeps=False
)
_CODE = Entry(
    "code", "Code", autocomplete="one-time-code", is_needed=False, longest=40, keeps=False,
    hint="Only if you have set up one-time codes.",
)  # fmt: skip
_NEEDED_CODE = replace(
    _CODE, is_needed=True, hint="The six digits that your authenticator app shows now, or a recovery code."
)
_DONE = {"reset": "Your password is changed. Log in with it."}


class LoginPage:
    """Lets people in and out."""

    def __init__(self, usecases: UseCases) -> None:
        self._usecases = usecases

    async def show(self, request: Request) -> Response:
        """Show the form."""
        done = _DONE.get(request.query_params.get("done", ""), "")
        return self._form(request, request.query_params.get("next", "/"), {}, done=done)

    async def log_in(self, request: Request) -> Response:
        """Take the filled form: go on with a session, or say that it is not right."""
        if is_from_elsewhere(request):
            said = "Log in on this page, please; another page has sent the form."
            return self._form(request, "/", {}, said, answer=(403, {}))
        typed = await typed_into(request)
        target = safe_target(typed.get("next", "/"))
        try:
            session = await self._attempt(request, typed)
        except CodeNeeded as error:
            said, answer = refusal_of(error)
            return self._ask_code(request, target, typed.get("name", ""), error.half, said, answer)
        except UseCaseError as error:
            said, answer = refusal_of(error)
            return self._form(request, target, typed, said, answer=answer)
        return let_in(request, session, target)

    async def _attempt(self, request: Request, typed: dict[str, str]) -> LoggedIn:
        visitor, code, login = visitor_of(request, "web"), typed.get("code", ""), self._usecases.login
        if half := typed.get("half"):
            return await login.log_in_with_code(visitor, half, code)
        return await login.log_in(visitor, typed.get("name", ""), typed.get("password", ""), code or None)

    async def log_out(self, request: Request) -> Response:
        """End the session, if one of its own pages wants that; else ask whether that is meant."""
        cookie = request.cookies.get(COOKIE, "")
        actor = await Door(self._usecases).actor(request)
        if actor is not None:
            typed = await typed_into(request)
            if is_from_elsewhere(request) or not is_csrf(typed.get("csrf"), cookie):
                return _ask_whether(request, cookie)
            await self._usecases.login.log_out(actor)
        response = RedirectResponse(f"{prefix_of(request)}/login", 303)
        response.delete_cookie(COOKIE, path=prefix_of(request) or "/")
        return response

    def _ask_code(
        self, request: Request, target: str, name: str, half: str, refusal: str, answer: Answer
    ) -> Response:
        """Return the page for who has only left out the code: the password is typed no more, nor sent back."""
        inside = form(
            f"{prefix_of(request)}/login", [_NEEDED_CODE], "Log in", values={}, faults={},
            hidden={"next": safe_target(target), "name": name, "half": half},
        )  # fmt: skip
        about = f"Your password is right, {escape(name)}. The code is good for a few minutes."
        links = [("Log in as somebody else", "/login")]
        return door_page(request, "Log in", about, inside, refusal=refusal, links=links, answer=answer)

    def _form(
        self,
        request: Request,
        target: str,
        typed: dict[str, str],
        refusal: str = "",
        *,
        done: str = "",
        answer: Answer = (200, {}),
    ) -> Response:
        inside = form(
            f"{prefix_of(request)}/login", (_NAME, _PASSWORD, _CODE), "Log in", values=typed, faults={},
            hidden={"next": safe_target(target)},
        )  # fmt: skip
        links = []
        if self._usecases.signup.mode != "closed":
            links.append(("Sign up", "/signup"))
        if self._usecases.recovery.is_open:
            links.append(("Forgotten your password?", "/reset"))
        about = "See your calls as they happen, and decide what becomes of them."
        return door_page(
            request, "Log in", about, inside, refusal=refusal, done=done, links=links, answer=answer
        )


def _ask_whether(request: Request, cookie: str) -> Response:
    """Return the page for who is to be logged out by a form that none of our pages has sent."""
    inside = form(
        f"{prefix_of(request)}/logout", (), "Log out", values={}, faults={}, hidden={"csrf": csrf_of(cookie)}
    )
    about = "Another page wants you to log out. You are still logged in."
    return door_page(request, "Log out?", about, inside, links=[("Stay", "/")], answer=(403, {}))
