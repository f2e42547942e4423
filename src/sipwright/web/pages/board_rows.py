"""What the switchboard shows of a call and of a phone: a row each."""

from __future__ import annotations

from typing import Any

from sipwright.usecases.accounts import AccountView
from sipwright.usecases.bindings import BindingView
from sipwright.usecases.calls import CallView
from sipwright.web.pages.format import bare

__all__ = ["account_row", "call_row", "phone_row"]

_KINDS = {"talking": "talking", "held": "held", "ending": "ended"}


def call_row(call: CallView) -> dict[str, Any]:
    """Return what a row shows of a call; `since` is from when its timer counts."""
    is_talking = call.answered_at is not None
    state = "held" if call.held and call.state == "talking" else call.state
    return {
        "id": call.call,
        "caller": bare(call.from_),
        "callee": bare(call.to),
        "provider": call.provider,
        "user": call.user,
        "state": state,
        "kind": _KINDS.get(state, "talking" if is_talking else "ringing"),
        "since": call.answered_at if is_talking else call.started_at,
        "started": call.started_at,
        "dialplan": call.dialplan,
        "line": call.line,
        "text": (call.text or "").strip() or None,
    }


def phone_row(binding: BindingView) -> dict[str, Any]:
    """Return what is shown of a phone that is registered."""
    nat = {"none": "no NAT", "behind": "behind NAT"}.get(binding.nat, "NAT unknown")
    return {
        "id": binding.id,
        "account": binding.account,
        "registered": True,
        "nat": nat,
        "transport": binding.transport.upper(),
        "source": binding.source.rpartition("/")[2],
        "agent": binding.user_agent,
    }


def account_row(account: AccountView) -> dict[str, Any]:
    """Return what is shown of an account without a phone."""
    return {"id": f"account {account.account}", "account": account.account, "registered": False}
