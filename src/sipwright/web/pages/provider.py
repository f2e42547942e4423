"""``/providers/{name}``: one provider: how we stand with it, what it answers when asked, and the numbers it brings.

Its settings are in ``provider_settings.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nicegui.events import GenericEventArguments

from sipwright.usecases.providers import ExchangedMessage, ProviderTest, ProviderView
from sipwright.web.pages.choices import plan_options
from sipwright.web.pages.elements import actions, button, card, facts, note, pill, tag
from sipwright.web.pages.layout import frame
from sipwright.web.pages.live import Ladder
from sipwright.web.pages.provider_settings import ProviderSettings
from sipwright.web.pages.removal import Removal
from sipwright.web.pages.standing import provider_state
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Table

__all__ = ["show"]


async def show(visit: Visit) -> None:
    """Make the page."""
    user = visit.query.get("user") or None
    provider = await visit.usecases.providers.get(visit.actor, visit.request.path_params["name"], user=user)
    await _ProviderPage(visit, provider, user).build()


class _ProviderPage:
    """One provider in one browser."""

    def __init__(self, visit: Visit, provider: ProviderView, user: str | None) -> None:
        self.visit = visit
        self.provider = provider
        self.user = user
        self.providers = visit.usecases.providers

    async def build(self) -> None:
        """Make the page."""
        provider = self.provider
        with frame(self.visit, provider.provider, back=("Providers", "/providers")) as head:
            removal = self._removal()
            with head:
                if provider.register:
                    button("Register now", lambda: self._test("REGISTER"), kind="main")
                button("Ask with OPTIONS", lambda: self._test("OPTIONS"))
                button("Remove provider", removal.open, kind="danger")
            with tag("div", "split"):
                with tag("div", "stack wide"):
                    self.state = tag("div")
                    self._draw_state()
                    with card("Exchange", flush=True):
                        self.exchange = tag("div", role="status")
                    await ProviderSettings(self.visit, provider, self.user, self._saved).build()
                await self._numbers()
            last = await self.providers.last_test(self.visit.actor, provider.provider, user=self.user)
            if last is None:
                self._show(())
            else:
                self._show(last.test.exchange, last.test, self.visit.moment(last.at))

    def _draw_state(self) -> None:
        provider = self.provider
        state = provider_state(provider, self.visit.now)
        self.state.clear()
        with self.state, card("How we stand"):
            with tag("div", "row middle"):
                pill(state["text"], state["state"])
                if state.get("under"):
                    tag("span", "quiet", state["under"])
            facts(
                [
                    ("Server", provider.server),
                    ("User there", provider.username or "none: it knows us by our address"),
                    ("Calls in go to", provider.calls_in),
                    *([("Calls from", ", ".join(provider.networks))] if provider.networks else []),
                ]
            )

    def _show(
        self, exchange: Sequence[ExchangedMessage], told: ProviderTest | None = None, when: str = "now"
    ) -> None:
        self.exchange.clear()
        with self.exchange:
            if told is not None:
                answer = f"{told.status} {told.reason}" if told.status else told.reason
                with tag("div").style("padding: 0 var(--space-5) var(--space-4)"):
                    note(
                        f"{answer}, {told.seconds:.2f} s after {told.method}, {when}.",
                        "good" if told.ok else "bad",
                    )
            if not exchange:
                with tag("div", "empty"):
                    tag(
                        "p",
                        "",
                        "Ask it now to see what it answers, message by message.",
                    )
                return
            items = [
                {
                    "at": each.at, "kind": "message", "from": 0 if each.is_to_provider else 1,
                    "to": 1 if each.is_to_provider else 0, "label": each.label, "text": each.text, "flow": "",
                    "look": "" if each.is_to_provider else "good" if each.label[:1] == "2" else "fail",
                }
                for each in exchange
            ]  # fmt: skip
            Ladder(items, ["switch", self.provider.provider])

    async def _test(self, method: str) -> None:
        with self.visit.telling():
            name = self.provider.provider
            found = await self.providers.test(self.visit.actor, name, method=method, user=self.user)
            self._show(found.exchange, found)
            self.provider = await self.providers.get(self.visit.actor, name, user=self.user)
            self._draw_state()

    def _saved(self, provider: ProviderView) -> None:
        self.provider = provider
        self._draw_state()

    # --- numbers of a trunk ---

    async def _numbers(self) -> None:
        with card("Numbers of its own"):
            tag(
                "p",
                "quiet small",
                "Who takes the calls to which of its numbers; x is any digit, * at the end the rest.",
            )
            self.numbers = tag("div", "stack")
            self._draw_numbers()
            with tag("div", "fields"):
                self.number = Field("Number", placeholder="+3531555010x")
                self.number_account = Field("Account", placeholder="alice")
                self.number_plan = Field(
                    "Or a dialplan", kind="select", options=await plan_options(self.visit, "none")
                )
            with actions():
                button("Add number", self._add_number)

    def _draw_numbers(self) -> None:
        self.numbers.clear()
        with self.numbers:
            if not self.provider.numbers:
                return
            rows: list[dict[str, Any]] = [
                {
                    "id": each.number, "number": each.number, "to": each.calls_in,
                    "act": {"actions": [{"name": "remove", "label": "Remove"}], "of": each.number},
                }
                for each in self.provider.numbers
            ]  # fmt: skip
            columns: list[dict[str, Any]] = [
                {"key": "number", "label": "Number"},
                {"key": "to", "label": "Goes to"},
                {"key": "act", "label": "Remove", "unseen": True},
            ]
            Table("Numbers", columns, rows, on_act=self._remove_number)

    async def _add_number(self) -> None:
        async def add() -> None:
            self.provider = await self.providers.add_number(
                self.visit.actor,
                self.provider.provider,
                str(self.number.value).strip(),
                account=str(self.number_account.value).strip() or None,
                in_plan=str(self.number_plan.value) or None,
                user=self.user,
            )

        fields = {"number": self.number, "account": self.number_account, "in_plan": self.number_plan}
        if await self.visit.attempt(add, **fields):
            self.number.value = ""
            self._draw_numbers()

    async def _remove_number(self, event: GenericEventArguments) -> None:
        with self.visit.telling():
            self.provider = await self.providers.remove_number(
                self.visit.actor, self.provider.provider, str(event.args["id"]), user=self.user
            )
            self._draw_numbers()

    def _removal(self) -> Removal:
        name = self.provider.provider

        async def remove(_is_forced: bool) -> None:
            await self.providers.remove(self.visit.actor, name, user=self.user)

        about = f"Nobody can call by {name} then, and its calls are refused. Call records stay."
        return Removal(self.visit, "provider", about, remove, then="/providers")
