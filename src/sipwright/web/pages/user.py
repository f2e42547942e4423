"""``/users/{name}``: one person: role, mail, limits, a new password, and a way back in for who is locked out."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from nicegui.events import GenericEventArguments

from sipwright.usecases.errors import Invalid
from sipwright.usecases.users import UserChange, UserView
from sipwright.web.pages.elements import actions, button, card, facts, pill, tag
from sipwright.web.pages.format import browser
from sipwright.web.pages.layout import frame
from sipwright.web.pages.removal import Removal
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Table

__all__ = ["show"]

_ROLES = (("user", "user"), ("admin", "admin: sees everything"))
_LIMITS = {
    "script_runs": ("Scripts at once", "Runs of dialplans that go on."),
    "script_runs_per_minute": ("Scripts a minute", ""),
    "script_seconds_per_minute": ("Seconds of computing", "What scripts may compute in a minute."),
    "longest_call": ("Longest call", "In seconds; 0 for none."),
}
_COLUMNS = (
    {"key": "where", "label": "From"},
    {"key": "face", "label": "By"},
    {"key": "seen", "label": "Seen", "whole": True},
    {"key": "act", "label": "End", "unseen": True},
)


async def show(visit: Visit) -> None:
    """Make the page."""
    user = await visit.usecases.users.get(visit.actor, visit.request.path_params["name"])
    await _UserPage(visit, user).build()


class _UserPage:
    """One user in one browser."""

    def __init__(self, visit: Visit, user: UserView) -> None:
        self.visit = visit
        self.user = user
        self.users = visit.usecases.users

    async def build(self) -> None:
        """Make the page."""
        user = self.user
        with frame(self.visit, user.name, back=("Users", "/users")) as head:
            removal = self._removal()
            with head:
                pill(user.role, "busy" if user.role == "admin" else "")
                button("Remove user", removal.open, kind="danger")
            with tag("div", "halves"):
                with tag("div", "stack wide"):
                    self._settings()
                with tag("div", "stack wide"):
                    with tag("div", "pair"):
                        self._password()
                        self._access()
                    await self._sessions()

    def _settings(self) -> None:
        user = self.user
        with card("Settings"):
            with tag("div", "fields"):
                self.role = Field("Role", user.role, kind="select", options=_ROLES)
                self.email = Field("Mail", user.email or "", hint="A link to a new password goes there.")
                zones = [(name, "") for name in sorted(available_timezones())]
                self.zone = Field("Time zone", user.timezone, options=zones)
            tag("h3", "", "Limits")
            tag("p", "quiet small", "Empty for what [dialplan] and [sip] in the settings say for everybody.")
            with tag("div", "fields"):
                self.limits = {
                    name: Field(label, _shown(getattr(user, name)), hint=hint or None)
                    for name, (label, hint) in _LIMITS.items()
                }
            with actions():
                button("Save settings", self._save, kind="main")

    async def _save(self) -> None:
        fields = {"role": self.role, "email": self.email, "timezone": self.zone, **self.limits}

        async def save() -> None:
            change = UserChange(
                role=str(self.role.value),
                timezone=str(self.zone.value).strip(),
                email=str(self.email.value).strip(),
                limits={name: _number(field, name) for name, field in self.limits.items()},
            )
            name, etag = self.user.name, self.user.etag
            self.user = await self.users.change(self.visit.actor, name, change, if_match=etag)

        if await self.visit.attempt(save, **fields):
            self.visit.say("Saved. It counts from now on.")

    def _password(self) -> None:
        with card("Password"):
            tag("p", "quiet small", "For who has forgotten theirs. All their sessions end.")
            password = Field("New password", kind="password", autocomplete="new-password")

            async def give() -> None:
                work = self.users.set_password
                if await self.visit.attempt(
                    lambda: work(self.visit.actor, self.user.name, str(password.value)), password=password
                ):
                    password.value = ""
                    self.visit.say(f"{self.user.name} logs in with the new password from now on.")

            with actions():
                button("Give new password", give)

    def _access(self) -> None:
        with card("Getting in"):
            facts([
                ("One-time codes", "on" if self.user.totp else "off"),
                ("Since", self.visit.moment(self.user.created_at)),
            ])  # fmt: skip
            tag(
                "p",
                "quiet small",
                "Too many wrong passwords lock a name for a while; unlock lets them try at once.",
            )
            with actions():
                button("Unlock", self._unlock)
                if self.user.totp:
                    button("Turn codes off", self._codes_off, kind="danger")

    async def _unlock(self) -> None:
        if await self.visit.attempt(lambda: self.users.unlock(self.visit.actor, self.user.name)):
            self.visit.say(f"{self.user.name} may try again.")

    async def _codes_off(self) -> None:
        if await self.visit.attempt(lambda: self.users.totp_off(self.visit.actor, self.user.name)):
            self.visit.go(f"/users/{self.user.name}")

    async def _sessions(self) -> None:
        page = await self.visit.usecases.sessions.list(self.visit.actor, user=self.user.name, limit=50)
        rows: list[dict[str, Any]] = [
            {
                "id": str(session.id),
                "where": {"text": session.address or "here", "under": browser(session.user_agent)},
                "face": session.face,
                "seen": self.visit.moment(session.seen_at),
                "act": {"actions": [{"name": "end", "label": "End"}], "of": f"session {session.id}"},
            }
            for session in page
        ]

        async def end(event: GenericEventArguments) -> None:
            number = int(event.args["id"])
            if await self.visit.attempt(
                lambda: self.visit.usecases.sessions.remove(self.visit.actor, number)
            ):
                self.visit.go(f"/users/{self.user.name}")

        with card("Sessions", flush=True):
            if rows:
                Table("Sessions", _COLUMNS, rows, on_act=end, testid="session")
            else:
                with tag("div", "empty"):
                    tag("p", "", "Nobody is logged in by this name.")

    def _removal(self) -> Removal:
        name = self.user.name

        async def remove(_is_forced: bool) -> None:
            await self.users.remove(self.visit.actor, name)

        about = (
            f"{name} can no longer log in. Who still owns accounts, providers or dialplans is not removed: remove "
            "those first."
        )
        return Removal(self.visit, "user", about, remove, then="/users", keep="Keep them")


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _number(field: Field, name: str) -> float | None:
    typed = str(field.value).strip()
    if not typed:
        return None
    try:
        found = float(typed)
    except ValueError:
        raise Invalid.of(name, "write a number such as 10, or nothing") from None
    return int(found) if found == int(found) else found
