"""Providers as they are shown: their settings, who takes their calls, and how our registrations there stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select

from sipwright.services.callers import CALLER_HEADERS, IDENTITY, NUMBER_FORMATS
from sipwright.store.admin import provider_profiles
from sipwright.store.history import listings
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Provider, ProviderNumber
from sipwright.usecases.etags import etag_of

__all__ = ["ProviderNumberView", "ProviderView", "provider_views"]

NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class ProviderNumberView:
    """Some of the numbers that a trunk brings, and who takes their calls, also in words."""

    number: str
    calls_in: str
    account: str | None
    in_plan: str | None


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider; `state` is that of our registration there, ``unreachable`` or ``failed``, never its password.

    Of one whose profile is kept, `probed_at` says when that was compared with it last, and `drift` what differed.
    """

    id: int
    provider: str
    user: str
    server: str
    username: str | None
    auth_username: str | None
    register: bool
    realm: str | None
    from_template: str | None
    outbound_proxy: str | None
    answer_within: float | None
    longest_call: float | None
    most_calls: int | None
    enabled: bool
    networks: tuple[str, ...]
    number_in: str
    tls_verify: str
    certificate: str | None
    certificate_key: str | None
    caller_out: str
    caller_in: str
    number_format: str
    identity: str
    messages: bool
    calls_in: str
    account: str | None
    in_plan: str | None
    numbers: tuple[ProviderNumberView, ...]
    state: str | None
    registered_until: float | None
    status: int | None
    reason: str | None
    unreachable_since: float | None
    unreachable_reason: str | None
    probed_at: float | None
    drift: tuple[str, ...]
    etag: str


def provider_views(connection: Connection, providers: Sequence[Provider], now: float) -> list[ProviderView]:
    """Return what is shown of some providers."""
    return _Surroundings(connection, providers, now).views()


class _Surroundings:
    """What stands beside some providers: users, accounts, dialplans, and the states of registrations."""

    def __init__(self, connection: Connection, providers: Sequence[Provider], now: float) -> None:
        self._providers = providers
        ids = [provider.id for provider in providers]
        taking: list[Provider | ProviderNumber] = [
            *providers,
            *(number for provider in providers for number in provider.numbers),
        ]
        self._users = _names(connection, tables.users, {provider.user_id for provider in providers})
        self._plans = _names(connection, tables.dialplans, {one.in_plan for one in taking} - {None})
        self._accounts = _accounts(connection, {one.account_id for one in taking} - {None})
        self._states = listings.registrations(connection, now, ids)
        self._outages = listings.unreachable_providers(connection, ids)
        self._profiles = provider_profiles.found(connection, ids)

    def views(self) -> list[ProviderView]:
        """Return what is shown of each."""
        return [self._view(provider) for provider in self._providers]

    def _view(self, provider: Provider) -> ProviderView:
        numbers = tuple(
            ProviderNumberView(
                number.pattern,
                self._taker(provider, number.account_id, number.in_plan, is_chosen=True),
                self._aor(provider, number.account_id),
                self._plan(number.in_plan),
            )
            for number in provider.numbers
        )
        settings: dict[str, Any] = {
            "id": provider.id,
            "provider": provider.name,
            "user": self._users[provider.user_id],
            "server": provider.server,
            "username": provider.username or None,
            "auth_username": provider.auth_username,
            "register": bool(provider.register),
            "realm": provider.realm,
            "from_template": provider.from_template,
            "outbound_proxy": provider.outbound_proxy,
            "answer_within": provider.answer_within,
            "longest_call": provider.longest_call,
            "most_calls": provider.most_calls,
            "enabled": bool(provider.is_enabled),
            "networks": tuple(provider.networks),
            "number_in": provider.number_in or "auto",
            "tls_verify": provider.tls_verify or "on",
            "certificate": provider.certificate,
            "certificate_key": provider.certificate_key,
            "caller_out": provider.caller_out or "",
            "caller_in": provider.caller_in or CALLER_HEADERS[0],
            "number_format": provider.number_format or NUMBER_FORMATS[0],
            "identity": provider.identity or IDENTITY[0],
            "messages": bool(provider.messages),
            "calls_in": self._taker(provider, provider.account_id, provider.in_plan),
            "account": self._aor(provider, provider.account_id),
            "in_plan": self._plan(provider.in_plan),
            "numbers": numbers,
        }
        return ProviderView(**settings, **self._state(provider), etag=etag_of(settings))

    def _state(self, provider: Provider) -> dict[str, Any]:
        names = (
            "state",
            "registered_until",
            "status",
            "reason",
            "unreachable_since",
            "unreachable_reason",
        )
        found = dict.fromkeys(names) | (self._states.get(provider.id) or {})
        if provider.id in self._outages:
            found |= {**self._outages[provider.id], "state": "unreachable"}
        if provider.fault is not None:
            found |= {"state": "failed", "reason": provider.fault}
        profile = self._profiles.get(provider.id)
        found |= {
            "probed_at": None if profile is None else profile.checked_at,
            "drift": () if profile is None else profile.drift,
        }
        return found

    def _plan(self, in_plan: int | None) -> str | None:
        return None if in_plan is None else self._plans.get(in_plan)

    def _aor(self, provider: Provider, account_id: int | None) -> str | None:
        account = None if account_id is None else self._accounts.get(account_id)
        return None if account is None or account.user_id != provider.user_id else str(account.aor)

    def _taker(
        self, provider: Provider, account_id: int | None, in_plan: int | None, *, is_chosen: bool = False
    ) -> str:
        """Say who takes calls."""
        if in_plan is not None:
            plan = self._plans.get(in_plan)
            return f"{NOBODY}: the dialplan is gone" if plan is None else f"dialplan {plan}"
        aor = self._aor(provider, account_id)
        if account_id is None:
            return "accounts named like the number"
        if aor is None:
            return f"{NOBODY}: the account is gone"
        notes = [] if is_chosen or provider.is_account_chosen else ["by default"]
        notes += [] if self._accounts[account_id].is_enabled else ["disabled"]
        return f"account {aor}" + (f" ({', '.join(notes)})" if notes else "")


def _names(connection: Connection, table: Table, ids: set[Any]) -> dict[int, str]:
    rows = connection.execute(select(table.c.id, table.c.name).where(table.c.id.in_(ids)))
    return {row.id: row.name for row in rows}


def _accounts(connection: Connection, ids: set[Any]) -> dict[int, Any]:
    account, domain = tables.accounts.c, tables.domains.c
    aor = (account.username + "@" + domain.name).label("aor")
    query = (
        select(account.id, account.user_id, account.is_enabled, aor)
        .join_from(tables.accounts, tables.domains, domain.id == account.domain_id)
        .where(account.id.in_(ids))
    )
    return {row.id: row for row in connection.execute(query)}
