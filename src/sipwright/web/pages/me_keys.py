"""SSH keys on ``/me``: with which one logs in at the console without a password."""

from __future__ import annotations

from typing import Any

from nicegui.events import GenericEventArguments

from sipwright.usecases.keys import KeyView
from sipwright.web.pages.elements import actions, button, card, tag
from sipwright.web.pages.format import ago
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal, Table

__all__ = ["Keys"]

_COLUMNS = (
    {"key": "name", "label": "Key"},
    {"key": "fingerprint", "label": "Fingerprint"},
    {"key": "used", "label": "Used", "whole": True},
    {"key": "act", "label": "Remove", "unseen": True},
)


class Keys:
    """The card of keys."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    async def build(self) -> None:
        """Make the card."""
        self._new_dialog()
        with card("SSH keys", flush=True) as box:
            with box.head:
                button("Add key", self._new.open, kind="small")
            self._room = tag("div")
        await self._load()

    async def _load(self) -> None:
        page = await self._visit.usecases.keys.list(self._visit.actor)
        self._room.clear()
        with self._room:
            if page.items:
                rows = [self._row(key) for key in page.items]
                Table("SSH keys", _COLUMNS, rows, on_act=self._remove, testid="key")
                return
            with tag("div", "empty"):
                tag("h3", "", "No keys yet")
                tag("p", "", self._about())

    def _about(self) -> str:
        listen = self._visit.usecases.ground.settings.ssh.listen
        if not listen:
            return "The console listens nowhere: [ssh] listen in the settings says where it would."
        port = listen.rpartition(":")[2]
        return f"With one, ssh -p {port} {self._visit.actor.name}@this-host shows the console and asks for no password."

    def _row(self, key: KeyView) -> dict[str, Any]:
        return {
            "id": key.name,
            "name": {"text": key.name, "under": key.kind},
            "fingerprint": {"text": key.fingerprint, "code": True},
            "used": ago(key.used_at, self._visit.usecases.ground.unix_time()),
            "act": {"actions": [{"name": "remove", "label": "Remove", "kind": "danger"}], "of": key.name},
        }

    async def _remove(self, event: GenericEventArguments) -> None:
        name = str(event.args["id"])
        if await self._visit.attempt(lambda: self._visit.usecases.keys.remove(self._visit.actor, name)):
            self._visit.say(f"{name} lets nobody in any more.")
            await self._load()

    def _new_dialog(self) -> None:
        with Modal("Add an SSH key") as self._new:
            public_key = Field(
                "Public key", kind="textarea", rows=4, placeholder="ssh-ed25519 AAAA... you@laptop",
                hint="The line in ~/.ssh/id_ed25519.pub. Never the file without .pub.",
            )  # fmt: skip
            name = Field("Name of the key", hint="Empty for what stands at the end of the line.")

            async def add() -> None:
                with self._visit.telling(public_key=public_key, name=name):
                    await self._visit.usecases.keys.create(
                        self._visit.actor, str(public_key.value), str(name.value).strip() or None
                    )
                    self._new.close()
                    public_key.value = name.value = ""
                    await self._load()

            with actions(end=True):
                button("Cancel", self._new.close)
                button("Add the key", add, kind="main")
