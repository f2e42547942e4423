"""``/accounts``: the SIP accounts that there are, found and added; 2,000 of them are paged in the database."""

from __future__ import annotations

from typing import Any

from sipwright.store.admin.specs import AccountSpec
from sipwright.usecases.accounts import AccountView
from sipwright.web.pages.elements import actions, button, card, tag
from sipwright.web.pages.format import plural
from sipwright.web.pages.layout import frame
from sipwright.web.pages.pager import Pager
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Modal, Table, search_field

__all__ = ["plan_options", "show", "state_of"]

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


async def plan_options(visit: Visit, nothing: str) -> list[tuple[str, str]]:
    """Return the dialplans that an account or a provider can name."""
    page = await visit.usecases.dialplans.list(visit.actor, limit=500)
    return [("", nothing), *((name, name) for name in sorted({plan.dialplan for plan in page}))]


def state_of(account: AccountView) -> dict[str, str]:
    """Return what a table shows of the phones of an account."""
    if account.fault:
        return {"text": "cannot be used", "state": "bad", "under": account.fault}
    if not account.enabled:
        return {"text": "switched off", "state": "warn"}
    if account.bindings:
        return {"text": f"{plural(account.bindings, 'phone')} registered", "state": "good"}
    return {"text": "not registered", "state": "none"}


class _Accounts:
    """The list in one browser."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.query = visit.query.get("q", "")
        self.pager = Pager(ON_PAGE, self._load)

    async def build(self) -> None:
        """Make the page."""
        with frame(self.visit, "Accounts", "Names and passwords with which phones register.") as head:
            new = await self._new_dialog()
            with head:
                button("Add account", new.open, kind="main")
            with card("All accounts", flush=True):
                with tag("div", "card-head").style("padding-top: 0"):
                    search_field("Find an account", self.query, self._find)
                self.room = tag("div")
                self.pager.build("Pages of accounts", "Back", "Next")
            self.new = new
            await self._load()

    async def _find(self, query: str) -> None:
        self.query = query.strip()
        self.pager.rewind()
        await self._load()

    async def _load(self) -> None:
        query = self.query
        page = await self.visit.usecases.accounts.list(
            self.visit.actor, q=query or None, limit=ON_PAGE, cursor=self.pager.cursor
        )
        if query != self.query:
            return
        self.pager.tell(len(page), page.next)
        self.room.clear()
        with self.room:
            if page.items:
                Table("Accounts", _COLUMNS, [_row(account) for account in page], testid="account")
            else:
                self._nothing()

    def _nothing(self) -> None:
        with tag("div", "empty"):
            if self.query:
                tag("h3", "", f"No account fits “{self.query}”")
                tag("p", "", "It is looked for in the name, the domain and the user.")
            else:
                tag("h3", "", "No accounts yet")
                tag(
                    "p",
                    "",
                    "Make one for each phone. Its page then says what to type into the phone.",
                )
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
            password.on("enter", add)
        return modal


def _row(account: AccountView) -> dict[str, Any]:
    target = f"/accounts/{account.account}"
    return {
        "id": account.account,
        "account": {"text": account.account, "href": target},
        "state": state_of(account),
        "user": account.user,
        "out": account.out_plan or "",
        "in": account.in_plan or "its phones ring",
        "act": {"actions": [{"name": "open", "label": "Open", "href": target}], "of": account.account},
    }
