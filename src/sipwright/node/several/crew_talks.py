"""Phones that have a call at another worker: they may want to join the next one with it, which takes one process."""

from __future__ import annotations

import re

from sipwright.memo import Bounded

__all__ = ["MOST_TALKS", "CrewTalks"]

MOST_TALKS = 4_096
"""Phones of which it is known that they have a call at another worker."""

_TO_TAG = re.compile(rb"(?i)\n(?:to|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=")
_INVITED = re.compile(rb"(?i)\ncseq[ \t]*:[ \t]*[0-9]+[ \t]+INVITE")
_ENDED = re.compile(rb"(?i)\ncseq[ \t]*:[ \t]*[0-9]+[ \t]+BYE")


class CrewTalks:
    """The calls that phones of this worker have at others, as far as can be seen in what is handed on.

    Attributes:
        at: The worker of each call, by the key of the flow of its phone.
    """

    def __init__(self) -> None:
        self.at: Bounded[str, str] = Bounded(MOST_TALKS)

    def note(self, data: bytes, key: str, node: str) -> None:
        """Take note that a phone has a call at another worker, or has it no more."""
        if data.startswith(b"SIP/2.0 2"):
            if _INVITED.search(data) is not None:
                self.at.keep(key, node)
            elif _ENDED.search(data) is not None:
                self.at.pop(key, None)
        elif data.startswith(b"BYE "):
            self.at.pop(key, None)

    def beside(self, invite: bytes, key: str) -> str | None:
        """Return the worker that has a call of whoever begins another one."""
        node = self.at.get(key)
        return None if node is None or _TO_TAG.search(invite) is not None else node
