"""``/users``: the people who log in, and invites for those who are to come; for admins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sipwright.usecases.users import UserSpec, UserView
from sipwright.web.pages.elements import actions, button, card, pill, tag
from sipwright.web.pages.found_list import FoundList
from sipwright.web.pages.invites import Invites
from sipwright.web.pages.layout import frame
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal, Table

__all__ = ["show"]

ON_PAGE = 100
_COLUMNS = (
    {"key": "name", "label": "Name"},
    {"key": "role", "label": "Role"},
    {"key": "code", "label": "One-time codes"},
    {"key": "email", "label": "Mail"},
    {"key": "since", "label": "Since", "whole": True},
    {"key": "act", "label": "Open", "unseen": True},
)
_MODES = {
    "closed": "Sign-up is closed: an admin makes users.",
    "invite": "Whoever has an invite code can sign up.",
    "open": "Everybody can sign up.",
}


async def show(visit: Visit) -> None:
    """Make the page."""
    await _Users(visit).build()


class _Users:
    """The list in one browser."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.users = FoundList(
            visit, ON_PAGE, visit.usecases.users.list, self._show,
            one="a user", many="users", looked_in="the names",
        )  # fmt: skip

    async def build(self) -> None:
        """Make the page."""
        await self.visit.usecases.users.list(
            self.visit.actor, limit=1
        )  # whoever may not is told before all else
        about = "People who log in. Each sees only what is theirs; an admin sees everything."
        with frame(self.visit, "Users", about) as head:
            new = self._new_dialog()
            with head:
                button("Add user", new.open, kind="main")
            with card("All users", flush=True):
                await self.users.build()
            await self._signing_up()

    async def _signing_up(self) -> None:
        mode = self.visit.usecases.signup.mode
        with card("Sign-up", flush=mode == "invite") as box:
            with box.head:
                pill(mode, "" if mode == "closed" else "good", data_testid="signup-mode")
            about = f"{_MODES[mode]} [web] signup in sipwright.toml says who may: closed, invite or open."
            tag("p", "quiet inset" if mode == "invite" else "quiet", about)
            if mode == "invite":
                await Invites(self.visit).build(box.head)

    def _show(self, users: Sequence[UserView]) -> None:
        Table("Users", _COLUMNS, [_row(self.visit, user) for user in users], testid="user")

    def _new_dialog(self) -> Modal:
        with Modal("Add a user") as modal:
            name = Field("Name", autocomplete="off")
            password = Field(
                "Password", kind="password", autocomplete="new-password", hint="They can change it under their name."
            )  # fmt: skip
            role = Field(
                "Role", "user", kind="select", options=(("user", "user"), ("admin", "admin: sees everything"))
            )
            email = Field("Mail", hint="For a new password, where mail is set up. May be empty.")

            async def add() -> None:
                spec = UserSpec(
                    str(name.value).strip(),
                    str(password.value),
                    str(role.value),
                    email=str(email.value).strip() or None,
                )
                fields = {"name": name, "password": password, "role": role, "email": email}
                create = self.visit.usecases.users.create
                if await self.visit.attempt(lambda: create(self.visit.actor, spec), **fields):
                    self.visit.go("/users")

            with actions(end=True):
                button("Cancel", modal.close)
                button("Add", add, kind="main")
        return modal


def _row(visit: Visit, user: UserView) -> dict[str, Any]:
    target = f"/users/{user.name}"
    return {
        "id": user.name,
        "name": {"text": user.name, "href": target},
        "role": user.role,
        "code": {"text": "on", "state": "good"} if user.totp else "off",
        "email": user.email or "",
        "since": visit.moment(user.created_at),
        "act": {"actions": [{"name": "open", "label": "Open", "href": target}], "of": user.name},
    }
