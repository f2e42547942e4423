"""The event package `reg` (RFC 3680): which phones of an account are registered, for those of its owner."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sipwright.services.ports import AccountView

from .document import Document, Serials, attribute, text
from .rights import Rights

__all__ = ["Contact", "RegInfo"]


class Contact(NamedTuple):
    """Where a phone is registered, and for how many seconds still."""

    uri: str
    expires: int


class RegInfo(Serials):
    """The registrations of the accounts that somebody watches."""

    event = "reg"
    content_type = "application/reginfo+xml"
    is_public = False

    def __init__(
        self, contacts: Callable[[int], Sequence[Contact]],
        on_use: Callable[[int, bool], object] = lambda _account, _is_used: None,
    ) -> None:  # fmt: skip
        """Make it; `contacts` returns those of an account, and `on_use` hears which accounts are watched."""
        super().__init__()
        self._contacts = contacts
        self._on_use = on_use

    def watch(self, *account_ids: int) -> None:
        """Take note that somebody watches accounts."""
        for account_id in account_ids:
            self._on_use(account_id, True)

    def unwatch(self, *account_ids: int) -> None:
        """Take note that nobody does any more."""
        for account_id in account_ids:
            self._serials.pop(account_id, None)
            self._on_use(account_id, False)

    def document(self, account: AccountView, rights: Rights, seen: int, *, is_full: bool) -> Document:
        """Return all registrations of an account: a contact that is gone is not there any more (RFC 3680 §5.2)."""
        contacts = self._contacts(account.id)
        aor = f"sip:{account.username}@{account.domain}"
        head = '<?xml version="1.0"?>\r\n<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="'
        tail = f'" state="full">\r\n<registration aor={attribute(aor)} id="r{account.id}" '
        tail += f'state="{"active" if contacts else "terminated"}">\r\n'
        tail += "".join(map(_written, contacts)) + "</registration>\r\n</reginfo>\r\n"
        return Document(head.encode(), tail.encode())


def _written(contact: Contact) -> str:
    name = f"c{zlib.crc32(contact.uri.encode('utf-8', 'surrogateescape')):08x}"
    return (
        f'<contact id="{name}" state="active" event="registered" expires="{max(0, contact.expires)}">'
        f"<uri>{text(contact.uri)}</uri></contact>\r\n"
    )
