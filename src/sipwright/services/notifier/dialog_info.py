"""The event package `dialog` (RFC 4235): the calls of an account's phones, as a busy-lamp key shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sipwright.services.ports import AccountView

from .document import Document, attribute, text
from .rights import Rights

__all__ = ["DialogInfo", "DialogState"]

MOST_ENDED = 4
"""Dialogs of an account that are over and still remembered, for subscribers who have not heard of it."""


LONGEST = 32_768
"""Characters of dialogs in a document, which has to fit into a datagram: of more the latest are told."""


_HEAD = b'<?xml version="1.0"?>\r\n<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="'


class DialogState(NamedTuple):
    """One dialog of a phone with the switch; `state` is trying, early, confirmed or terminated.

    Call-ID and tags are what a phone names the dialog by that would pick it up (RFC 3891): `local_tag` is that of the
    phone which is watched, `remote_tag` ours.
    """

    key: str
    state: str
    direction: str
    call_id: str
    local_tag: str
    remote_tag: str
    remote_identity: str
    remote_name: str = ""


class _Known(NamedTuple):
    """A dialog as it is since a change, and how that is written for those who see so much of it."""

    number: int
    serial: int
    dialog: DialogState
    texts: dict[Rights, str]

    def text(self, entity: str, rights: Rights) -> str:
        """Return it as a document has it."""
        found = self.texts.get(rights)
        if found is None:
            found = self.texts[rights] = _written(self.number, self.dialog, entity, rights)
        return found


class _Dialogs:
    """The dialogs of one account; each change has a serial, and what is below `floor` is forgotten."""

    __slots__ = ("_counted", "_rendered", "_rendered_at", "floor", "known", "serial")

    def __init__(self) -> None:
        self.known: dict[str, _Known] = {}
        self.serial = self.floor = self._counted = 0
        self._rendered: dict[tuple[int, bool, Rights], Document] = {}
        self._rendered_at = 0

    def put(self, dialog: DialogState) -> bool:
        """Take the state of a dialog; False when that is no news."""
        before = self.known.get(dialog.key)
        if before is None:
            if dialog.state == "terminated":
                return False
            self._counted += 1
            number = self._counted
        elif before.dialog == dialog or before.dialog.state == "terminated":
            return False
        else:
            number = before.number
        self.serial += 1
        self.known.pop(dialog.key, None)  # the latest change is the last
        self.known[dialog.key] = _Known(number, self.serial, dialog, {})
        if dialog.state == "terminated":
            self._forget()
        return True

    def _forget(self) -> None:
        ended = [each for each in self.known.values() if each.dialog.state == "terminated"]
        for each in ended[:-MOST_ENDED]:
            self.floor = max(self.floor, each.serial)
            del self.known[each.dialog.key]

    def document(self, account: AccountView, rights: Rights, seen: int, *, is_full: bool) -> Document:
        """Return what a subscriber is told who has `seen` all changes up to a serial."""
        if self._rendered_at != self.serial:
            self._rendered.clear()
            self._rendered_at = self.serial
        is_full = is_full or seen < self.floor
        found = self._rendered.get((seen, is_full, rights))
        if found is None:
            entity = f"sip:{account.username}@{account.domain}"
            found = self._rendered[seen, is_full, rights] = self._render(entity, rights, seen, is_full)
        return found

    def _render(self, entity: str, rights: Rights, since: int, is_all: bool) -> Document:
        if is_all:
            told = [
                each
                for each in self.known.values()
                if each.dialog.state != "terminated" or each.serial > since
            ]
        else:
            told = [each for each in self.known.values() if each.serial > since]
            # A phone that has only one call is told the whole of it each time: not all of them can put parts together.
            is_all = all(
                each.serial > since or each.dialog.state == "terminated" for each in self.known.values()
            )
        state = "full" if is_all else "partial"
        tail = f'" state="{state}" entity={attribute(entity)}>\r\n'
        tail += _latest_of([each.text(entity, rights) for each in told]) + "</dialog-info>\r\n"
        return Document(_HEAD, tail.encode())


class DialogInfo:
    """The dialogs of the accounts that somebody watches."""

    event = "dialog"
    content_type = "application/dialog-info+xml"
    is_public = True

    def __init__(self) -> None:
        self._accounts: dict[int, _Dialogs] = {}

    def watch(self, *account_ids: int) -> None:
        """Keep the dialogs of accounts from now on."""
        for account_id in account_ids:
            self._accounts.setdefault(account_id, _Dialogs())

    def unwatch(self, *account_ids: int) -> None:
        """Keep them no more: nobody watches them."""
        for account_id in account_ids:
            self._accounts.pop(account_id, None)

    def put(self, account_id: int, dialogs: Iterable[DialogState]) -> bool:
        """Take dialogs of an account as they are now; returns whether there is anything to tell."""
        kept = self._accounts.get(account_id)
        return kept is not None and sum(kept.put(each) for each in dialogs) > 0

    def states(self, account_id: int) -> list[str]:
        """Return the states of the dialogs of an account that are not over."""
        kept = self._accounts.get(account_id)
        known = [] if kept is None else [each.dialog.state for each in kept.known.values()]
        return [state for state in known if state != "terminated"]

    def serial(self, account_id: int) -> int:
        """Return the serial of the last change."""
        kept = self._accounts.get(account_id)
        return 0 if kept is None else kept.serial

    def document(self, account: AccountView, rights: Rights, seen: int, *, is_full: bool) -> Document:
        """Return what a subscriber is told."""
        kept = self._accounts.get(account.id) or _Dialogs()
        return kept.document(account, rights, seen, is_full=is_full)


def _latest_of(written: list[str]) -> str:
    """Return dialogs in their order, as many of the last ones as there is room for."""
    whole = "".join(written)
    while len(whole) > LONGEST:
        whole = whole.removeprefix(written.pop(0))
    return whole


def _written(number: int, dialog: DialogState, entity: str, rights: Rights) -> str:
    parties, names = "", ""
    if rights >= Rights.PARTIES:
        names = f" call-id={attribute(dialog.call_id)}"
        if dialog.local_tag:
            names += f" local-tag={attribute(dialog.local_tag)}"
        if dialog.remote_tag:
            names += f" remote-tag={attribute(dialog.remote_tag)}"
        display = f" display={attribute(dialog.remote_name)}" if dialog.remote_name else ""
        parties = (
            f"<local><identity>{text(entity)}</identity><target uri={attribute(entity)}/></local>\r\n"
            f"<remote><identity{display}>{text(dialog.remote_identity)}</identity>"
            f"<target uri={attribute(dialog.remote_identity)}/></remote>\r\n"
        )
    return (
        f'<dialog id="d{number}"{names} direction="{dialog.direction}">\r\n'
        f"<state>{dialog.state}</state>\r\n{parties}</dialog>\r\n"
    )
