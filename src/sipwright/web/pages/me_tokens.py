"""API tokens on ``/me``: what one's own programs show to REST; each is shown once, when it is made."""

from __future__ import annotations

from typing import Any

from nicegui.events import GenericEventArguments

from sipwright.usecases.actor import ALL_SCOPES
from sipwright.usecases.errors import Invalid
from sipwright.usecases.tokens import IssuedToken, TokenView
from sipwright.web.pages.elements import actions, button, card, copy_button, note, tag
from sipwright.web.pages.format import ago
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal, Table

__all__ = ["Tokens"]

_COLUMNS = (
    {"key": "name", "label": "Token"},
    {"key": "scopes", "label": "It may"},
    {"key": "used", "label": "Used", "whole": True},
    {"key": "until", "label": "Good until", "whole": True},
    {"key": "act", "label": "Revoke", "unseen": True},
)
_SCOPES = (("read", "read: look at everything of yours", True), ("write", "write: change it", False),
           ("call", "call: place and end calls", False))  # fmt: skip


class Tokens:
    """The card of tokens."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    async def build(self) -> None:
        """Make the card."""
        self._new_dialog()
        with card("API tokens", flush=True) as box:
            with box.head:
                button("Add token", self._new.open, kind="small")
            self._issued = tag("div", "inset stack", role="status")
            self._room = tag("div")
        await self._load()

    async def _load(self) -> None:
        page = await self._visit.usecases.tokens.list(self._visit.actor, limit=100)
        self._room.clear()
        with self._room:
            if page.items:
                rows = [self._row(token) for token in page.items]
                Table("API tokens", _COLUMNS, rows, on_act=self._revoke, testid="token")
                return
            with tag("div", "empty"):
                tag("h3", "", "No tokens yet")
                tag("p", "", "A program that asks REST for something shows one: Authorization: Bearer TOKEN.")
                tag("a", "", "What REST can do", href=f"{self._visit.prefix}/api/v1/docs")

    def _row(self, token: TokenView) -> dict[str, Any]:
        return {
            "id": token.name,
            "name": {"text": token.name, "under": f"made {self._visit.moment(token.created_at)}"},
            "scopes": "everything of yours"
            if frozenset(token.scopes) == ALL_SCOPES
            else ", ".join(token.scopes),
            "used": ago(token.used_at, self._visit.usecases.ground.unix_time()),
            "until": self._visit.moment(token.expires_at) or "you revoke it",
            "act": {"actions": [{"name": "revoke", "label": "Revoke", "kind": "danger"}], "of": token.name},
        }

    async def _revoke(self, event: GenericEventArguments) -> None:
        name = str(event.args["id"])
        if await self._visit.attempt(lambda: self._visit.usecases.tokens.remove(self._visit.actor, name)):
            self._issued.clear()
            self._visit.say(f"{name} lets nobody in any more.")
            await self._load()

    def _new_dialog(self) -> None:
        with Modal("Add a token") as self._new:
            name = Field("Name of the token", hint="What it is for, such as backup or home-assistant.")
            scopes = {scope: Field(words, is_on, kind="check") for scope, words, is_on in _SCOPES}
            days = Field("Days", hint="For how long it is good. Empty for ever.", placeholder="for ever")

            async def make() -> None:
                chosen = [scope for scope, field in scopes.items() if field.value]
                with self._visit.telling(name=name, scopes=scopes["call"], days=days):
                    made = await self._visit.usecases.tokens.create(
                        self._visit.actor, str(name.value).strip(), scopes=chosen, days=_days(str(days.value))
                    )
                    self._new.close()
                    name.value = days.value = ""
                    self._show(made)
                    await self._load()

            name.on_enter(make)
            with actions(end=True):
                button("Cancel", self._new.close)
                button("Make token", make, kind="main")

    def _show(self, made: IssuedToken) -> None:
        self._issued.clear()
        with self._issued:
            note(f"This is {made.name}. Copy it now: it is shown this once.", "good")
            with tag("div", "row middle"):
                tag("code", "break", made.token, data_testid="token-secret")
                copy_button("Copy token", made.token)


def _days(typed: str) -> float | None:
    if not typed.strip():
        return None
    try:
        return float(typed)
    except ValueError:
        raise Invalid.of("days", "write a number of days such as 90, or nothing for ever") from None
