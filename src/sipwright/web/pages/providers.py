"""``/providers``: SIP services and trunks, found and paged, with their registrations, and the way to a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nicegui.events import GenericEventArguments

from sipwright.store.admin.specs import ProviderSpec
from sipwright.usecases.providers import ProviderView
from sipwright.web.pages.elements import actions, button, card, tag
from sipwright.web.pages.found_list import FoundList
from sipwright.web.pages.layout import frame
from sipwright.web.pages.standing import provider_state
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal, Table

__all__ = ["show"]

_COLUMNS = (
    {"key": "provider", "label": "Provider"},
    {"key": "state", "label": "State"},
    {"key": "in", "label": "Calls in go to"},
    {"key": "user", "label": "User"},
    {"key": "act", "label": "Test or open", "unseen": True},
)
ON_PAGE = 50


async def show(visit: Visit) -> None:
    """Make the page."""
    await _Providers(visit).build()


class _Providers:
    """The list in one browser."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.providers = FoundList(
            visit, ON_PAGE, visit.usecases.providers.list, self._show,
            one="a provider", many="providers", looked_in="the name and the server", none=self._none,
        )  # fmt: skip

    async def build(self) -> None:
        """Make the page."""
        about = "SIP services and trunks that bring calls in and take calls out."
        with frame(self.visit, "Providers", about) as head:
            self.new = _new_dialog(self.visit)
            with head:
                button("Add provider", self.new.open, kind="main")
            with card("All providers", flush=True):
                await self.providers.build()

    def _show(self, providers: Sequence[ProviderView]) -> None:
        rows = [_row(each, self.visit.now, self.visit) for each in providers]
        Table("Providers", _COLUMNS, rows, on_act=self._test, testid="provider")

    def _none(self) -> None:
        tag("h3", "", "No providers yet")
        about = "Add the service that you have a number with. Then dial 0123@its-name in a dialplan."
        tag("p", "", about)
        button("Add the first provider", self.new.open, kind="main")

    async def _test(self, event: GenericEventArguments) -> None:
        name, _, user = str(event.args["id"]).partition("|")
        with self.visit.telling():
            found = await self.visit.usecases.providers.test(self.visit.actor, name, user=user or None)
            told = f"{found.status} {found.reason}" if found.status else found.reason
            said = f"{name} answered {told} to {found.method} after {found.seconds:.2f} s."
            self.visit.say(said, bad=not found.ok)


def _new_dialog(visit: Visit) -> Modal:
    with Modal("Add a provider") as modal:
        name = Field("Name", hint="How dialplans call it: 0123@blueface.", placeholder="blueface")
        server = Field("Server", hint="Host, or host:port.", placeholder="sip.example.net")
        username = Field("User there", hint="Empty for a trunk that knows us by our address.")
        password = Field("Password", kind="password", autocomplete="new-password")
        register = Field("Register there, so that calls come in", True, kind="check")

        async def add() -> None:
            spec = ProviderSpec(
                str(name.value).strip(),
                str(server.value).strip(),
                username=str(username.value).strip(),
                password=str(password.value),
                register=bool(register.value) and bool(str(username.value).strip()),
            )
            fields = {
                "name": name,
                "server": server,
                "username": username,
                "password": password,
                "register": register,
            }
            if await visit.attempt(lambda: visit.usecases.providers.create(visit.actor, spec), **fields):
                visit.go(f"/providers/{spec.name}")

        with actions(end=True):
            button("Cancel", modal.close)
            button("Add", add, kind="main")
    return modal


def _row(provider: ProviderView, now: float, visit: Visit) -> dict[str, Any]:
    is_own = provider.user == visit.actor.name
    target = f"/providers/{provider.provider}" + ("" if is_own else f"?user={provider.user}")
    return {
        "id": f"{provider.provider}|{'' if is_own else provider.user}",
        "provider": {"text": provider.provider, "href": target, "under": provider.server},
        "state": provider_state(provider, now),
        "in": provider.calls_in,
        "user": provider.user,
        "act": {
            "actions": [{"name": "test", "label": "Test"}, {"name": "open", "label": "Open", "href": target}],
            "of": provider.provider,
        },
    }
