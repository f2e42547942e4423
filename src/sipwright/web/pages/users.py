"""``/users``: the people who log in; only an admin sees them."""

from __future__ import annotations

from typing import Any

from sipwright.usecases.users import UserSpec, UserView
from sipwright.web.pages.elements import actions, button, card
from sipwright.web.pages.layout import frame
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal, Table

__all__ = ["show"]

_COLUMNS = (
    {"key": "name", "label": "Name"},
    {"key": "role", "label": "Role"},
    {"key": "code", "label": "One-time codes"},
    {"key": "email", "label": "Mail"},
    {"key": "since", "label": "Since", "whole": True},
)


async def show(visit: Visit) -> None:
    """Make the page."""
    page = await visit.usecases.users.list(visit.actor, limit=500)
    with frame(
        visit, "Users", "People who log in. Each sees only what is theirs; an admin sees everything."
    ) as head:
        new = _new_dialog(visit)
        with head:
            button("Add user", new.open, kind="main")
        with card("All users", flush=True):
            Table("Users", _COLUMNS, [_row(visit, user) for user in page], testid="user")


def _new_dialog(visit: Visit) -> Modal:
    with Modal("Add a user") as modal:
        name = Field("Name", autocomplete="off")
        password = Field(
            "Password",
            kind="password",
            autocomplete="new-password",
            hint="They can change it under their name.",
        )
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
            if await visit.attempt(lambda: visit.usecases.users.create(visit.actor, spec), **fields):
                visit.go("/users")

        with actions(end=True):
            button("Cancel", modal.close)
            button("Add", add, kind="main")
    return modal


def _row(visit: Visit, user: UserView) -> dict[str, Any]:
    return {
        "id": user.name,
        "name": user.name,
        "role": user.role,
        "code": {"text": "on", "state": "good"} if user.totp else "off",
        "email": user.email or "",
        "since": visit.moment(user.created_at),
    }
