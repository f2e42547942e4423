"""``/accounts/{name}``: one account: its phones, what to type into the next one, and what its calls run."""

from __future__ import annotations

import io
from typing import Any

import segno
from nicegui.elements.html import Html
from nicegui.events import GenericEventArguments

from sipwright.sip.digest import ALGORITHMS
from sipwright.store.admin.specs import AccountChange
from sipwright.usecases.accounts import AccountDetail
from sipwright.usecases.phone_settings import PhoneSettings
from sipwright.web.pages.account_lamps import Members, MessageLamp, WatchedBy
from sipwright.web.pages.choices import plan_options
from sipwright.web.pages.elements import actions, button, card, facts, pill, tag
from sipwright.web.pages.format import ago, plural
from sipwright.web.pages.layout import frame
from sipwright.web.pages.removal import Removal
from sipwright.web.pages.standing import account_state
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Table

__all__ = ["qr_code", "show"]

_KEEP_ALIVE = (
    ("", "what the settings say"), ("off", "nothing"), ("empty", "empty packets"), ("options", "OPTIONS"),
)  # fmt: skip
_NAT = {"none": "no NAT", "behind": "behind NAT"}


async def show(visit: Visit) -> None:
    """Make the page."""
    name = visit.request.path_params["name"]
    await _AccountPage(visit, await visit.usecases.accounts.get(visit.actor, name)).build()


def qr_code(phone: PhoneSettings) -> str:
    """Return a QR code as SVG with the SIP address of an account and the way to us; the password is not in it."""
    address = f"sip:{phone.username}@{phone.domain}"
    if (phone.server, phone.port, phone.transport) != (phone.domain, 5060, "udp"):
        address += f";proxy={phone.place};transport={phone.transport}"
    written = io.BytesIO()
    segno.make(address, error="m").save(
        written, kind="svg", scale=5, border=3, dark="#000", light="#fff", xmldecl=False
    )
    return written.getvalue().decode()


