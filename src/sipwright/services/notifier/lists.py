"""Which accounts are event lists (RFC 4662), and who their members are to a subscriber now.

A list is an account with members, whose names are a setting of its owner. What a subscriber sees of each member is for
the owner of that one to say, whoever the list is of. A member that is a list itself is an account here as any other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sipwright.services.ports import AccountView
from sipwright.sip import Reject, Request

from .listed import Listed, Member
from .ports import Name, NotifierPorts, Package
from .rights import Rights
from .subscriber import Subscriber
from .subscriber_table import SubscriberTable

__all__ = ["EVENTLIST", "Lists"]

EVENTLIST = "eventlist"
"""The option tag: what a phone supports that can read lists."""

RightsBy = Callable[[AccountView, AccountView, Package], Rights]
"""Returns what the second account may see of the first one by way of a package."""


class Lists:
    """Looks up the members of lists that are watched."""

    def __init__(self, ports: NotifierPorts, table: SubscriberTable, rights: RightsBy) -> None:
        self._ports = ports
        self._table = table
        self._rights = rights

    def members_of(self, account: AccountView, package: Package) -> tuple[Name, ...]:
        """Return the members of a list; an account has none, and what is private is told of one account alone."""
        return self._ports.members_of(account) if package.is_public else ()

    def asked(self, request: Request, account: AccountView, package: Package) -> bool:
        """Return whether a SUBSCRIBE is for a list.

        Raises:
            Reject: It is, and its sender cannot read one: 421 (RFC 4662 §4.1).
        """
        if not self.members_of(account, package):
            return False
        headers = request.headers
        options = [*headers.get_list("supported"), *headers.get_list("require")]
        if EVENTLIST not in (option.lower() for option in options):
            why = f"{account.username} is a list: the phone has to subscribe to it as one (Supported: eventlist)"
            raise Reject(421, headers=(("Require", EVENTLIST),), why=why)
        return True

    def look_up(
        self, subscriber: Subscriber, account: AccountView, by: AccountView, then: Callable[[bool], object]
    ) -> bool:
        """Look up the members of a list again if need be; False if `then` is called when that can be done."""
        listed = subscriber.listed
        if listed is None or not listed.is_stale:
            return True
        names = self.members_of(account, subscriber.package)
        if not listed.is_fetched and self._ports.fetch(names, partial(_fetched, listed, then)):
            return False
        listed.is_fetched = False
        before = listed.accounts
        listed.take([self._member(name, by, subscriber.package) for name in names], subscriber.package)
        self._table.watch(subscriber, before)
        return True

    def _member(self, name: Name, by: AccountView, package: Package) -> Member:
        account = self._ports.directory.account(*name)
        return Member(name, account, Rights.NONE if account is None else self._rights(account, by, package))


def _fetched(listed: Listed, then: Callable[[bool], object], is_known: bool) -> None:
    listed.is_fetched = is_known
    then(is_known)
