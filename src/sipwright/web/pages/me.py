"""``/me``: what is one's own: the password, and who else is logged in by one's name."""

from __future__ import annotations

from typing import Any

from nicegui.events import GenericEventArguments

from sipwright.usecases.errors import Invalid
from sipwright.web.pages.elements import actions, button, card, facts
from sipwright.web.pages.layout import frame
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Table

__all__ = ["show"]


async def show(visit: Visit) -> None:
    """Make the page."""
    me = await visit.usecases.me.get(visit.actor)
    with frame(visit, me.name, "What is your own: password and sessions.", narrow=True):
        with card("You"):
            facts([
                ("Name", me.name), ("Role", me.role), ("Time zone", me.timezone), ("Mail", me.email or "none"),
                ("One-time codes", "on" if me.totp else "off"),
            ])  # fmt: skip
        _password(visit)
        await _sessions(visit)


def _password(visit: Visit) -> None:
    with card("Password"):
        old = Field("Current password", kind="password", autocomplete="current-password")
        new = Field("New password", kind="password", autocomplete="new-password")
        again = Field("New password again", kind="password", autocomplete="new-password")

        async def change() -> None:
            if new.value != again.value:
                raise Invalid.of("again", "the two differ; type the same password twice")
            await visit.usecases.me.set_password(visit.actor, str(old.value), str(new.value))

        async def changed() -> None:
            if await visit.attempt(change, old=old, new=new, password=new, again=again):
                old.value = new.value = again.value = ""
                visit.say("Your password is changed. Other sessions have ended.")

        with actions():
            button("Change password", changed, kind="main")


async def _sessions(visit: Visit) -> None:
    page = await visit.usecases.sessions.list(visit.actor, limit=100)
    rows: list[dict[str, Any]] = [
        {
            "id": str(session.id),
            "where": {"text": session.address or "here", "under": (session.user_agent or "")[:80]},
            "face": {"text": session.face, "under": "this one" if session.current else None},
            "seen": visit.moment(session.seen_at),
            "act": ""
            if session.current
            else {"actions": [{"name": "end", "label": "End"}], "of": f"session {session.id}"},
        }
        for session in page
    ]
    columns = (
        {"key": "where", "label": "From"},
        {"key": "face", "label": "By"},
        {"key": "seen", "label": "Seen", "whole": True},
        {"key": "act", "label": "End", "unseen": True},
    )

    async def end(event: GenericEventArguments) -> None:
        number = int(event.args["id"])
        if await visit.attempt(lambda: visit.usecases.sessions.remove(visit.actor, number)):
            visit.go("/me")

    with card("Sessions", flush=True):
        Table("Sessions", columns, rows, on_act=end, testid="session")
