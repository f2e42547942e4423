"""What services ask about users, their accounts, phones and providers."""

from __future__ import annotations

import time

from sipwright.services.notifier import Rights, rights_of
from sipwright.services.ports import AccountView
from sipwright.services.registrar import LocationTable
from sipwright.store import Directory

__all__ = ["People"]


class People:
    """Who is who, by the directory and by where phones have registered."""

    def __init__(self, directory: Directory, locations: LocationTable) -> None:
        self._directory = directory
        self._locations = locations

    def is_user(self, name: str) -> bool:
        """Return whether an account of any domain has that name."""
        directory = self._directory
        return any(directory.account(name, domain) is not None for domain in directory.domains)

    def is_phone(self, source: str) -> bool:
        """Return whether a phone has registered from a flow, named by its key."""
        return self.account_at(source) is not None

    def account_at(self, source: str) -> int | None:
        """Return the account whose phone registered from a flow."""
        return self._locations.account_at(source, time.monotonic())

    def domain_at(self, source: str) -> str | None:
        """Return the domain of the account whose phone registered from a flow."""
        account_id = self.account_at(source)
        account = None if account_id is None else self._directory.account_by_id(account_id)
        return None if account is None else account.domain

    def rights_of(self, watched: AccountView, subscriber: AccountView) -> Rights:
        """Return what of an account another one may see, as its owner has set it."""
        account = self._directory.account_by_id(watched.id)
        return rights_of(None if account is None else account.watched_by, watched, subscriber)

    def members_of(self, account: AccountView) -> tuple[tuple[str, str], ...]:
        """Return the accounts that an account is a list of, by name and domain."""
        found = self._directory.account_by_id(account.id)
        names = () if found is None else (found.members or "").splitlines()
        return tuple((name, domain) for name, _, domain in (each.rpartition("@") for each in names))

    def may_pick_up(self, rings: int | None, picks: int) -> bool:
        """Return whether an account may take the calls that ring at another one: if it may see who calls there."""
        watched = None if rings is None else self._directory.account_by_id(rings)
        picker = self._directory.account_by_id(picks)
        return (
            watched is not None and picker is not None and self.rights_of(watched, picker) >= Rights.PARTIES
        )
