"""A provider as it is shown: its settings, who takes its calls, and how our registration there stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sipwright.store import Account, Administration, Provider

__all__ = ["described", "described_all"]

NOBODY = "nobody"


async def described(store: Administration, provider: Provider) -> dict[str, Any]:
    """Return what is shown of one provider."""
    (row,) = await described_all(store, [provider])
    return row


async def described_all(store: Administration, providers: Iterable[Provider]) -> list[dict[str, Any]]:
    """Return what is shown of some providers."""
    users = {found.id: found.name for found in await store.list_users()}
    accounts = {found.id: found for found in await store.list_accounts()}
    plans = {found.id: found.name for found in await store.list_dialplans()}
    states, outages = await store.list_registrations(), await store.list_unreachable_providers()
    nothing = dict.fromkeys(("state", "registered_until", "status", "reason"))
    reached = dict.fromkeys(("unreachable_since", "unreachable_reason"))
    return [
        {
            "provider": provider.name,
            "user": users.get(provider.user_id),
            "server": provider.server,
            "username": provider.username or None,
            "auth_username": provider.auth_username,
            "register": provider.register,
            "realm": provider.realm,
            "from": provider.from_template,
            "proxy": provider.outbound_proxy,
            "answer_within": provider.answer_within,
            "longest_call": provider.longest_call,
            "enabled": provider.is_enabled,
            "networks": list(provider.networks),
            "number_in": provider.number_in or "auto",
            "calls_in": _taker(provider, provider.account_id, provider.in_plan, accounts, plans),
            "account": _aor(provider, provider.account_id, accounts),
            "in": None if provider.in_plan is None else plans.get(provider.in_plan),
            "numbers": [
                {
                    "number": number.pattern,
                    "calls_in": _taker(
                        provider, number.account_id, number.in_plan, accounts, plans, is_chosen=True
                    ),
                    "account": _aor(provider, number.account_id, accounts),
                    "in": None if number.in_plan is None else plans.get(number.in_plan),
                }
                for number in provider.numbers
            ],
            **(states.get(provider.id) or nothing),
            **({**outages[provider.id], "state": "unreachable"} if provider.id in outages else reached),
            **({} if provider.fault is None else {"state": "failed", "reason": provider.fault}),
        }
        for provider in providers
    ]


def _aor(provider: Provider, account_id: int | None, accounts: dict[int, Account]) -> str | None:
    account = None if account_id is None else accounts.get(account_id)
    return None if account is None or account.user_id != provider.user_id else account.aor


def _taker(
    provider: Provider, account_id: int | None, in_plan: int | None, accounts: dict[int, Account],
    plans: dict[int, str], *, is_chosen: bool = False,
) -> str:  # fmt: skip
    """Say who takes calls."""
    if in_plan is not None:
        return f"dialplan {plans[in_plan]}" if in_plan in plans else f"{NOBODY}: the dialplan is gone"
    aor = _aor(provider, account_id, accounts)
    if account_id is None:
        return "accounts named like the number"
    if aor is None:
        return f"{NOBODY}: the account is gone"
    notes = [] if is_chosen or provider.is_account_chosen else ["by default"]
    notes += [] if accounts[account_id].is_enabled else ["disabled"]
    return f"account {aor}" + (f" ({', '.join(notes)})" if notes else "")
