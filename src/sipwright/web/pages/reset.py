"""``/reset``: a link by mail for who has forgotten the password, and the new password of who comes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sipwright.usecases.errors import Invalid, UseCaseError
from sipwright.usecases.passwords import LEAST
from sipwright.web.pages.door import is_from_elsewhere
from sipwright.web.pages.plain import Answer, Entry, door_page, form, typed_into
from sipwright.web.pages.refusals import faults_of, refusal_of
from sipwright.web.visitors import prefix_of, visitor_of

if TYPE_CHECKING:
    from sipwright.usecases import UseCases

__all__ = ["ResetPage"]

_WHOM = Entry("whom", "Name or mail", autocomplete="username", longest=254)
_ENTRIES = (
    Entry("password", "New password", "password", autocomplete="new-password", longest=1_000, keeps=False,
          hint=f"At least {LEAST} letters."),
    Entry("again", "Type it again", "password", autocomplete="new-password", longest=1_000, keeps=False),
)  # fmt: skip
_FIELDS = {"password": "password", "new": "password", "again": "again"}
_LINKS = (("Back to log in", "/login"),)
_SENT = (
    "If there is a user of that name with a mail address, a link is on its way there. "
    "It is good for 30 minutes; look among unwanted mail, too."
)


class ResetPage:
    """Sends links, and takes new passwords."""

    def __init__(self, usecases: UseCases) -> None:
        self._usecases = usecases

    async def show(self, request: Request) -> Response:
        """Ask for whom a link is, or for the new password of who has come with one."""
        token = request.query_params.get("token", "")[:100]
        return self._choose(request, token) if token else self._ask(request)

    async def take(self, request: Request) -> Response:
        """Take either form."""
        if is_from_elsewhere(request):
            said = "Do it on this page, please; another page has sent the form."
            return self._ask(request, refusal=said, answer=(403, {}))
        typed = await typed_into(request)
        return await (self._reset(request, typed) if typed.get("token") else self._send(request, typed))

    async def _send(self, request: Request, typed: dict[str, str]) -> Response:
        try:
            await self._usecases.recovery.request(visitor_of(request, "web"), typed.get("whom", ""))
        except UseCaseError as error:
            said, answer = refusal_of(error)
            return self._ask(request, typed, refusal=said, answer=answer)
        return door_page(request, "Look into your mail", _SENT, links=_LINKS)

    async def _reset(self, request: Request, typed: dict[str, str]) -> Response:
        token = typed["token"][:100]
        try:
            if typed.get("password") != typed.get("again"):
                raise Invalid.of("again", "the two differ; type the same password twice")
            await self._usecases.recovery.reset(visitor_of(request, "web"), token, typed.get("password", ""))
        except UseCaseError as error:
            said, answer = refusal_of(error)
            return self._choose(request, token, said, faults_of(error, _FIELDS), answer)
        return RedirectResponse(f"{prefix_of(request)}/login?done=reset", 303)

    def _ask(
        self,
        request: Request,
        typed: dict[str, str] | None = None,
        *,
        refusal: str = "",
        answer: Answer = (200, {}),
    ) -> Response:
        title = "Forgotten your password?"
        if not self._usecases.recovery.is_open:
            about = "No mails are sent from here. Ask an admin of this switch for a new password."
            return door_page(request, title, about, links=_LINKS, answer=(403, {}))
        inside = form(
            f"{prefix_of(request)}/reset", (_WHOM,), "Send me a link", values=typed or {}, faults={}, hidden={}
        )  # fmt: skip
        about = "We send a link to your mail address, with which you choose another one."
        return door_page(request, title, about, inside, refusal=refusal, links=_LINKS, answer=answer)

    def _choose(
        self,
        request: Request,
        token: str,
        refusal: str = "",
        faults: dict[str, str] | None = None,
        answer: Answer = (200, {}),
    ) -> Response:
        inside = form(
            f"{prefix_of(request)}/reset", _ENTRIES, "Change password", values={}, faults=faults or {},
            hidden={"token": token},
        )  # fmt: skip
        links = (("Ask for another link", "/reset"), *_LINKS)
        about = "Choose the password that you log in with from now on. All your sessions end."
        return door_page(
            request, "A new password", about, inside, refusal=refusal, links=links, answer=answer
        )
