"""How accounts and providers stand: the same words and colours in a list and on the page of one."""

from __future__ import annotations

from typing import Any

from sipwright.usecases.accounts import AccountView
from sipwright.usecases.providers import ProviderView
from sipwright.web.pages.format import ago, plural

__all__ = ["account_state", "provider_state"]

_LOOKS = {
    "registered": "good",
    "registering": "busy",
    "failed": "bad",
    "stopped": "bad",
    "unreachable": "bad",
    "disabled": "warn",
}


def account_state(account: AccountView) -> dict[str, str]:
    """Return what is shown of the phones of an account."""
    if account.fault:
        return {"text": "cannot be used", "state": "bad", "under": account.fault}
    if not account.enabled:
        return {"text": "switched off", "state": "warn"}
    if account.bindings:
        return {"text": f"{plural(account.bindings, 'phone')} registered", "state": "good"}
    return {"text": "not registered", "state": "none"}


def provider_state(provider: ProviderView, now: float) -> dict[str, Any]:
    """Return what is shown of how we stand with a provider."""
    if not provider.enabled:
        return {"text": "switched off", "state": "warn"}
    if provider.unreachable_since is not None:
        why = f"{provider.unreachable_reason or 'no answer'}, first {ago(provider.unreachable_since, now)}"
        return {"text": "unreachable", "state": "bad", "under": why}
    if provider.state is None:
        return {"text": "trunk, no registration", "state": "none"}
    under = f"{provider.status or ''} {provider.reason or ''}".strip()
    if provider.registered_until is not None:
        under = f"again {ago(provider.registered_until, now)}"
    return {"text": provider.state, "state": _LOOKS.get(provider.state, "none"), "under": under or None}
