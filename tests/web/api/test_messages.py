"""`/messages`: what a program is told of a text that it sends."""

from types import SimpleNamespace

import pytest
from fastapi import Response

from sipwright.usecases.messages import MessageSent
from sipwright.web.api.messages import NewMessage, send_message


@pytest.mark.parametrize("sent", [MessageSent(200, "OK"), MessageSent(202, "It may still come")])
async def test_a_text_that_nobody_has_answered_yet_is_accepted_and_no_fault(sent):
    asked = []

    async def send(*given, key):
        asked.append((*given[1:], key))
        return sent

    response = Response()
    uses = SimpleNamespace(messages=SimpleNamespace(send=send))
    given = NewMessage.model_validate({"from": "alice", "to": "bob", "text": "hello"})
    told = await send_message(None, uses, given, response, "k1")

    assert (told, response.status_code) == (sent, sent.status)
    assert asked == [("alice", "bob", "hello", "k1")]
