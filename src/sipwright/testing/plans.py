"""The scripts of a pretended call: the one that decides about it, and the in dialplans of those it is sent on to."""

from __future__ import annotations

import zlib
from typing import NamedTuple

from sipwright.services.dialstring import DialLeg, ToUri, ToUser
from sipwright.services.linking import Find, Module, listing, modules_for
from sipwright.sip import ParseError, Uri

__all__ = ["InPlan", "InPlans", "PretendedPlan"]


class PretendedPlan(NamedTuple):
    """A script that need not be in any database."""

    source: str
    name: str = "out"
    id: int = 1
    user_id: int = 1
    version: int = 1
    modules: tuple[Module, ...] = ()

    @classmethod
    def of_text(cls, source: str, name: str, find: Find = lambda name: None) -> PretendedPlan:
        """Make a plan of a script from a file; the same script under the same name is the same plan.

        What it imports is what `find` finds.
        """
        # Beyond the numbers of a database: a file is never taken for a stored dialplan.
        number = (1 << 32) + zlib.crc32(f"{name}\n{source}".encode("utf-8", "surrogatepass"))
        return cls(source, name, number, modules=modules_for(source, find))

    @property
    def listing(self) -> str:
        """The script with what it imports behind it."""
        return listing(self.source, self.modules)


class InPlan(NamedTuple):
    """What runs for the calls to an account here, and whose it is."""

    account: str
    plan: PretendedPlan
    user: str = "admin"
    timezone: str = "UTC"
    domain: str = ""


class InPlans:
    """The accounts that have an in dialplan, by name in a domain; all others have phones that ring."""

    def __init__(self, domain: str = "example.org") -> None:
        self._domain = domain.lower()
        self._plans: dict[tuple[str, str], InPlan] = {}

    def set(self, account: str, found: InPlan | None) -> None:
        """Give an account (``bob`` or ``bob@example.net``) an in dialplan, or none."""
        user, _, host = account.partition("@")
        key = (user, host.lower() or self._domain)
        if found is None:
            self._plans.pop(key, None)
        else:
            self._plans[key] = found._replace(account=user, domain=key[1])

    def of(self, leg: DialLeg) -> InPlan | None:
        """Return what a call to that leg runs, where it leads to an account here that has an in dialplan."""
        match leg.target:
            case ToUser(user, host):
                pass
            case ToUri(text):
                try:
                    uri = Uri.parse(text)
                except ParseError:
                    return None
                user, host = uri.user or "", uri.host
            case _:
                return None
        host = self._domain if host.lower() == "local" else host.lower()
        return self._plans.get((user, host))
