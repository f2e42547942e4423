"""Text messages (RFC 3428) that people send from a face."""

from __future__ import annotations

from dataclasses import dataclass

from sipwright.usecases.actor import Actor
from sipwright.usecases.ground import Ground

__all__ = ["MessageSent", "Messages"]


@dataclass(frozen=True, slots=True)
class MessageSent:
    """What became of a message: the final response to it."""

    status: int
    reason: str


class Messages:
    """Sends texts to phones."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def send(self, actor: Actor, from_: str, to: str, text: str) -> MessageSent:
        """Send a text from an account to an account."""
        raise NotImplementedError
