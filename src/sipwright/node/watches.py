"""What a node tells of besides its calls: phones that come and go, providers, scripts, what was refused, itself.

The watches are hung into the parts of the node while somebody reads the events, and taken away again when nobody does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sipwright.services.dialplan import Failed, LogLine, Plan
from sipwright.services.linking import listing
from sipwright.services.own_probes import NODE_USER
from sipwright.services.registrar import Binding
from sipwright.services.rows import ExecutionRow

from .event_stream import EventStream

if TYPE_CHECKING:
    from sipwright.store.live.directory import Directory

__all__ = ["BindingEvents", "DirectoryNames", "ProviderEvents", "ScriptEvents", "SecurityEvents"]

MOST = 256
"""Characters of a text of a script that are noted: somewhat more than are shown."""

InTurn = Callable[[str, Callable[[str], None]], None]
"""Calls for a call by its id, when what was stored of it is told, with the id that all its parts have in common."""


class DirectoryNames:
    """Names things as the directory knows them."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory

    def user(self, user_id: int) -> str | None:
        """Return the name of a user."""
        user = self.directory.users.get(user_id)
        return None if user is None else user.name

    def account(self, account_id: int | None) -> str | None:
        """Return an account as ``alice@example.org``."""
        account = None if account_id is None else self.directory.account_by_id(account_id)
        return None if account is None else f"{account.username}@{account.domain}"

    def owner(self, account_id: int) -> int | None:
        """Return whose an account is."""
        account = self.directory.account_by_id(account_id)
        return None if account is None else account.user_id


class BindingEvents:
    """Tells of phones that register, and of those that do so no more."""

    def __init__(self, stream: EventStream, names: DirectoryNames) -> None:
        self._stream = stream
        self._names = names

    def changed(self, account_id: int, before: Sequence[Binding], after: Sequence[Binding], why: str) -> None:
        """Tell which bindings are new, and which have gone; one that was refreshed is no news, nor that of a probe."""
        if account_id < 0:
            return
        known, left = {one.contact for one in before}, {one.contact for one in after}
        for one in after:
            if one.contact not in known:
                self._tell("binding.added", account_id, one, None)
        for one in before:
            if one.contact not in left:
                self._tell("binding.removed", account_id, one, why)

    def _tell(self, kind: str, account_id: int, binding: Binding, why: str | None) -> None:
        names = self._names
        data = {
            "account": names.account(account_id), "contact": binding.uri,
            "source": _source(binding.source), "why": why,
        }  # fmt: skip
        self._stream.tell(kind, names.owner(account_id), None, data)


class ProviderEvents:
    """Tells of providers whose registration, or whose servers, have come into another state."""

    def __init__(self, stream: EventStream, names: DirectoryNames) -> None:
        self._stream = stream
        self._names = names
        self._states: dict[int, tuple[str, str | None]] = {}

    def registered(self, provider_id: int, state: str, why: str | None) -> None:
        """Tell how a registration stands, if that is news."""
        if self._states.get(provider_id) == (state, why):
            return
        self._states[provider_id] = (state, why)
        if state == "removed":
            del self._states[provider_id]
        self._tell(provider_id, {"state": state, "reason": why})

    def reached(self, provider_id: int, server: str | None, why: str | None) -> None:
        """Tell that a server of a provider does not answer, or that all of them do again."""
        state = "reachable" if server is None else "unreachable"
        self._tell(provider_id, {"state": state, "server": server, "reason": why})

    def clear(self) -> None:
        """Forget all states."""
        self._states.clear()

    def _tell(self, provider_id: int, data: dict[str, Any]) -> None:
        provider = self._names.directory.provider_by_id(provider_id)
        if provider is not None:
            self._stream.tell("provider.state", provider.user_id, None, {"provider": provider.name, **data})


class ScriptEvents:
    """Tells where scripts are, what they say, and why they fail."""

    def __init__(self, stream: EventStream, in_turn: InTurn) -> None:
        """Make one; `in_turn` lets a call begin before its script does."""
        self._stream = stream
        self._in_turn = in_turn

    def waits(self, row: ExecutionRow, plan: Plan, function: str, line: int | None) -> None:
        """Tell in which line a script waits."""
        self._tell("script.line", row, plan, (line, _text(plan, line), function, None))

    def said(self, row: ExecutionRow, plan: Plan, lines: list[LogLine]) -> None:
        """Tell what a script has said."""
        for line in lines[:10]:
            said = line.line, _text(plan, line.line), None, line.text[:MOST]
            self._tell("script.line", row, plan, said)

    def failed(self, row: ExecutionRow, plan: Plan, failed: Failed) -> None:
        """Tell why a script has failed."""
        said = failed.line, _text(plan, failed.line), failed.message[:MOST], str(failed.kind)
        self._tell("script.failed", row, plan, said)

    def _tell(self, kind: str, row: ExecutionRow, plan: Plan, own: tuple[Any, ...]) -> None:
        if row.user_id == NODE_USER:
            return
        said = (plan.name, plan.version), own

        def tell(common_id: str | None) -> None:
            self._stream.tell(kind, row.user_id, common_id, said)

        if row.call_id is None:
            tell(None)
        else:
            self._in_turn(row.call_id, tell)


class SecurityEvents:
    """Tells of credentials that were wrong and of requests that were refused: as often as the log does."""

    def __init__(self, stream: EventStream, names: DirectoryNames) -> None:
        self._stream = stream
        self._names = names

    def failed(self, username: str, domain: str, data: dict[str, Any]) -> None:
        """Tell of wrong credentials; whose account it is hears of it, too."""
        account = self._names.directory.account(username, domain)
        owner = None if account is None else account.user_id
        name = None if account is None else f"{account.username}@{account.domain}"
        self._stream.tell("security.refused", owner, None, {"what": "credentials", "account": name, **data})

    def refused(self, data: dict[str, Any]) -> None:
        """Tell of a request that was refused."""
        self._stream.tell("security.refused", None, None, {"what": "request", **data})


def _text(plan: Plan, line: int | None) -> str | None:
    """Return a line of a script."""
    if line is None:
        return None
    lines = listing(plan.source, plan.modules).split("\n", line)
    return lines[line - 1].strip()[:MOST] if 0 < line <= len(lines) else None


def _source(flow: str) -> str:
    """Return the far end of a flow, by its key."""
    return flow.rpartition("/")[2]
