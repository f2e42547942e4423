"""`/users`: the people who own everything else; an admin's."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Request, Response
from pydantic import Field

from sipwright.usecases.users import UserChange, UserSpec, UserView
from sipwright.web.api.common import (
    NOT_MODIFIED,
    USUALLY,
    Cursor,
    Filter,
    IfMatch,
    Limit,
    changed,
    created,
    tagged,
)
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Given, Listing, model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource("/users", tags=["users"])

Shown: Any = model_of(UserView)
_LIMITS = ("script_runs", "script_runs_per_minute", "script_seconds_per_minute", "longest_call")


class NewUser(Given):
    """A user to make."""

    name: str = Field(max_length=100)
    password: str = Field(max_length=300)
    role: Literal["admin", "user"] = "user"
    timezone: str = Field("UTC", max_length=64)
    email: str | None = Field(None, max_length=300)


class ChangedUser(Given):
    """What is to change of a user; a limit that is null is what the settings say."""

    role: Literal["admin", "user"] | None = None
    timezone: str | None = Field(None, max_length=64)
    email: str | None = Field(None, max_length=300)
    script_runs: int | None = Field(None, ge=1, le=1_000_000)
    script_runs_per_minute: int | None = Field(None, ge=1, le=1_000_000)
    script_seconds_per_minute: float | None = Field(None, gt=0, le=1_000_000)
    longest_call: float | None = Field(None, ge=0, le=1_000_000)


class NewPassword(Given):
    """The password that a user logs in with from now on."""

    password: str = Field(max_length=300)


@router.get("", response_model=Listing[Shown])
async def list_users(
    actor: Asking, uses: Uses, q: Filter = None, limit: Limit = USUALLY, cursor: Cursor = None
) -> Any:
    """List users."""
    return await uses.users.list(actor, q=q, limit=limit, cursor=cursor)


@router.post("", response_model=Shown, status_code=201)
async def add_user(actor: Asking, uses: Uses, given: NewUser, request: Request, response: Response) -> Any:
    """Make a user."""
    view = await uses.users.create(actor, UserSpec(**given.model_dump()))
    return created(request, response, view, view.name)


@router.get("/{name}", response_model=Shown, responses=NOT_MODIFIED)
async def get_user(actor: Asking, uses: Uses, name: str, response: Response) -> Any:
    """Show a user."""
    return tagged(response, await uses.users.get(actor, name))


@router.patch("/{name}", response_model=Shown)
async def change_user(
    actor: Asking, uses: Uses, name: str, given: ChangedUser, response: Response, if_match: IfMatch = None
) -> Any:
    """Change what is given of a user."""
    wanted = changed(given, {"email": ""})
    limits = {name: wanted.pop(name) for name in _LIMITS if name in wanted}
    change = UserChange(**wanted, limits=limits or None)
    return tagged(response, await uses.users.change(actor, name, change, if_match=if_match))


@router.delete("/{name}", status_code=204)
async def remove_user(actor: Asking, uses: Uses, name: str, if_match: IfMatch = None) -> None:
    """Remove a user who owns nothing any more."""
    await uses.users.remove(actor, name, if_match=if_match)


@router.put("/{name}/password", status_code=204)
async def set_user_password(actor: Asking, uses: Uses, name: str, given: NewPassword) -> None:
    """Give a user a new password, which ends their sessions."""
    await uses.users.set_password(actor, name, given.password)


@router.post("/{name}/unlock", status_code=204)
async def unlock_user(actor: Asking, uses: Uses, name: str) -> None:
    """Forget the failed log-ins of a user, who may try again at once."""
    await uses.users.unlock(actor, name)


@router.post("/{name}/totp/off", status_code=204)
async def no_codes_of_user(actor: Asking, uses: Uses, name: str) -> None:
    """Ask a user who has lost their device for one-time codes no more."""
    await uses.users.totp_off(actor, name)
