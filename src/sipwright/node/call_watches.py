"""Several watches in the place of one: events for readers and busy lamps look at the same calls and phones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sipwright.services.registrar import Binding, BindingWatch
from sipwright.services.switch import Call, CallWatch

__all__ = ["BindingWatches", "CallWatches"]


class CallWatches:
    """The watches of all calls; with none there is nothing to ask, and one is asked itself."""

    def __init__(self, put: Callable[[CallWatch[Call] | None], object]) -> None:
        """Make it; `put` hangs what is to be asked into the switch."""
        self._put = put
        self._watches: dict[str, CallWatch[Call]] = {}

    def set(self, name: str, watch: CallWatch[Call] | None) -> None:
        """Ask this watch under that name, or nobody any more."""
        if watch is None:
            self._watches.pop(name, None)
        else:
            self._watches[name] = watch
        watches = list(self._watches.values())
        self._put(None if not watches else watches[0] if len(watches) == 1 else self)

    def changed(self, call: Call) -> Callable[[], object] | None:
        """Let all of them look at a call; returns what is to be done when its row is stored."""
        found = [tell for watch in self._watches.values() if (tell := watch.changed(call)) is not None]
        return partial(_do_all, found) if found else None

    def gone(self, call: Call) -> Callable[[], object] | None:
        """Let all of them look at a call for the last time, as it goes on at another node."""
        found = [tell for watch in self._watches.values() if (tell := watch.gone(call)) is not None]
        return partial(_do_all, found) if found else None


class BindingWatches:
    """The watches of all bindings."""

    def __init__(self, put: Callable[[BindingWatch | None], object]) -> None:
        """Make it; `put` hangs what is to be told into the registrar."""
        self._put = put
        self._watches: dict[str, BindingWatch] = {}

    def set(self, name: str, watch: BindingWatch | None) -> None:
        """Tell this watch under that name, or nobody any more."""
        if watch is None:
            self._watches.pop(name, None)
        else:
            self._watches[name] = watch
        self._put(self if self._watches else None)

    def changed(self, account_id: int, before: Sequence[Binding], after: Sequence[Binding], why: str) -> None:
        """Tell all of them."""
        for watch in self._watches.values():
            watch.changed(account_id, before, after, why)


def _do_all(actions: list[Callable[[], object]]) -> None:
    for action in actions:
        action()
