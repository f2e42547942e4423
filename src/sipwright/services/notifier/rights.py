"""The rights of those who watch an account: its owner says who may, and how much of it, in its setting `watched_by`.

The setting is lines of ``WHO`` or ``WHO parties``. WHO is an account (``bob@example.org``), ``owner`` for all accounts
of the same owner, or ``anyone`` for all accounts here. Without a setting it is ``owner parties``.
"""

from __future__ import annotations

from enum import IntEnum

from sipwright.services.ports import AccountView

__all__ = ["PARTIES", "USUAL", "Rights", "rights_of"]

USUAL = "owner parties"
"""What the setting is as long as nobody has set it."""

PARTIES = "parties"


class Rights(IntEnum):
    """What a subscriber sees: nothing; that there is a call; also with whom, and what it takes to pick that up."""

    NONE = 0
    LAMP = 1
    PARTIES = 2


def rights_of(setting: str | None, watched: AccountView, subscriber: AccountView) -> Rights:
    """Return what `subscriber` may see of `watched`; of itself everybody sees everything."""
    if watched.id == subscriber.id:
        return Rights.PARTIES
    found = Rights.NONE
    for line in (USUAL if setting is None else setting).splitlines():
        who, _, what = line.strip().partition(" ")
        if _is_among(subscriber, who, watched):
            found = max(found, Rights.PARTIES if what.strip() == PARTIES else Rights.LAMP)
    return found


def _is_among(subscriber: AccountView, who: str, watched: AccountView) -> bool:
    if who == "anyone":
        return True
    if who == "owner":
        return subscriber.user_id == watched.user_id
    return who == f"{subscriber.username}@{subscriber.domain}"
