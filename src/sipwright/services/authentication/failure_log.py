"""The log line on credentials that were wrong: for whoever asks why a phone does not register, and for fail2ban."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import structlog

from sipwright.memo import Bounded
from sipwright.services.ports import AccountView
from sipwright.stack import Incoming
from sipwright.stack.throttle import Throttle
from sipwright.transport.flow import format_address

__all__ = ["FailureLog"]

log = structlog.get_logger(__name__)

EVERY = 60.0
LONGEST_USER = 64


class FailureLog:
    """Writes one line for each source address and user in a minute, and not too many in all."""

    __slots__ = ("_throttle", "_tries", "on_failure", "watch")

    def __init__(self) -> None:
        self._throttle = Throttle(every=EVERY)
        self._tries: Bounded[tuple[str, str, str], int] = Bounded()
        self.watch: Callable[[str, str, dict[str, Any]], None] | None = None
        """Is told what a line says, as often as there is one, and of which user and domain."""
        self.on_failure: Callable[[Incoming, str, str, AccountView | None], object] | None = None
        """Is told of each failure, why it is one, of which user, and whether that has an account."""

    def failed(
        self, incoming: Incoming, username: str, domain: str, reason: str, account: AccountView | None
    ) -> None:
        """Note that the credentials of a request were wrong; `incoming.now` says when.

        The line says how many `tries` of this source and user there were since its last line, and how many lines of
        all were held back (`suppressed`). The name comes from a stranger: whatever could look like another field or
        another line is escaped as in a URI.
        """
        if self.on_failure is not None:
            self.on_failure(incoming, reason, username[:LONGEST_USER], account)
        name = quote(username[:LONGEST_USER], safe="+*!", errors="replace")
        key = (incoming.source[0], name, domain)
        tries = self._tries.pop(key, 0) + 1
        suppressed = self._throttle.admit(key, incoming.now)
        if suppressed is not None:
            log.warning(
                "authentication failed",
                user=f"{name}@{domain}",
                source=format_address(incoming.source),
                method=incoming.request.method,
                reason=reason,
                tries=tries,
                suppressed=suppressed,
            )
            if self.watch is not None:
                source, method = format_address(incoming.source), incoming.request.method
                said = {
                    "user": f"{name}@{domain}",
                    "source": source,
                    "method": method,
                    "reason": reason,
                    "tries": tries,
                }
                self.watch(username, domain, said)
        else:
            self._tries.keep(key, tries)
