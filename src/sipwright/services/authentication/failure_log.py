"""The log line on credentials that were wrong: for whoever asks why a phone does not register, and for fail2ban."""

from __future__ import annotations

from urllib.parse import quote

import structlog

from sipwright.stack import Incoming
from sipwright.stack.throttle import Throttle
from sipwright.transport.flow import format_address

__all__ = ["FailureLog"]

log = structlog.get_logger(__name__)

EVERY = 60.0
LONGEST_USER = 64


class FailureLog:
    """Writes one line for each source address and user in a minute, and not too many in all."""

    __slots__ = ("_throttle",)

    def __init__(self) -> None:
        self._throttle = Throttle(every=EVERY)

    def failed(self, incoming: Incoming, username: str, domain: str, reason: str) -> None:
        """Note that the credentials of a request were wrong; `incoming.now` says when.

        The name comes from a stranger: whatever could look like another field or another line is escaped as in a URI.
        """
        name = quote(username[:LONGEST_USER], safe="+*!", errors="replace")
        suppressed = self._throttle.admit((incoming.source[0], name, domain), incoming.now)
        if suppressed is not None:
            log.warning(
                "authentication failed",
                user=f"{name}@{domain}",
                source=format_address(incoming.source),
                method=incoming.request.method,
                reason=reason,
                suppressed=suppressed,
            )
