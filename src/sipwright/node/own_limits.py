"""The limits of one account, user, provider or address, as calls ask for them; people set most of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf

from sipwright.services.dialplan import UserLimits
from sipwright.services.ports import Provider, ProviderView
from sipwright.services.switch import Share
from sipwright.store.live.directory import Directory

__all__ = ["DirectoryLimits", "SourceShares"]

PART = 10
"""What calls from one address leave of a user's runs to others: nine of ten."""


class DirectoryLimits:
    """Looks them up in the directory, so that a change counts for the next call."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def most_calls(self, account_id: int) -> int | None:
        """Return how many calls an account may have in each direction, if not as many as any."""
        account = self._directory.account_by_id(account_id)
        return None if account is None else account.most_calls

    def longest_call(self, user_id: int, providers: Iterable[Provider]) -> float:
        """Return for how many seconds a call of a user may last that goes by these providers; infinity for ever."""
        directory = self._directory
        user = directory.users.get(user_id)
        longest = inf if user is None else user.longest_call or inf
        for name in providers:
            provider = directory.provider(*name)
            if provider is not None and provider.longest_call:
                longest = min(longest, provider.longest_call)
        return longest

    def most_carried(self, provider: Provider) -> float:
        """Return how many calls may go by a provider at once; infinity for any number."""
        found = self._directory.provider(*provider)
        return inf if found is None or not found.most_calls else found.most_calls


class SourceShares:
    """Says what calls from one address may have of a user's runs; a provider of the user may use all of them.

    Args:
        limits_of: Returns what all runs of a user may use.
        providers_at: Returns the providers at an address.
    """

    def __init__(
        self, limits_of: Callable[[int], UserLimits], providers_at: Callable[[str], Sequence[ProviderView]]
    ) -> None:
        self._limits_of = limits_of
        self._providers_at = providers_at

    def __call__(self, user_id: int, source: str) -> Share:
        """Return the share of an address."""
        limits = self._limits_of(user_id)
        if any(provider.user_id == user_id for provider in self._providers_at(source)):
            return Share(limits.runs, limits.runs_per_minute)
        return Share(max(1, limits.runs // PART), max(1, limits.runs_per_minute // PART))
