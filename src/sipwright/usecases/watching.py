"""Who may watch an account, and whom one is a list of: read, and changed with a row in the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import Connection

from sipwright.services.notifier import USUAL
from sipwright.store.admin import accounts
from sipwright.store.admin.specs import AccountChange
from sipwright.store.crypto import KeyRing
from sipwright.store.errors import at_field
from sipwright.store.schema.entities import Account
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Invalid
from sipwright.usecases.trail import note

__all__ = [
    "LONGEST", "MOST", "Change", "WatchedBy", "changed", "members_of", "only", "set_members", "watch", "watched_by",
]  # fmt: skip

MOST = 1_000
"""Whom an account may name as those who watch it, or as members of the list that it is."""

LONGEST = 30_000
"""Characters of the names of all members: a list has to fit into a datagram."""

WatchedBy = dict[str, str]
"""Who may watch an account, and what they see: the `lamp`, or the `parties` too."""

Change = Callable[[Connection, KeyRing, WatchedBy], WatchedBy]
"""Returns who may watch after a change."""


def watched_by(setting: str | None) -> WatchedBy:
    """Read who may watch an account."""
    lines = (USUAL if setting is None else setting).splitlines()
    return {who: what or "lamp" for who, _, what in (line.partition(" ") for line in lines)}


def changed(allow: Iterable[str], forbid: Iterable[str], *, has_parties: bool) -> Change:
    """Return the change that lets some watch, and others no more."""
    allowed, forbidden = list(allow), list(forbid)

    def change(connection: Connection, keys: KeyRing, before: WatchedBy) -> WatchedBy:
        after = dict(before)
        with at_field("who"):
            for who in allowed:
                after[_whom(connection, keys, who)] = "parties" if has_parties else "lamp"
            for who in forbidden:
                after.pop(_whom(connection, keys, who), None)
        return after

    return change


def only(wanted: Mapping[str, str]) -> Change:
    """Return the change that lets these watch, and nobody else.

    Raises:
        Invalid: Nobody can see such a thing.
    """
    if wrong := {what for what in wanted.values() if what not in ("lamp", "parties")}:
        raise Invalid.of("watched_by", f"what one sees is lamp or parties, not {min(wrong)!r}")

    def change(connection: Connection, keys: KeyRing, _before: WatchedBy) -> WatchedBy:
        with at_field("watched_by"):
            return {_whom(connection, keys, who): what for who, what in wanted.items()}

    return change


def watch(connection: Connection, keys: KeyRing, actor: Actor, account: Account, change: Change) -> WatchedBy:
    """Change who may watch an account; returns who may now."""
    before = watched_by(account.watched_by)
    after = change(connection, keys, before)
    if len(after) > MOST:
        raise Invalid.of("watched_by", f"{MOST:,} may watch an account; 'owner' and 'anyone' are for more")
    if after != before:
        setting = "\n".join(who if what == "lamp" else f"{who} {what}" for who, what in after.items())
        accounts.change(connection, keys, account.aor, AccountChange(watched_by=setting))
        note(connection, actor, "accounts.watch", account.aor, dict(before), dict(after))
    return after


def members_of(setting: str | None) -> list[str]:
    """Read whom an account is a list of."""
    return (setting or "").splitlines()


def set_members(
    connection: Connection, keys: KeyRing, actor: Actor, account: Account, wanted: Sequence[str]
) -> list[str]:
    """Make an account a list of others, in that order, or of nobody; returns its members."""
    before = members_of(account.members)
    with at_field("members"):
        found = {name: accounts.find(connection, keys, name) for name in dict.fromkeys(wanted)}
    after = list(dict.fromkeys(one.aor for one in found.values()))
    if lists := [one.aor for one in found.values() if one.members or one.id == account.id]:
        raise Invalid.of("members", f"{lists[0]} is a list itself; name its members instead")
    if len(after) > MOST or sum(map(len, after)) > LONGEST:
        raise Invalid.of("members", f"a list has {MOST:,} members of {LONGEST:,} characters in all; make two")
    if after != before:
        accounts.change(connection, keys, account.aor, AccountChange(members="\n".join(after)))
        note(connection, actor, "accounts.set_members", account.aor, {"members": before}, {"members": after})
    return after


def _whom(connection: Connection, keys: KeyRing, who: str) -> str:
    """Return whom a right to watch is for: `owner`, `anyone`, or an account by its whole name."""
    return who if who in ("owner", "anyone") else accounts.find(connection, keys, who).aor