class _AccountPage:
    """One account in one browser."""

    def __init__(self, visit: Visit, detail: AccountDetail) -> None:
        self.visit = visit
        self.detail = detail
        self.accounts = visit.usecases.accounts

    async def build(self) -> None:
        """Make the page."""
        account = self.detail.account
        with frame(self.visit, account.account, back=("Accounts", "/accounts")) as head:
            state, removal = account_state(account), self._removal()
            with head:
                pill(state["text"], state["state"])
                button("Remove account", removal.open, kind="danger")
            if account.fault:
                tag("p", "note bad", account.fault)
            with tag("div", "split"):
                with tag("div", "stack wide"):
                    self._phones()
                    await self._settings()
                    WatchedBy(self.visit, self.detail).build()
                with tag("div", "stack wide"):
                    self._what_to_type()
                    MessageLamp(self.visit, self.detail).build()
                    Members(self.visit, self.detail).build()

    def _phones(self) -> None:
        with card("Phones", flush=True):
            if not self.detail.bindings:
                with tag("div", "empty"):
                    tag("h3", "", "No phone is registered")
                    tag(
                        "p",
                        "",
                        "Type what stands beside this into a phone, with the password of the account.",
                    )
                return
            now = self.visit.now
            rows: list[dict[str, Any]] = [
                {
                    "id": binding.id,
                    "phone": {"text": binding.user_agent or "a phone", "under": binding.contact},
                    "source": {
                        "text": f"{binding.transport.upper()} {binding.source.rpartition('/')[2]}",
                        "under": _NAT.get(binding.nat, "NAT unknown"),
                    },
                    "until": {
                        "text": f"expires {ago(binding.expires_at, now)}",
                        "under": f"seen {ago(binding.updated_at, now)}",
                    },
                    "act": {"actions": [{"name": "forget", "label": "Forget"}], "of": binding.contact},
                }
                for binding in self.detail.bindings
            ]  # fmt: skip
            columns: list[dict[str, Any]] = [
                {"key": "phone", "label": "Phone"},
                {"key": "source", "label": "Where"},
                {"key": "until", "label": "Registered", "whole": True},
                {"key": "act", "label": "Forget", "unseen": True},
            ]
            Table("Phones of the account", columns, rows, on_act=self._forget, testid="binding")

    async def _forget(self, event: GenericEventArguments) -> None:
        binding = str(event.args["id"])
        if await self.visit.attempt(lambda: self.visit.usecases.bindings.remove(self.visit.actor, binding)):
            self.visit.go(f"/accounts/{self.detail.account.account}")

    def _what_to_type(self) -> None:
        with card("What to type into a phone"):
            if not self.detail.phone:
                tag(
                    "p",
                    "quiet",
                    "The switch listens nowhere that a phone could reach: look at [sip] in the settings.",
                )
                return
            first = self.detail.phone[0]
            facts(
                [
                    ("User name", first.username),
                    ("Domain", first.domain),
                    ("Password", "the one that was given to this account"),
                    ("Log-in name", first.auth_username),
                    *((f"Server, {phone.transport.upper()}", phone.place) for phone in self.detail.phone),
                ]
            )
            with tag("figure", "stack"):
                code = Html(qr_code(first), sanitize=False).classes("qr")
                code.props["role"], code.props["aria-label"] = (
                    "img",
                    f"QR code of {first.username}@{first.domain}",
                )
                tag(
                    "figcaption",
                    "quiet small",
                    "For phones that read codes: the address and the server. The password is typed.",
                )

    async def _settings(self) -> None:
        account = self.detail.account
        with card("Settings"):
            with tag("div", "fields"):
                self.out = Field(
                    "Calls out run", account.out_plan or "", kind="select",
                    options=await plan_options(self.visit, "no dialplan: accounts here only"),
                )  # fmt: skip
                self.in_ = Field(
                    "Calls in run", account.in_plan or "", kind="select",
                    options=await plan_options(self.visit, "no dialplan: its phones ring"),
                )  # fmt: skip
                self.most = Field(
                    "Calls at once",
                    str(account.most_calls or ""),
                    placeholder="no limit",
                    hint="Empty for no limit.",
                )
                self.keep_alive = Field(
                    "Phones behind NATs are sent", account.keep_alive or "", kind="select", options=_KEEP_ALIVE
                )  # fmt: skip
                self.algorithm = Field(
                    "Passwords are asked for with", account.algorithm, kind="select",
                    options=[(name, name) for name in ALGORITHMS], hint="Old phones know MD5 alone.",
                )  # fmt: skip
                self.password = Field(
                    "New password",
                    kind="password",
                    autocomplete="new-password",
                    hint="Empty leaves it as it is.",
                )
            self.enabled = Field(
                "Phones may register, and calls may be placed", account.enabled, kind="check"
            )
            self.quiet = Field(
                "Do not disturb", account.do_not_disturb, kind="check", hint="No call rings its phones."
            )
            with actions():
                button("Save settings", self._save, kind="main")
                button("Unlock", self._unlock, title="After many wrong passwords")

    async def _unlock(self) -> None:
        name = self.detail.account.account
        if await self.visit.attempt(lambda: self.accounts.unlock(self.visit.actor, name)):
            self.visit.say("Its passwords are looked at again, wherever they come from.")

    async def _save(self) -> None:
        typed = str(self.most.value).strip()
        if typed and not typed.isdigit():
            self.most.fault = "Write a number of calls such as 4, or nothing for no limit."
            return
        change = AccountChange(
            password=str(self.password.value) or None,
            out_plan=str(self.out.value),
            in_plan=str(self.in_.value),
            algorithm=self._chosen_algorithm(),
            keep_alive=str(self.keep_alive.value),
            is_enabled=bool(self.enabled.value),
            most_calls=int(typed or 0),
            do_not_disturb=bool(self.quiet.value),
        )
        account = self.detail.account

        async def change_it() -> None:
            await self.accounts.change(self.visit.actor, account.account, change, if_match=account.etag)
            self.detail = await self.accounts.get(self.visit.actor, account.account)

        fields = {
            "password": self.password,
            "out_plan": self.out,
            "in_plan": self.in_,
            "most_calls": self.most,
            "algorithm": self.algorithm,
            "keep_alive": self.keep_alive,
        }
        if await self.visit.attempt(change_it, **fields):
            self.password.value = ""
            self.visit.say("Saved. It counts from now on.")

    def _chosen_algorithm(self) -> str | None:
        """Return another algorithm; the one that is shown may be the domain's, and stays that."""
        chosen = str(self.algorithm.value)
        return chosen if chosen != self.detail.account.algorithm else None

    def _removal(self) -> Removal:
        account = self.detail.account
        phones = f" {plural(account.bindings, 'phone')} will be unregistered." if account.bindings else ""

        async def remove(is_forced: bool) -> None:
            await self.accounts.remove(self.visit.actor, account.account, force=is_forced)

        return Removal(
            self.visit, "account",
            f"{account.account} can no longer call or be called.{phones} Its call records stay.",
            remove, then="/accounts",
            force="Also if it takes the calls of a provider: nobody takes them then",
        )  # fmt: skip
