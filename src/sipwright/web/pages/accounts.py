"""``/accounts``: the SIP accounts that there are, found and added; 2,000 of them are paged in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sipwright.store.admin.specs import AccountSpec
from sipwright.usecases.accounts import AccountView
from sipwright.web.pages.choices import plan_options
from sipwright.web.pages.elements import actions, button, card, tag
from sipwright.web.pages.found_list import FoundList
from sipwright.web.pages.layout import frame
from sipwright.web.pages.standing import account_state
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal, Table

__all__ = ["show"]

ON_PAGE = 50
_COLUMNS = (
    {"key": "account", "label": "Account"},
    {"key": "state", "label": "Phones"},
    {"key": "user", "label": "User"},
    {"key": "out", "label": "Calls out run"},
    {"key": "in", "label": "Calls in run"},
    {"key": "act", "label": "Open", "unseen": True},
)


async def show(visit: Visit) -> None:
    """Make the page."""
    await _Accounts(visit).build()


class _Accounts:
    """The list in one browser."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.accounts = FoundList(
            visit, ON_PAGE, visit.usecases.accounts.list, _show,
            one="an account", many="accounts", looked_in="the name, the domain and the user", none=self._none,
        )  # fmt: skip

    async def build(self) -> None:
        """Make the page."""
        with frame(self.visit, "Accounts", "Names and passwords with which phones register.") as head:
            self.new = await self._new_dialog()
            with head:
                button("Add account", self.new.open, kind="main")
            with card("All accounts", flush=True):
                await self.accounts.build()

    def _none(self) -> None:
        tag("h3", "", "No accounts yet")
        tag("p", "", "Make one for each phone. Its page then says what to type into the phone.")
        button("Add the first account", self.new.open, kind="main")

    async def _new_dialog(self) -> Modal:
        visit = self.visit
        with Modal("Add an account") as modal:
            name = Field(
                "Name", hint="Such as alice or 101; alice@example.org for another domain than the usual."
            )
            password = Field(
                "Password", kind="password", autocomplete="new-password", hint="What the phone logs in with."
            )
            out = Field(
                "Calls out run",
                kind="select",
                options=await plan_options(visit, "no dialplan: accounts here only"),
            )
            in_ = Field(
                "Calls in run",
                kind="select",
                options=await plan_options(visit, "no dialplan: its phones ring"),
            )

            async def add() -> None:
                spec = AccountSpec(
                    str(name.value).strip(),
                    str(password.value),
                    None,
                    str(out.value) or None,
                    str(in_.value) or None,
                )
                made: list[AccountView] = []

                async def make() -> None:
                    made.append(await visit.usecases.accounts.create(visit.actor, spec))

                if await visit.attempt(make, name=name, password=password, out_plan=out, in_plan=in_):
                    visit.go(f"/accounts/{made[0].account}")

            with actions(end=True):
                button("Cancel", modal.close)
                button("Add", add, kind="main")
            password.on_enter(add)
        return modal


def _show(accounts: Sequence[AccountView]) -> None:
    Table("Accounts", _COLUMNS, [_row(account) for account in accounts], testid="account")


def _row(account: AccountView) -> dict[str, Any]:
    target = f"/accounts/{account.account}"
    return {
        "id": account.account,
        "account": {"text": account.account, "href": target},
        "state": account_state(account),
        "user": account.user,
        "out": account.out_plan or "accounts here only",
        "in": account.in_plan or "its phones ring",
        "act": {"actions": [{"name": "open", "label": "Open", "href": target}], "of": account.account},
    }
