"""Whose limits hold for the calls that leave: a user's own, those of their accounts and of their providers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from sipwright.services.guard.allowance import Allowance, Scope
from sipwright.services.guard.spending import FREE, Attempt
from sipwright.store.admin.guard_rules import CLOSED, UNLIMITED

if TYPE_CHECKING:
    from sipwright.config import GuardSettings
    from sipwright.store import Directory, Provider
    from sipwright.store.schema.entities import Account

__all__ = ["SpendingLimits"]

INDEXED_FOR = 2.0
"""Seconds after which it is looked again whose accounts and providers have limits."""


class SpendingLimits:
    """The limits that people have set, by whose calls they hold for."""

    def __init__(self, settings: GuardSettings, directory: Directory, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._directory = directory
        self._clock = clock
        self._indexed: object = None
        self._index_until = 0.0
        self._index: dict[int | None, tuple[list[int], list[int]]] = {}
        self._limits: dict[int, tuple[tuple[Scope, Allowance], ...]] = {}
        self._priced: set[int | None] = set()

    @property
    def are_set(self) -> bool:
        """Whether anybody may have limits: somebody has rules, or a provider has rates, which bound what is spent."""
        return bool(self._directory.guard_rules or self._directory.rates)

    def of_user(self, user_id: int) -> Sequence[tuple[Scope, Allowance]]:
        """Return the limits that calls of a user may be held to: the user's own, their accounts' and providers'.

        They are asked for with every call that begins, so they are kept for as long as who has rules.
        """
        accounts, providers = self._subjects_of(user_id)
        known = self._limits.get(user_id)
        if known is None:
            known = self._limits[user_id] = tuple(self._limits_among(user_id, accounts, providers))
        return known

    def _limits_among(
        self, user_id: int, accounts: list[int], providers: list[int]
    ) -> Iterator[tuple[Scope, Allowance]]:
        is_priced = user_id in self._priced
        for account, provider in zip_longest(accounts or [0], providers or [0], fillvalue=0):
            for scope, allowance in self.allowed(Attempt(None, user_id, account, provider, FREE, 0.0)):
                limit = allowance if is_priced else replace(allowance, money_per_day=None)
                if limit != Allowance():
                    yield scope, limit

    def _subjects_of(self, user_id: int) -> tuple[list[int], list[int]]:
        """Return the accounts and the providers of a user that have rules; all are gone through every few seconds."""
        directory, now = self._directory, self._clock()
        if self._indexed is not directory.guard_rules or now >= self._index_until:
            self._indexed, self._index_until = directory.guard_rules, now + INDEXED_FOR
            found: dict[int | None, tuple[list[int], list[int]]] = {}
            for kind, subject in directory.guard_rules:
                if kind == "account":
                    found.setdefault(_owner(directory.account_by_id(subject)), ([], []))[0].append(subject)
                elif kind == "provider":
                    found.setdefault(_owner(directory.provider_by_id(subject)), ([], []))[1].append(subject)
            self._index, self._limits = found, {}
            self._priced = {_owner(directory.provider_by_id(one)) for one in directory.rates}
        return self._index.get(user_id, ([], []))

    def allowed(self, attempt: Attempt) -> Iterator[tuple[Scope, Allowance]]:
        """Return what whoever pays for an attempt may use: its user always has limits."""
        for scope in attempt.scopes:
            rule = self._directory.guard_rules.get(scope)
            if rule is not None or scope[0] == "user":
                allowance = (rule or CLOSED).allowance
                money = allowance.money_per_day
                if money is None and scope[0] == "user":
                    allowance = replace(allowance, money_per_day=self._settings.default_money)
                elif money == UNLIMITED:
                    allowance = replace(allowance, money_per_day=None)
                yield scope, allowance


def _owner(one: Account | Provider | None) -> int | None:
    return None if one is None else one.user_id
