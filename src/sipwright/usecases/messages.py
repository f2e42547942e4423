"""Text messages (RFC 3428) that people send from a face."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from sipwright.store.errors import at_field
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Invalid
from sipwright.usecases.ground import Ground
from sipwright.usecases.repeats import key_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import Noted
from sipwright.usecases.whose import account_of

__all__ = ["MessageSent", "Messages"]

LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class MessageSent:
    """What came of a text: the response of a phone that has taken it, or 202 while none has said anything yet."""

    status: int
    reason: str


_TAKEN = MessageSent(200, "OK")
_UNDER_WAY = MessageSent(202, "No phone has said yet whether it takes the text; it may still come")
"""As RFC 3428 §7 means it: nobody knows whether it arrives. To send it again would be a second text."""


class Messages:
    """Sends texts to phones."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("call")
    async def send(
        self, actor: Actor, from_: str, to: str, text: str, *, key: str | None = None
    ) -> MessageSent:
        """Send a text from an account to an account; one `key` sends one text.

        Raises:
            Refused: No phone has taken it.
        """
        if not text.strip():
            raise Invalid.of("text", "the text is empty; write something")
        if len(text) > LONGEST:
            raise Invalid.of("text", f"the text has {len(text)} letters; {LONGEST} are the most")
        if not to.strip():
            raise Invalid.of("to", "say whom the text is for: an account, such as bob")

        def work(connection: Connection) -> tuple[str, int]:
            with at_field("from"):
                found = account_of(connection, self._ground.keys, actor, from_)
            return found.aor, found.user_id

        sender, user_id = await self._ground.read(work)
        asked = {"user_id": user_id, "from": sender, "to": to.strip(), "text": text}
        if key is not None:
            asked["key"] = key_of(key)
        answer = await self._ground.ask("messages.send", **asked)
        sent = _TAKEN if answer.get("taken", True) else _UNDER_WAY
        if not answer.get("repeated"):
            values = {"to": to.strip(), "letters": len(text), "status": sent.status}
            await self._ground.record(Noted.of(actor, "messages.send", sender, None, values))
        return sent
