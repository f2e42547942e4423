"""What can be wrong with a message, and what a handler says when it refuses one.

The fault decides the class: `ParseError` is the peer's, `Reject` is a decision of ours.
"""

from __future__ import annotations

from typing import Any

_LONGEST_REASON = 120


class ParseError(ValueError):
    """A message, or one header of it, that breaks the grammar.

    Attributes:
        reason: One sentence naming the header and why; printable ASCII, so that it can be a reason phrase.
        header: The header at fault, or None when it is the start line, the body or the framing.
        request: What could be read of the `Request`, when that is enough to answer it: Via, From, To, Call-ID and
            CSeq are. Messages stand on top of this.
        status: The status to answer with.
    """

    def __init__(
        self,
        reason: str,
        header: str | None = None,
        *,
        status: int = 400,
        request: Any = None,
    ) -> None:
        # ASCII, because a reason phrase that needs an encoding is one that a log or a phone gets wrong.
        printable = "".join(c if " " <= c <= "~" else "?" for c in reason[:_LONGEST_REASON])
        super().__init__(printable)
        self.reason = printable
        self.header = header
        self.status = status
        self.request = request


class FramingError(ParseError):
    """A byte stream in which the end of the message cannot be found: the connection must be closed."""


class Reject(Exception):
    """Raised by a handler that refuses a request; the pipeline answers with its status.

    `why` is for our own log and never sent: what is wrong, and what can be done about it. What is refused for a limit
    (`is_limit`) comes in numbers, and is only counted there.
    """

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        *,
        why: str | None = None,
        is_limit: bool = False,
    ) -> None:
        super().__init__(f"{status} {reason}" if reason else str(status))
        self.status = status
        self.reason = reason
        self.headers = headers
        self.why = why
        self.is_limit = is_limit
