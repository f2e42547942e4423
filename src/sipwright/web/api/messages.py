"""`/messages`: texts to phones (RFC 3428)."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from pydantic import Field

from sipwright.usecases.messages import MessageSent
from sipwright.web.api.common import OnceKey
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


_UNDER_WAY: dict[int | str, dict[str, Any]] = {
    202: {"model": Sent, "description": "No phone has said yet whether it takes the text: it may still come."}
}


@router.post("", response_model=Sent, responses=_UNDER_WAY)
async def send_message(
    actor: Asking, uses: Uses, given: NewMessage, response: Response, idempotency_key: OnceKey = None
) -> Any:
    """Send a text, and tell what came of it.

    202 is for a phone that has not said within ten seconds whether it takes the text. To send it again would be a
    second one; with the `Idempotency-Key` of the first it is not, and tells what came of that one meanwhile.
    """
    sent = await uses.messages.send(actor, given.from_, given.to, given.text, key=idempotency_key)
    response.status_code = sent.status
    return sent
