"""The limits that people have set for one account, user or provider, as calls ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from sipwright.services.ports import Provider
from sipwright.store.live.directory import Directory

__all__ = ["DirectoryLimits"]


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
