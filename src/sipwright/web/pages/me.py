"""``/me``: what is one's own: time zone and mail, password, codes, sessions, tokens and keys."""

from __future__ import annotations

from functools import partial
from typing import Any
from zoneinfo import available_timezones

from nicegui.events import GenericEventArguments

from sipwright.usecases.errors import Invalid
from sipwright.usecases.me import MeView
from sipwright.web.pages.elements import actions, button, card, facts, tag
from sipwright.web.pages.format import browser
from sipwright.web.pages.layout import CHOOSE_THEME, frame
from sipwright.web.pages.me_codes import Codes
from sipwright.web.pages.me_keys import Keys
from sipwright.web.pages.me_tokens import Tokens
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal, Table

__all__ = ["show"]

_COLUMNS = (
    {"key": "where", "label": "From"},
    {"key": "face", "label": "By"},
    {"key": "seen", "label": "Seen", "whole": True},
    {"key": "act", "label": "End", "unseen": True},
)
_FACES = {"web": "the pages", "ssh": "SSH", "rest": "REST", "cli": "the command line"}
_THEMES = (("", "as the system says"), ("light", "light"), ("dark", "dark"))


async def show(visit: Visit) -> None:
    """Make the page."""
    me = await visit.usecases.me.get(visit.actor)
    about = (
        "What is your own: how you log in, who else is logged in by your name, and what your programs show."
    )
    with frame(visit, me.name, about), tag("div", "halves"):
        with tag("div", "stack wide"):
            with tag("div", "pair"):
                _yourself(visit, me)
                _password(visit)
            Codes(visit, me).build()
        with tag("div", "stack wide"):
            await _sessions(visit)
            await Tokens(visit).build()
            await Keys(visit).build()


def _yourself(visit: Visit, me: MeView) -> None:
    with card("You"):
        facts([("Name", me.name), ("Role", me.role), ("Mail", me.email or "none")])
        zone = Field(
            "Time zone", me.timezone, options=[(name, "") for name in sorted(available_timezones())],
            hint="Times and days are shown in it, on every page.",
        )  # fmt: skip
        theme = Field("Theme", "", kind="select", options=_THEMES, hint="In this browser.")
        theme.on("change", js_handler=CHOOSE_THEME)
        theme.props["stored"] = "theme"
        mail = _mail_dialog(visit, me)

        async def save() -> None:
            wanted = str(zone.value).strip()
            if await visit.attempt(
                lambda: visit.usecases.me.change(visit.actor, timezone=wanted), timezone=zone
            ):
                visit.go("/me")

        with actions():
            button("Save time zone", save, kind="main")
            button("Change mail", mail.open)


def _mail_dialog(visit: Visit, me: MeView) -> Modal:
    with Modal("Another mail address") as modal:
        email = Field(
            "Mail", me.email or "", hint="A link to a new password goes there. Empty for none.", autocomplete="email"
        )  # fmt: skip
        password = Field("Password, as proof", kind="password", autocomplete="current-password")

        async def save() -> None:
            typed, proof = str(email.value).strip(), str(password.value)
            change = visit.usecases.me.change
            if await visit.attempt(
                lambda: change(visit.actor, email=typed, password=proof), email=email, password=password
            ):
                visit.go("/me")

        password.on_enter(save)
        with actions(end=True):
            button("Cancel", modal.close)
            button("Save mail", save, kind="main")
    return modal


def _password(visit: Visit) -> None:
    with card("Password"):
        old = Field("Current password", kind="password", autocomplete="current-password")
        new = Field("New password", kind="password", autocomplete="new-password", hint="At least 8 letters.")
        again = Field("Type it again", kind="password", autocomplete="new-password")

        async def change() -> None:
            if new.value != again.value:
                raise Invalid.of("again", "the two differ; type the same password twice")
            await visit.usecases.me.set_password(visit.actor, str(old.value), str(new.value))

        async def changed() -> None:
            if await visit.attempt(change, old=old, new=new, password=new, again=again):
                old.value = new.value = again.value = ""
                visit.say("Your password is changed. Other sessions have ended.")

        again.on_enter(changed)
        with actions():
            button("Change password", changed, kind="main")


async def _sessions(visit: Visit) -> None:
    page = await visit.usecases.sessions.list(visit.actor, limit=100)
    others = [session.id for session in page if not session.current]
    rows: list[dict[str, Any]] = [
        {
            "id": str(session.id),
            "where": {"text": session.address or "here", "under": browser(session.user_agent)},
            "face": {
                "text": _FACES.get(session.face, session.face),
                "under": "this one" if session.current else None,
            },
            "seen": visit.moment(session.seen_at),
            "act": ""
            if session.current
            else {"actions": [{"name": "end", "label": "End"}], "of": f"session {session.id}"},
        }
        for session in page
    ]

    async def end(event: GenericEventArguments) -> None:
        number = int(event.args["id"])
        if await visit.attempt(lambda: visit.usecases.sessions.remove(visit.actor, number)):
            visit.go("/me")

    async def end_others() -> None:
        for number in others:
            if not await visit.attempt(partial(visit.usecases.sessions.remove, visit.actor, number)):
                return
        visit.go("/me")

    with card("Sessions", flush=True) as box:
        if others:
            with box.head:
                button("End all others", end_others, kind="small")
        Table("Sessions", _COLUMNS, rows, on_act=end, testid="session")
