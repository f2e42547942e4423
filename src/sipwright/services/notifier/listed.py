"""An event list, as one subscriber is told of its members with one subscription (RFC 4662).

Each NOTIFY is a multipart/related. Its first part (RLMI) names members, and each of the others is what somebody would
be told who watches that member alone: always the whole of it, as the versions that a member's documents skip would
make a part of it useless (RFC 4235 §4.3). What is full names all members, any other one those of whom there is news.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sipwright.services.ports import AccountView

from .document import attribute, text
from .ports import Name, Package
from .rights import Rights

__all__ = ["LONGEST", "Listed", "Member"]

LONGEST = 16_384
"""Bytes after which what there is to say of other members waits for the next NOTIFY: over UDP it comes in fragments."""

_NEVER, _GONE = -2, -1
"""In the place of the serial that was told: nothing was told yet, and that there is nothing to see."""


class Member:
    """A member of a list, and what its subscriber was told of it last.

    One that is not `is_there` is no account, and nothing is to be seen of one without `account`.
    """

    __slots__ = ("account", "bare", "entry", "head", "is_there", "name", "rights", "told")

    def __init__(self, name: Name, account: AccountView | None, rights: Rights) -> None:
        self.name = name
        self.is_there = account is not None
        self.account = None if rights is Rights.NONE else account
        self.rights = rights
        self.told = _NEVER
        self.head = b""
        uri = attribute(f"sip:{name[0]}@{name[1]}")
        self.bare = f"<resource uri={uri}/>\r\n"
        reason = "rejected" if self.is_there else "noresource"
        self.entry = self._entry(f'id="none" state="terminated" reason="{reason}"')

    def write_down(self, boundary: str, content_type: str) -> None:
        """Write down what stands before each document of it, and where the list says that this is (RFC 4662 §5.4)."""
        if self.account is None:
            return
        number = self.account.id
        cid = f"{number}@{boundary}"
        self.entry = self._entry(f'id="{number}" state="active" cid="{cid}"')
        self.head = _part_head(boundary, cid, content_type)

    def _entry(self, instance: str) -> str:
        return f"{self.bare[:-4]}><name>{text(self.name[0])}</name><instance {instance}/></resource>\r\n"

    def is_as(self, other: Member) -> bool:
        """Return whether another one shows the same account, and as much of it."""
        return self._shown() == other._shown()

    def _shown(self) -> tuple[bool, int | None, Rights]:
        return self.is_there, None if self.account is None else self.account.id, self.rights


class Listed:
    """The members of a list for one subscriber.

    One that `is_stale` is looked up before anything is told; `has_more` says that the last NOTIFY had no room for all
    that is new.
    """

    __slots__ = ("_boundary", "_is_other", "content_type", "has_more", "is_fetched", "is_stale", "members")

    def __init__(self, boundary: str) -> None:
        """Make it; the boundary is known to nobody but the subscriber, as others write documents of members."""
        self._boundary = boundary
        self.content_type = (
            f'multipart/related;type="application/rlmi+xml";start="<list@{boundary}>";boundary="{boundary}"'
        )
        self.members: Sequence[Member] = ()
        self.is_stale = True
        self.is_fetched = self.has_more = self._is_other = False

    @property
    def accounts(self) -> set[int]:
        """The accounts of which there is anything to see."""
        return {each.account.id for each in self.members if each.account is not None}

    @property
    def is_incomplete(self) -> bool:
        """Whether an account that is made may be a member."""
        return not all(each.is_there for each in self.members)

    def take(self, found: Iterable[Member], package: Package) -> None:
        """Take who the members are now; those that are as they were have been told of already."""
        known, now = {each.name: each for each in self.members}, []
        for member in found:
            before = known.get(member.name)
            if before is not None and before.is_as(member):
                member = before
            else:
                member.write_down(self._boundary, package.content_type)
            now.append(member)
        self._is_other |= [each.name for each in now] != [each.name for each in self.members]
        self.members, self.is_stale = now, False

    def body(self, package: Package, uri: str, version: int, *, is_full: bool) -> bytes | None:
        """Return what is told next; None where that is nothing."""
        if is_full := is_full or self._is_other:
            self._is_other = False
            for member in self.members:
                member.told = _NEVER
        entries, parts = self._news(package, version, is_full)
        if not entries and not is_full:
            return None
        boundary = self._boundary
        full = "true" if is_full else "false"
        root = (
            '<?xml version="1.0" encoding="UTF-8"?>\r\n<list xmlns="urn:ietf:params:xml:ns:rlmi" '
            f'uri={attribute(uri)} version="{version}" fullState="{full}">\r\n{"".join(entries)}</list>\r\n'
        )
        head = _part_head(boundary, f"list@{boundary}", 'application/rlmi+xml;charset="UTF-8"')
        return b"".join((head[2:], root.encode(), *parts, f"\r\n--{boundary}--\r\n".encode()))

    def _news(self, package: Package, version: int, is_full: bool) -> tuple[list[str], list[bytes]]:
        """Return what the list says of members of whom there is news, and the parts with their documents."""
        entries: list[str] = []
        parts: list[bytes] = []
        room = LONGEST - (sum(len(each.bare) for each in self.members) if is_full else 0)
        self.has_more = False
        for member in self.members:
            account, told = member.account, member.told
            serial = _GONE if account is None else package.serial(account.id)
            if serial == told:
                continue
            if room <= 0:
                self.has_more = True
                if is_full:
                    entries.append(member.bare)  # a member, of which nothing is told yet
                continue
            entries.append(member.entry)
            if account is not None:
                seen = serial if told < 0 else told
                document = package.document(account, member.rights, seen, is_full=True).body(version)
                parts += member.head, document
                room -= len(member.head) + len(document)
            room -= len(member.entry)
            member.told = serial
        return entries, parts


def _part_head(boundary: str, cid: str, content_type: str) -> bytes:
    return (
        f"\r\n--{boundary}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{cid}>\r\n"
        f"Content-Type: {content_type}\r\n\r\n"
    ).encode()
