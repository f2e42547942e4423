"""The directory: who and what there is, in memory, so that a request is decided without a query.

It holds every user, domain, provider and dialplan, and every account up to a limit.  While all accounts
fit, it ``is_complete`` and a name it does not know does not exist; beyond that, an unknown account may have
to be loaded.  Changes made by any process arrive through ``store/admin/changes.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, select

from sipwright.services.guard.allowance import Scope
from sipwright.services.guard.baseline import Baseline
from sipwright.services.guard.rates import Rates
from sipwright.services.linking import imported, modules_for
from sipwright.store.admin import (
    accounts,
    bans,
    baselines,
    dialplans,
    domains,
    guard_rules,
    providers,
    unusual_calls,
    users,
)
from sipwright.store.admin.accounts import DOMAIN_ID, USERNAME
from sipwright.store.admin.bans import Ban
from sipwright.store.admin.changes import Change
from sipwright.store.admin.guard_rules import Rule
from sipwright.store.crypto import KeyRing
from sipwright.store.history.plan_modules import finder
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Account, Dialplan, Domain, Provider, User

__all__ = ["Directory", "DirectorySnapshot", "Listener", "Update"]

Listener = Callable[[Change], None]

_Row = Sequence[Any]
"""A row of `accounts.COLUMNS`."""

_Index = tuple[dict[int, Account | _Row], dict[str, dict[str, int]]]
"""Accounts by their numbers, and their numbers by their names in each domain."""


@dataclass(frozen=True, slots=True)
class DirectorySnapshot:
    """How much the directory holds."""

    users: int
    domains: int
    accounts: int
    providers: int
    dialplans: int
    is_complete: bool


@dataclass(slots=True)
class Update:
    """What was read from the database for some changes, ready to be put into the directory."""

    change: Change
    users: list[User] | None = None
    domains: list[Domain] | None = None
    accounts: list[Account] | None = None
    providers: list[Provider] | None = None
    dialplans: list[Dialplan] | None = None
    bans: list[Ban] | None = None
    guard_rules: dict[Scope, Rule] | None = None
    rates: dict[int, Rates] | None = None
    baselines: dict[int, Baseline] | None = None
    confirmed: dict[tuple[int, str], float] | None = None
    # Every account, indexed already: too much work for the loop when there are many.
    index: _Index | None = None


class Directory:
    """Accounts, providers, dialplans, domains and users by the names that requests carry.

    An account is the row that was read until somebody asks for it: most of them are never asked for at a time.
    """

    def __init__(self, keys: KeyRing, account_limit: int = 250_000) -> None:
        self._keys = keys
        self._account_limit = account_limit
        self._by_id: dict[int, Account | _Row] = {}
        self._by_name: dict[str, dict[str, int]] = {}
        self._homes: dict[int, Domain] = {}
        self._providers: dict[tuple[int, str], Provider] = {}
        self._provider_names: dict[int, tuple[int, str]] = {}
        self._provider_tokens: dict[str, int] = {}
        self._dialplans: dict[int, Dialplan] = {}
        self._importing: set[int] = set()
        self.users: dict[int, User] = {}
        self.domains: dict[str, Domain] = {}
        self.default_domain: Domain | None = None
        self.bans: list[Ban] = []
        self.guard_rules: dict[Scope, Rule] = {}
        self.rates: dict[int, Rates] = {}
        self.baselines: dict[int, Baseline] = {}
        self.confirmed: dict[tuple[int, str], float] = {}
        self.is_complete = True
        self.listeners: list[Listener] = []
        self._own: tuple[tuple[Account, ...], Dialplan] | None = None

    def account(self, username: str, domain: str) -> Account | None:
        """Look up an account; ``domain`` in lower case."""
        names = self._by_name.get(domain)
        account_id = None if names is None else names.get(username)
        if account_id is None:
            return None
        held = self._by_id.get(account_id)
        return held if type(held) is Account else self.account_by_id(account_id)

    def account_by_id(self, account_id: int) -> Account | None:
        """Look up an account by its number."""
        held = self._by_id.get(account_id)
        if held is None or isinstance(held, Account):
            return held
        account = self._by_id[account_id] = accounts.entity(held, self._homes, self._keys)
        return account

    def provider(self, user_id: int, name: str) -> Provider | None:
        """Look up a user's provider by name, in any case."""
        return self._providers.get((user_id, name.lower()))

    def provider_by_id(self, provider_id: int) -> Provider | None:
        """Look up a provider by its number."""
        place = self._provider_names.get(provider_id)
        return None if place is None else self._providers.get(place)

    def provider_by_token(self, token: str) -> Provider | None:
        """Look up the provider that was told to call us by that."""
        provider_id = self._provider_tokens.get(token)
        return None if provider_id is None else self.provider_by_id(provider_id)

    def providers(self) -> Iterable[Provider]:
        """Go through all providers."""
        return self._providers.values()

    def dialplan(self, dialplan_id: int) -> Dialplan | None:
        """Look up the live version of a dialplan."""
        return self._dialplans.get(dialplan_id)

    def dialplan_named(self, user_id: int, name: str) -> Dialplan | None:
        """Look up a user's dialplan by name; it goes through all of them."""
        plans = self._dialplans.values()
        return next((plan for plan in plans if plan.user_id == user_id and plan.name == name), None)

    def put_own(self, accounts: tuple[Account, ...], plan: Dialplan) -> None:
        """Keep what is the node's own and in no database, whatever changes come; its numbers are below zero."""
        self._own = accounts, plan
        self._restore_own()

    def _restore_own(self) -> None:
        if self._own is not None:
            accounts, plan = self._own
            self._dialplans[plan.id] = plan
            for account in accounts:
                self._by_id[account.id] = account
                self._by_name.setdefault(account.domain, {})[account.username] = account.id

    def put_account(self, account: Account) -> None:
        """Keep an account; the one that has been here longest goes when there is no room."""
        self._drop_account(account.id)
        if len(self._by_id) >= self._account_limit:
            self.is_complete = False
            self._drop_account(next((known for known in self._by_id if known >= 0), 0))
        self._by_id[account.id] = account
        self._by_name.setdefault(account.domain, {})[account.username] = account.id

    def read(self, connection: Connection, change: Change) -> Update:
        """Read what a change is about; runs in a thread, and touches nothing of the directory."""
        update = Update(change)
        between = (change.first_id, change.last_id)
        if change.kind == "account":
            update.accounts = accounts.read_all(connection, self._keys, between=between)
        elif change.kind == "provider":
            update.providers = providers.read_all(connection, self._keys, between=between)
        elif change.kind == "dialplan":
            update.dialplans = dialplans.read_all(connection, between=between)
        elif change.kind == "ban":
            update.bans = bans.active(connection, time.time())
        elif change.kind == "guard":
            update.guard_rules = guard_rules.read_all(connection)
        elif change.kind == "rates":
            update.rates = guard_rules.read_rates(connection, *between)
        elif change.kind == "baseline":
            update.baselines = baselines.read_all(connection, *between)
        elif change.kind == "unusual":
            update.confirmed = unusual_calls.confirmed(connection)
        elif change.kind == "user":
            update.users = users.read_all(connection)
        elif change.kind == "domain":
            update.domains = domains.read_all(connection)
            # A domain's algorithm decides which hash of its accounts is kept.
            if self._fits(connection):
                update.index = _index(accounts.read_rows(connection), update.domains)
        return update

    def read_everything(self, connection: Connection) -> list[Update]:
        """Read the whole directory, without accounts when there are too many."""
        kinds = ("user", "domain", "provider", "dialplan", "ban", "guard", "rates", "baseline", "unusual")
        return [self.read(connection, Change(kind, 0, 2**31 - 1)) for kind in kinds]

    def apply(self, update: Update) -> None:
        """Put what was read in the place of what was there, and tell the listeners."""
        ids = range(update.change.first_id, update.change.last_id + 1)
        if update.users is not None:
            self.users = {user.id: user for user in update.users}
        self._apply_guard(update, ids)
        if update.domains is not None:
            self._apply_domains(update.domains, update.index)
        if update.accounts is not None:
            self._apply_accounts(ids, update.accounts)
        if update.providers is not None:
            self._apply_providers(ids, update.providers)
        if update.dialplans is not None:
            for plan_id in [known for known in self._dialplans if known in ids]:
                del self._dialplans[plan_id]
            self._dialplans.update((plan.id, plan) for plan in update.dialplans)
            self._link(ids, update.dialplans)
        for listener in self.listeners:
            listener(update.change)

    def snapshot(self) -> DirectorySnapshot:
        """Count what is here."""
        return DirectorySnapshot(
            len(self.users),
            len(self.domains),
            len(self._by_id),
            len(self._providers),
            len(self._dialplans),
            self.is_complete,
        )

    def _link(self, ids: range, found: list[Dialplan]) -> None:
        """Give each dialplan that imports others those that are live now; few do, and all of these are looked at."""
        self._importing -= {plan_id for plan_id in self._importing if plan_id in ids}
        self._importing.update(plan.id for plan in found if imported(plan.source))
        for plan_id in self._importing:
            plan = self._dialplans[plan_id]
            modules = modules_for(plan.source, finder(self._dialplans.values(), plan.user_id))
            self._dialplans[plan_id] = replace(plan, modules=modules)

    def _fits(self, connection: Connection) -> bool:
        count = connection.scalar(select(func.count()).select_from(tables.accounts)) or 0
        return count <= self._account_limit

    def _apply_guard(self, update: Update, ids: range) -> None:
        if update.bans is not None:
            self.bans = update.bans
        if update.guard_rules is not None:
            self.guard_rules = update.guard_rules
        if update.rates is not None:
            self.rates = {one: rates for one, rates in self.rates.items() if one not in ids} | update.rates
        if update.baselines is not None:
            kept = {one: usual for one, usual in self.baselines.items() if one not in ids}
            self.baselines = kept | update.baselines
        if update.confirmed is not None:
            self.confirmed = update.confirmed

    def _apply_domains(self, found: list[Domain], index: _Index | None) -> None:
        self.domains = {domain.name: domain for domain in found}
        self._homes = {domain.id: domain for domain in found}
        self.default_domain = next((domain for domain in found if domain.is_default), None)
        self.is_complete = index is not None
        self._by_id, self._by_name = index or ({}, {})
        self._restore_own()

    def _apply_accounts(self, ids: range, found: list[Account]) -> None:
        stored = {account.id for account in found}
        if len(ids) <= len(self._by_id):
            gone = [known for known in ids if known in self._by_id and known not in stored]
        else:
            gone = [known for known in self._by_id if known in ids and known not in stored]
        for account_id in gone:
            self._drop_account(account_id)
        for account in found:
            if self.is_complete or account.id in self._by_id:
                self.put_account(account)

    def _apply_providers(self, ids: range, found: list[Provider]) -> None:
        for provider_id in [known for known in self._provider_names if known in ids]:
            gone = self._providers.pop(self._provider_names.pop(provider_id))
            self._provider_tokens.pop(gone.contact_token, None)
        for provider in found:
            if provider.contact_token:
                self._provider_tokens[provider.contact_token] = provider.id
            self._providers[provider.user_id, provider.name] = provider
            self._provider_names[provider.id] = (provider.user_id, provider.name)

    def _drop_account(self, account_id: int) -> None:
        account = self.account_by_id(account_id)
        if account is not None:
            del self._by_id[account_id]
            names = self._by_name.get(account.domain, {})
            # A name may have been given to a new account since.
            if names.get(account.username) == account_id:
                del names[account.username]


def _index(rows: list[_Row], domains: list[Domain]) -> _Index:
    by_name: dict[str, dict[str, int]] = {domain.name: {} for domain in domains}
    names = {domain.id: by_name[domain.name] for domain in domains}
    for row in rows:
        names[row[DOMAIN_ID]][row[USERNAME]] = row[0]
    return {row[0]: row for row in rows}, by_name
