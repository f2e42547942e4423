"""`/providers`: SIP services that a user has credentials for, and trunks."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Request, Response
from pydantic import Field

from sipwright.store.admin.specs import ProviderChange, ProviderSpec
from sipwright.usecases.providers import ProviderTest, ProviderView
from sipwright.web.api.common import NOT_MODIFIED, IfMatch, Whose, Wish, changed, created, tagged
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Given, Listing, model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource("/providers", tags=["providers"])

Shown: Any = model_of(ProviderView)
Tested: Any = model_of(ProviderTest, seconds=("at",))
_EMPTY = dict.fromkeys(
    (
        "auth_username",
        "realm",
        "from_template",
        "outbound_proxy",
        "account",
        "in_plan",
        "number_in",
        "tls_verify",
        "certificate",
        "certificate_key",
        "caller_out",
        "caller_in",
        "number_format",
        "identity",
        "username",
    ),
    "",
) | {"answer_within": -1.0, "longest_call": 0.0, "most_calls": 0, "networks": ()}


class _Settings(Given):
    username: str | None = Field(None, max_length=300)
    password: str | None = Field(None, max_length=300)
    auth_username: str | None = Field(None, max_length=300)
    register_: bool | None = Field(None, alias="register")
    realm: str | None = Field(None, max_length=300)
    from_template: str | None = Field(None, max_length=300)
    outbound_proxy: str | None = Field(None, max_length=300)
    answer_within: float | None = Field(None, ge=0, le=3600)
    longest_call: float | None = Field(None, ge=0, le=1_000_000)
    most_calls: int | None = Field(None, ge=0, le=1_000_000)
    account: str | None = Field(None, max_length=300)
    in_plan: str | None = Field(None, max_length=100)
    number_in: str | None = Field(None, max_length=100)
    tls_verify: Literal["on", "wildcard", "off"] | None = None
    certificate: str | None = Field(None, max_length=1000)
    certificate_key: str | None = Field(None, max_length=1000)
    caller_out: str | None = Field(None, max_length=100)
    caller_in: str | None = Field(None, max_length=100)
    number_format: str | None = Field(None, max_length=100)
    identity: str | None = Field(None, max_length=100)
    messages: bool | None = None
    networks: list[str] | None = Field(None, max_length=100)


class NewProvider(_Settings):
    """A provider to add; one without a user name knows us by our address."""

    name: str = Field(max_length=100)
    server: str = Field(max_length=300, description="`HOST`, or `HOST:PORT`.")


class ChangedProvider(_Settings):
    """What is to change of a provider; null takes away what may be missing."""

    server: str | None = Field(None, max_length=300)
    enabled: bool | None = None


class NewNumber(Given):
    """A number that a provider brings, and who takes its calls: `x` is any digit, `*` at the end the rest."""

    number: str = Field(max_length=100)
    account: str | None = Field(None, max_length=300)
    in_plan: str | None = Field(None, max_length=100)


class WantedTest(Given):
    """How to ask; by default as the provider is used."""

    method: Literal["REGISTER", "OPTIONS"] | None = None


@router.get("", response_model=Listing[Shown])
async def list_providers(actor: Asking, uses: Uses, wish: Wish) -> Any:
    """List providers by name, with the state of our registration there."""
    return await uses.providers.list(actor, **wish)


@router.post("", response_model=Shown, status_code=201)
async def add_provider(
    actor: Asking, uses: Uses, given: NewProvider, request: Request, response: Response, user: Whose = None
) -> Any:
    """Add a provider."""
    wanted = {name: value for name, value in _settings(given).items() if value is not None}
    view = await uses.providers.create(actor, ProviderSpec(**wanted), user=user)
    return created(request, response, view, view.provider)


@router.get("/{name}", response_model=Shown, responses=NOT_MODIFIED)
async def get_provider(actor: Asking, uses: Uses, name: str, response: Response, user: Whose = None) -> Any:
    """Show a provider."""
    return tagged(response, await uses.providers.get(actor, name, user=user))


@router.patch("/{name}", response_model=Shown)
async def change_provider(
    actor: Asking, uses: Uses, name: str, given: ChangedProvider, response: Response, user: Whose = None,
    if_match: IfMatch = None,
) -> Any:  # fmt: skip
    """Change what is given of a provider."""
    change = ProviderChange(**_settings(given))
    return tagged(response, await uses.providers.change(actor, name, change, user=user, if_match=if_match))


@router.delete("/{name}", status_code=204)
async def remove_provider(
    actor: Asking, uses: Uses, name: str, user: Whose = None, if_match: IfMatch = None
) -> None:
    """Remove a provider."""
    await uses.providers.remove(actor, name, user=user, if_match=if_match)


@router.post("/{name}/numbers", response_model=Shown, status_code=201)
async def add_number(actor: Asking, uses: Uses, name: str, given: NewNumber, user: Whose = None) -> Any:
    """Say which account or dialplan takes the calls to some numbers of a provider."""
    return await uses.providers.add_number(
        actor, name, given.number, account=given.account, in_plan=given.in_plan, user=user
    )


@router.delete("/{name}/numbers/{number}", status_code=204)
async def remove_number(actor: Asking, uses: Uses, name: str, number: str, user: Whose = None) -> None:
    """Forget who takes the calls to some numbers of a provider."""
    await uses.providers.remove_number(actor, name, number, user=user)


@router.post("/{name}/test", response_model=Tested)
async def ask_provider(
    actor: Asking, uses: Uses, name: str, given: WantedTest | None = None, user: Whose = None
) -> Any:
    """Register there now, or ask OPTIONS, and show what was said."""
    return await uses.providers.test(actor, name, method=given.method if given else None, user=user)


def _settings(given: _Settings) -> dict[str, Any]:
    wanted = changed(given, _EMPTY)
    for name, ours in (("register_", "register"), ("enabled", "is_enabled")):
        if name in wanted:
            wanted[ours] = wanted.pop(name)
    if wanted.get("networks") is not None:
        wanted["networks"] = tuple(wanted["networks"])
    return wanted
