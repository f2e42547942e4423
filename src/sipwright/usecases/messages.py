"""Text messages (RFC 3428) that people send from a face."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from sipwright.store.errors import at_field
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Invalid
from sipwright.usecases.ground import Ground
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import Noted
from sipwright.usecases.whose import account_of

__all__ = ["MessageSent", "Messages"]

LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class MessageSent:
    """The final response to a text."""

    status: int
    reason: str


class Messages:
    """Sends texts to phones."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("call")
    async def send(self, actor: Actor, from_: str, to: str, text: str) -> MessageSent:
        """Send a text from an account to an account."""
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
        answer = await self._ground.ask(
            "messages.send", user_id=user_id, **{"from": sender}, to=to.strip(), text=text
        )
        sent = MessageSent(int(answer.get("status", 200)), str(answer.get("reason", "OK")))
        values = {"to": to.strip(), "letters": len(text), "status": sent.status}
        await self._ground.record(Noted.of(actor, "messages.send", sender, None, values))
        return sent
