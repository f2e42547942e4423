"""`/me`: what everybody may see and change of themselves."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import Path, Request, Response
from pydantic import Field

from sipwright.usecases.keys import KeyView
from sipwright.usecases.me import MeView, TotpSetUp
from sipwright.usecases.sessions import SessionView
from sipwright.usecases.tokens import IssuedToken, TokenView
from sipwright.web.api.common import USUALLY, Cursor, Limit
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Given, Listing, model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource("/me", tags=["me"])

Shown: Any = model_of(MeView)
Token: Any = model_of(TokenView)
Issued: Any = model_of(IssuedToken)
Session: Any = model_of(SessionView)
PublicKey: Any = model_of(KeyView, "PublicKey")
SetUp: Any = model_of(TotpSetUp)


class ChangedMe(Given):
    """What is to change; another mail address needs the password once more."""

    timezone: str | None = Field(None, max_length=64)
    email: str | None = Field(None, max_length=300)
    password: str | None = Field(None, max_length=300)


class OwnPassword(Given):
    """The password that was, and the one that is to be."""

    old: str = Field(max_length=300)
    new: str = Field(max_length=300)


class NewToken(Given):
    """A token to make: without `scopes` for all, without `days` for ever."""

    name: str = Field(max_length=100)
    scopes: list[Literal["read", "write", "call"]] | None = Field(None, max_length=3)
    days: float | None = Field(None, gt=0, le=3650)


class NewKey(Given):
    """An SSH public key, as a file `id_ed25519.pub` has it."""

    public_key: str = Field(max_length=10_000)
    name: str | None = Field(None, max_length=64)


class Password(Given):
    """The password once more."""

    password: str = Field(max_length=300)


class Code(Given):
    """A code that the authenticator app shows now."""

    code: str = Field(max_length=20)


@router.get("", response_model=Shown)
async def get_me(actor: Asking, uses: Uses) -> Any:
    """Show who asks."""
    return await uses.me.get(actor)


@router.patch("", response_model=Shown)
async def change_me(actor: Asking, uses: Uses, given: ChangedMe) -> Any:
    """Change one's own time zone or mail address."""
    email = "" if "email" in given.model_fields_set and given.email is None else given.email
    return await uses.me.change(actor, timezone=given.timezone, email=email, password=given.password)


@router.put("/password", status_code=204)
async def set_own_password(actor: Asking, uses: Uses, given: OwnPassword) -> None:
    """Change one's own password, which ends all other sessions."""
    await uses.me.set_password(actor, given.old, given.new)


@router.post("/password", status_code=204)
async def change_own_password(actor: Asking, uses: Uses, given: OwnPassword) -> None:
    """Change one's own password, as PUT does."""
    await uses.me.set_password(actor, given.old, given.new)


@router.get("/tokens", response_model=Listing[Token])
async def list_tokens(actor: Asking, uses: Uses, limit: Limit = USUALLY, cursor: Cursor = None) -> Any:
    """List one's own tokens, the newest first."""
    return await uses.tokens.list(actor, limit=limit, cursor=cursor)


@router.post("/tokens", response_model=Issued, status_code=201)
async def add_token(actor: Asking, uses: Uses, given: NewToken, request: Request, response: Response) -> Any:
    """Make a token, which is shown this once."""
    made = await uses.tokens.create(actor, given.name, scopes=given.scopes, days=given.days)
    response.headers["Location"] = f"{request.url.path}/{quote(made.name)}"
    return made


@router.delete("/tokens/{name}", status_code=204)
async def remove_token(actor: Asking, uses: Uses, name: str) -> None:
    """Revoke a token."""
    await uses.tokens.remove(actor, name)


@router.get("/sessions", response_model=Listing[Session])
async def list_sessions(actor: Asking, uses: Uses, limit: Limit = USUALLY, cursor: Cursor = None) -> Any:
    """List where one is logged in, the newest first."""
    return await uses.sessions.list(actor, limit=limit, cursor=cursor)


@router.delete("/sessions/{id}", status_code=204)
async def end_session(actor: Asking, uses: Uses, id: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> None:
    """End a session."""
    await uses.sessions.remove(actor, id)


@router.get("/keys", response_model=Listing[PublicKey])
async def list_keys(actor: Asking, uses: Uses, limit: Limit = USUALLY, cursor: Cursor = None) -> Any:
    """List the public keys by which one logs in at the SSH console."""
    return await uses.keys.list(actor, limit=limit, cursor=cursor)


@router.post("/keys", response_model=PublicKey, status_code=201)
async def add_key(actor: Asking, uses: Uses, given: NewKey) -> Any:
    """Add a public key."""
    return await uses.keys.create(actor, given.public_key, given.name)


@router.delete("/keys/{name}", status_code=204)
async def remove_key(actor: Asking, uses: Uses, name: str) -> None:
    """Remove a public key."""
    await uses.keys.remove(actor, name)


@router.post("/totp", response_model=SetUp)
async def begin_codes(actor: Asking, uses: Uses, given: Password) -> Any:
    """Begin to set up one-time codes: what to put into an authenticator app."""
    return await uses.me.totp_begin(actor, given.password)


@router.post("/totp/confirm", response_model=dict[str, list[str]])
async def confirm_codes(actor: Asking, uses: Uses, given: Code) -> Any:
    """Ask for codes from now on; the answer has recovery codes, which are shown this once."""
    return {"recovery_codes": list(await uses.me.totp_confirm(actor, given.code))}


@router.post("/totp/off", status_code=204)
async def no_codes(actor: Asking, uses: Uses, given: Password) -> None:
    """Ask for codes no more."""
    await uses.me.totp_off(actor, given.password)


@router.post("/totp/recovery", response_model=dict[str, list[str]])
async def renew_recovery_codes(actor: Asking, uses: Uses, given: Password) -> Any:
    """Make other recovery codes, which are shown this once; those that there were are good for nothing any more."""
    return {"recovery_codes": list(await uses.me.new_recovery_codes(actor, given.password))}
