"""Where the registrar and the notifier meet: phones that come and go, as those who watch an account are told."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from sipwright.services.notifier import Contact, Notifier, Presence, RegInfo
from sipwright.services.ports import Clock, Writer
from sipwright.services.registrar import Binding, LocationTable

__all__ = ["RegistrationWatch"]


class RegistrationWatch:
    """The packages `presence` and `reg`, and the watch over bindings that they need while somebody watches."""

    def __init__(
        self, writer: Writer, unix_time: Clock, locations: LocationTable, on_use: Callable[[bool], object]
    ) -> None:  # fmt: skip
        """Make it; `on_use` is told when the first account is watched, and when none is any more."""
        self.presence = Presence(writer, unix_time, self._is_registered, self._use)
        self.reg_info = RegInfo(self._contacts, self._use)
        self.notifier: Notifier | None = None
        self._locations = locations
        self._on_use = on_use
        self._watched: Counter[int] = Counter()

    def changed(self, account_id: int, before: Sequence[Binding], after: Sequence[Binding], why: str) -> None:
        """Tell that phones have come or gone; one that was refreshed is no news."""
        if account_id in self._watched and {one.contact for one in before} != {one.contact for one in after}:
            self._tell(self.presence, account_id)
            self._tell(self.reg_info, account_id)

    def expire(self) -> None:
        """Tell of what was published and has run out."""
        for account_id in self.presence.expire():
            self._tell(self.presence, account_id)

    def _tell(self, package: Presence | RegInfo, account_id: int) -> None:
        package.touch(account_id)
        if self.notifier is not None:
            self.notifier.changed(package.event, account_id)

    def _use(self, account_id: int, is_used: bool) -> None:
        was_used = bool(self._watched)
        self._watched[account_id] += 1 if is_used else -1
        if self._watched[account_id] <= 0:
            del self._watched[account_id]
        if was_used != bool(self._watched):
            self._on_use(bool(self._watched))

    def _is_registered(self, account_id: int) -> bool:
        return bool(self._locations.targets(account_id, time.monotonic()))

    def _contacts(self, account_id: int) -> list[Contact]:
        now = time.monotonic()
        return [
            Contact(one.uri, int(one.expires_at - now))
            for one in self._locations.bindings(account_id)
            if not one.has_expired(now)
        ]
