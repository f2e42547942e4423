"""Where calls and the notifier meet: the dialogs of an account's phones, as those who watch it are told (RFC 4235).

It looks at calls only while somebody watches an account, and then at most at the legs of a call whose row is stored.
What it has seen is told when that row is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal

from sipwright.services.notifier import DialogInfo, DialogState, Notifier
from sipwright.services.switch import LOOP_FLOW, Call, Leg, LegState
from sipwright.sip import NameAddr, ParseError

__all__ = ["DialogWatch"]

Seen = list[tuple[int, DialogState]]

_STATES = {
    LegState.CALLING: "trying",
    LegState.RINGING: "early",
    LegState.ANSWERED: "confirmed",
}
"""What the state of a leg is to a busy lamp; whatever else is over, or has not begun."""


class DialogWatch:
    """Knows the dialogs of the accounts that are watched."""

    event = DialogInfo.event

    def __init__(self, calls: Callable[[], Iterable[Call]], on_use: Callable[[bool], object]) -> None:
        """Make it; `on_use` is told when the first account is watched, and when none is any more."""
        self.info = DialogInfo()
        self.serial, self.document = self.info.serial, self.info.document
        self.notifier: Notifier | None = None
        self._calls = calls
        self._on_use = on_use
        self.watched: set[int] = set()
        """Of whom somebody here wants to know."""
        self._lent: set[int] = set()
        self._looked_at: set[int] = set()
        self._is_filled = True
        self.on_own: Callable[[int, DialogState], object] = _nobody_else
        """Hears of each dialog here of an account that is looked at."""

    # The package, which knows of an account only while it is watched.

    content_type = DialogInfo.content_type
    is_public = DialogInfo.is_public

    def watch(self, *account_ids: int) -> None:
        """Look at the calls of accounts from now on."""
        self.watched.update(account_ids)
        self.info.watch(*account_ids)
        self._look_at()
        if self._is_filled:
            self._fill(set(account_ids))

    def unwatch(self, *account_ids: int) -> None:
        """Look at their calls no more."""
        self.watched.difference_update(account_ids)
        self.info.unwatch(*account_ids)
        self._look_at()

    def lend(self, accounts: set[int]) -> None:
        """Look at the calls of accounts for lamps at other nodes, too."""
        new, self._lent = accounts - self._looked_at, accounts
        self._look_at()
        if new and self._is_filled:
            self._fill(new)

    def put(self, account_id: int, dialogs: list[DialogState]) -> None:
        """Take dialogs of an account that are at another node."""
        if self.info.put(account_id, dialogs) and self.notifier is not None:
            self.notifier.changed(self.event, account_id)

    def _look_at(self) -> None:
        was_used, self._looked_at = bool(self._looked_at), self.watched | self._lent
        if was_used != bool(self._looked_at):
            self._on_use(not was_used)

    def hold(self) -> None:
        """Look at no call for accounts that are watched now: `fill` goes through all of them once, for all."""
        self._is_filled = False

    def fill(self) -> None:
        """Look at all calls for all accounts that are watched."""
        self._is_filled = True
        self._fill(self._looked_at)

    def _fill(self, accounts: set[int]) -> None:
        for call in self._calls():
            for account_id, dialog in _dialogs(call, accounts):
                self.on_own(account_id, dialog)
                self.info.put(account_id, (dialog,))

    # The watch.

    def changed(self, call: Call) -> Callable[[], object] | None:
        """Look at a call whose row is about to be stored."""
        watched = self._looked_at
        if call.identity.account_id not in watched and not any(
            leg.destination.account_id in watched for leg in call.legs
        ):
            return None
        return partial(self._tell, _dialogs(call, watched))

    def gone(self, call: Call) -> Callable[[], object] | None:
        """Show the dialogs of a call no more that goes on at another node, which shows them."""
        seen = [
            (account_id, dialog._replace(state="terminated"))
            for account_id, dialog in _dialogs(call, self._looked_at)
        ]
        return partial(self._tell, seen) if seen else None

    def _tell(self, seen: Seen) -> None:
        for account_id, dialog in seen:
            self.on_own(account_id, dialog)
            if self.info.put(account_id, (dialog,)) and self.notifier is not None:
                self.notifier.changed(self.event, account_id)


def _nobody_else(account_id: int, dialog: DialogState) -> None:
    """Tell nobody: there is one node alone."""


def _dialogs(call: Call, watched: set[int]) -> Seen:
    """Return the dialogs of the phones of some accounts in a call."""
    found: Seen = []
    identity = call.identity
    if identity.direction == "out" and identity.account_id in watched and call.originator is None:
        assert identity.account_id is not None
        found.append((identity.account_id, _of_caller(call)))
    for leg in call.legs:
        account_id = leg.destination.account_id
        is_there = leg.destination.flow != LOOP_FLOW or leg.destination.parked is not None
        if account_id in watched and is_there:
            assert account_id is not None
            state = _STATES.get(leg.state, "terminated")
            remote, name = _shown_caller(call, leg)
            tag = "" if leg.dialog is None else leg.dialog.remote_tag
            dialog = DialogState(
                leg.local_tag, state, "recipient", leg.sip_call_id, tag, leg.local_tag, remote, name
            )
            found.append((account_id, dialog))
    return found


def _of_caller(call: Call) -> DialogState:
    caller = call.caller
    tag = caller.dialog.remote_tag if caller.dialog is not None else ""
    if not tag and caller.invite is not None:
        tag = caller.invite.from_tag or ""
    state = _STATES.get(caller.state, "terminated")
    return DialogState(
        f"{call.id}.0", state, "initiator", caller.sip_call_id, tag, caller.local_tag, _plain(call.to_text)
    )


def _plain(uri: str) -> str:
    return uri.partition(";")[0].partition("?")[0]


def _shown_caller(call: Call, leg: Leg) -> tuple[str, str]:
    """Return address and name of who calls; no lamp shows somebody whom the phone that rings is not shown."""
    told = _address(leg, "local_uri")
    if told is None or not told.uri.is_anonymous:
        said = _address(call.caller, "remote_uri")
        return call.from_text, "" if said is None else said.display_name or ""
    return str(told.uri), told.display_name or ""


def _address(leg: Leg, side: Literal["local_uri", "remote_uri"]) -> NameAddr | None:
    """Return who calls: as the INVITE of a leg says it, or afterwards one side of its dialog."""
    try:
        if leg.invite is not None:
            return leg.invite.from_
        return None if leg.dialog is None else NameAddr.parse(getattr(leg.dialog, side))
    except ParseError:
        return None
