"""`/accounts`: the SIP identities that phones register as."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from fastapi import Request, Response
from pydantic import Field, create_model

from sipwright.services.notifier.message_summary import MOST_WAITING
from sipwright.store.admin.specs import AccountChange, AccountSpec
from sipwright.usecases.accounts import AccountView
from sipwright.usecases.bindings import BindingView
from sipwright.usecases.messages_waiting import MessagesWaiting
from sipwright.usecases.phone_settings import PhoneSettings
from sipwright.usecases.watching import MOST
from sipwright.web.api.common import NOT_MODIFIED, IfMatch, Wish, changed, created, tagged
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Given, Listing, model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource("/accounts", tags=["accounts"])

Shown: Any = model_of(AccountView)
Phone: Any = model_of(BindingView)
ToType: Any = model_of(PhoneSettings)
Waiting: Any = model_of(MessagesWaiting)
Detail: Any = create_model(
    "AccountDetail",
    __base__=Shown,
    phones=(list[Phone], Field(default=[])),
    phone_settings=(list[ToType], Field(default=[])),
    messages=(Waiting, ...),
)


class NewAccount(Given):
    """An account to make."""

    name: str = Field(max_length=300, description="`name`, or `name@domain`.")
    password: str = Field(max_length=300, description="What the phone logs in with.")
    domain: str | None = Field(None, max_length=300)
    user: str | None = Field(None, max_length=100)
    out_plan: str | None = Field(None, max_length=100)
    in_plan: str | None = Field(None, max_length=100)
    algorithm: str | None = Field(None, max_length=20)


class ChangedAccount(Given):
    """What is to change of an account; null takes away what may be missing."""

    password: str | None = Field(None, max_length=300)
    out_plan: str | None = Field(None, max_length=100)
    in_plan: str | None = Field(None, max_length=100)
    algorithm: str | None = Field(None, max_length=20)
    enabled: bool | None = None
    most_calls: int | None = Field(None, ge=0, le=1_000_000)
    do_not_disturb: bool | None = None
    keep_alive: Literal["off", "empty", "options", ""] | None = None


class WatchedBy(Given):
    """Who may watch an account, and nobody else."""

    watched_by: dict[str, Literal["lamp", "parties"]] = Field(
        max_length=MOST,
        description="By account (`bob@example.org`), `owner` for all of the same owner, or `anyone` here: the `lamp` "
        "alone, or also the `parties`.",
    )


class Members(Given):
    """The accounts that an account is a list of, in the order of the keys; it is none without."""

    members: list[str] = Field(max_length=MOST, description="`name`, or `name@domain`.")


class Unlocked(Given):
    """An account of which passwords are looked at again, and whose bans ended with that."""

    account: str
    networks: list[str]


class Messages(Given):
    """How many voice messages wait; `urgent` ones are among the new."""

    new: int = Field(0, ge=0, le=MOST_WAITING)
    old: int = Field(0, ge=0, le=MOST_WAITING)
    urgent: int = Field(0, ge=0, le=MOST_WAITING)


@router.get("", response_model=Listing[Shown])
async def list_accounts(actor: Asking, uses: Uses, wish: Wish) -> Any:
    """List accounts by name."""
    return await uses.accounts.list(actor, **wish)


@router.post("", response_model=Shown, status_code=201)
async def add_account(
    actor: Asking, uses: Uses, given: NewAccount, request: Request, response: Response
) -> Any:
    """Make an account."""
    spec = AccountSpec(
        given.name, given.password, given.user, given.out_plan, given.in_plan, algorithm=given.algorithm
    )
    view = await uses.accounts.create(actor, spec, given.domain)
    return created(request, response, view, view.account)


@router.get("/{name}", response_model=Detail, responses=NOT_MODIFIED)
async def get_account(actor: Asking, uses: Uses, name: str, response: Response) -> Any:
    """Show an account with its phones, and what to type into the next one."""
    found = await uses.accounts.get(actor, name)
    tagged(response, found.account)
    shown = {field.name: getattr(found.account, field.name) for field in dataclasses.fields(found.account)}
    beside = {"phones": found.bindings, "phone_settings": found.phone, "messages": found.messages}
    return {**shown, **beside}


@router.patch("/{name}", response_model=Shown)
async def change_account(
    actor: Asking, uses: Uses, name: str, given: ChangedAccount, response: Response, if_match: IfMatch = None
) -> Any:
    """Change what is given of an account."""
    wanted = changed(given, {"out_plan": "", "in_plan": "", "algorithm": "", "most_calls": 0})
    if "enabled" in wanted:
        wanted["is_enabled"] = wanted.pop("enabled")
    view = await uses.accounts.change(actor, name, AccountChange(**wanted), if_match=if_match)
    return tagged(response, view)


@router.put("/{name}/watched_by", response_model=WatchedBy)
async def set_watched_by(
    actor: Asking, uses: Uses, name: str, given: WatchedBy, if_match: IfMatch = None
) -> Any:
    """Say who watches an account with busy-lamp keys, and what they see."""
    who = await uses.accounts.set_watched_by(actor, name, given.watched_by, if_match=if_match)
    return {"watched_by": who}


@router.put("/{name}/members", response_model=Members)
async def set_members(actor: Asking, uses: Uses, name: str, given: Members, if_match: IfMatch = None) -> Any:
    """Make an account a list of others, for phones that watch all of them with one subscription (RFC 4662)."""
    return {"members": await uses.accounts.set_members(actor, name, given.members, if_match=if_match)}


@router.put("/{name}/messages", response_model=Messages)
async def set_messages(actor: Asking, uses: Uses, name: str, given: Messages) -> Any:
    """Let the phones of an account show how many voice messages wait."""
    await uses.accounts.set_messages(actor, name, given.new, given.old, urgent=given.urgent)
    return given


@router.post("/{name}/unlock", response_model=Unlocked)
async def unlock_account(actor: Asking, uses: Uses, name: str) -> Any:
    """Look at passwords of an account again after many wrong ones, and end the bans for them."""
    account, networks = await uses.accounts.unlock(actor, name)
    return {"account": account, "networks": networks}


@router.delete("/{name}", status_code=204)
async def remove_account(
    actor: Asking, uses: Uses, name: str, force: bool = False, if_match: IfMatch = None
) -> None:
    """Remove an account and its bindings; one that takes the calls of a provider only with `force`."""
    await uses.accounts.remove(actor, name, force=force, if_match=if_match)
