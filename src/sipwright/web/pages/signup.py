"""``/signup``: how somebody makes a user of their own, where an admin has opened that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from sipwright.usecases.errors import Conflict, Forbidden, Invalid, UseCaseError
from sipwright.usecases.passwords import LEAST
from sipwright.web.pages.door import is_from_elsewhere, let_in
from sipwright.web.pages.plain import Answer, Entry, door_page, form, typed_into
from sipwright.web.pages.refusals import faults_of, refusal_of
from sipwright.web.visitors import prefix_of, visitor_of

if TYPE_CHECKING:
    from sipwright.usecases import UseCases

__all__ = ["SignUpPage"]

_CODE = Entry("code", "Invite code", hint="As it was given to you, such as abcd-efgh-jkmn-pqrs.", longest=40)
_ENTRIES = (
    Entry("name", "Name", autocomplete="username", hint="3 to 32 letters a-z, digits and . - _", longest=32),
    Entry("email", "Mail", "email", autocomplete="email", is_needed=False, longest=254,
          hint="For a new password, should you forget it. May be empty."),
    Entry("password", "Password", "password", autocomplete="new-password", longest=1_000, keeps=False,
          hint=f"At least {LEAST} letters."),
    Entry("again", "Type it again", "password", autocomplete="new-password", longest=1_000, keeps=False),
)  # fmt: skip
_FIELDS = {"name": "name", "email": "email", "password": "password", "again": "again"}
_LINKS = (("I have a user already", "/login"),)


class SignUpPage:
    """Makes users."""

    def __init__(self, usecases: UseCases) -> None:
        self._usecases = usecases

    async def show(self, request: Request) -> Response:
        """Show the form; an invite can be in the address."""
        return self._form(request, {"code": request.query_params.get("code", "")[:40]})

    async def sign_up(self, request: Request) -> Response:
        """Take the filled form: go on as somebody new, or say what is wrong with it."""
        if is_from_elsewhere(request):
            said = "Sign up on this page, please; another page has sent the form."
            return self._form(request, {}, said, answer=(403, {}))
        typed = await typed_into(request)
        try:
            if typed.get("password") != typed.get("again"):
                raise Invalid.of("again", "the two differ; type the same password twice")
            session = await self._usecases.signup.sign_up(
                visitor_of(request, "web"),
                typed.get("name", "").strip(),
                typed.get("password", ""),
                email=typed.get("email", "").strip() or None,
                invite=typed.get("code") or None,
            )
        except UseCaseError as error:
            said, answer = refusal_of(error)
            return self._form(request, typed, said, self._faults(error, said), answer)
        return let_in(request, session, "/")

    def _faults(self, error: UseCaseError, said: str) -> dict[str, str]:
        if isinstance(error, Conflict):
            return {"name": said}
        if isinstance(error, Forbidden) and self._usecases.signup.mode == "invite":
            return {"code": said}
        return faults_of(error, _FIELDS)

    def _form(
        self,
        request: Request,
        typed: dict[str, str],
        refusal: str = "",
        faults: dict[str, str] | None = None,
        answer: Answer = (200, {}),
    ) -> Response:
        mode = self._usecases.signup.mode
        if mode == "closed":
            about = "Nobody can sign up here. Ask an admin of this switch for a user."
            return door_page(request, "Sign up", about, links=_LINKS, answer=(403, {}))
        code = (replace(_CODE, autocomplete="one-time-code"),) if mode == "invite" else ()
        inside = form(
            f"{prefix_of(request)}/signup", (*code, *_ENTRIES), "Sign up", values=typed, faults=faults or {}, hidden={}
        )  # fmt: skip
        about = "A user of your own: your phones, your providers, and dialplans that decide what becomes of your calls."
        return door_page(request, "Sign up", about, inside, refusal=refusal, links=_LINKS, answer=answer)
