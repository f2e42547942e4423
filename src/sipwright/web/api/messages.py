"""`/messages`: texts to phones (RFC 3428)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from sipwright.usecases.messages import MessageSent
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Given, model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource("/messages", tags=["messages"])

Sent: Any = model_of(MessageSent)


class NewMessage(Given):
    """A text from an account to an account."""

    from_: str = Field(alias="from", max_length=300)
    to: str = Field(max_length=300)
    text: str = Field(max_length=10_000)


@router.post("", response_model=Sent)
async def send_message(actor: Asking, uses: Uses, given: NewMessage) -> Any:
    """Send a text, and tell what came back."""
    return await uses.messages.send(actor, given.from_, given.to, given.text)
